//go:build !unix

package main

import (
	"math"
	"time"
)

// processorTime is not known here.
func processorTime() time.Duration { return 0 }

// freeDisk is not known here.
func freeDisk(string) uint64 { return math.MaxUint64 }
