package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
)

// profiles are what the Go tools can be told to look at, by the file that each goes to, as
// flags of go test do. A file that is not named is not written.
type profiles struct {
	cpu, mem, block, mutex, trace string
}

func (p *profiles) flags(f *flag.FlagSet) {
	f.StringVar(&p.cpu, "cpuprofile", "", "write a CPU profile of the scenarios to this file")
	f.StringVar(&p.mem, "memprofile", "", "write a profile of all allocations to this file")
	f.StringVar(&p.block, "blockprofile", "", "write a profile of what goroutines waited for to this file")
	f.StringVar(&p.mutex, "mutexprofile", "", "write a profile of contended locks to this file")
	f.StringVar(&p.trace, "trace", "", "write an execution trace to this file; it grows fast")
}

// start begins to record and returns what ends it and writes the files.
func (p *profiles) start() (stop func() error, err error) {
	var ends []func() error
	stop = func() error {
		var errs []error
		for _, end := range ends {
			errs = append(errs, end())
		}
		return errors.Join(errs...)
	}
	record := func(path string, begin func(io.Writer) error, end func(io.Writer) error) {
		if path == "" || err != nil {
			return
		}
		var f *os.File
		if f, err = os.Create(path); err != nil { //nolint:gosec // where the user wants it
			return
		}
		ends = append(ends, func() error { return errors.Join(end(f), f.Close()) })
		err = begin(f)
	}
	lookup := func(name string) func(io.Writer) error {
		return func(w io.Writer) error { return pprof.Lookup(name).WriteTo(w, 0) }
	}
	record(p.cpu, pprof.StartCPUProfile, func(io.Writer) error { pprof.StopCPUProfile(); return nil })
	record(p.trace, trace.Start, func(io.Writer) error { trace.Stop(); return nil })
	record(p.mem, func(io.Writer) error { return nil }, lookup("allocs"))
	record(p.block, func(io.Writer) error { runtime.SetBlockProfileRate(10_000); return nil }, lookup("block"))
	record(p.mutex, func(io.Writer) error { runtime.SetMutexProfileFraction(10); return nil }, lookup("mutex"))
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}
