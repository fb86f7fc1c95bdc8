package ad

import (
	"context"
	"time"
)

// SetRangeStep makes d ask for n values of references at a time, as a server that enforces
// MaxValRange would send them.
func SetRangeStep(d *Directory, n int) { d.rangeStep = n }

// EndPointBinding is the channel binding for a certificate.
var EndPointBinding = endPointBinding

// BindChallenge adds a channel binding to a challenge of NTLM.
var BindChallenge = bindChallenge

// ParseVector reads an up-to-dateness vector.
func ParseVector(raw string) bool { _, ok := parseVector(raw); return ok }

// SetSleep replaces waiting between attempts.
func SetSleep(d *Directory, sleep func(context.Context, time.Duration) error) { d.sleep = sleep }

// TakeStrangers makes f take domains that are forests of their own, as Samba makes them.
func TakeStrangers(f *Forest) { f.strange = true }
