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

// ParseNetlogon reads the answer to an LDAP ping.
func ParseNetlogon(b []byte) (site string, closest, ok bool) {
	p, ok := parseNetlogon(b)
	return p.client, p.closest, ok
}

// Place asks a domain controller where this machine is.
func Place(ctx context.Context, d *Directory, domain string) (site string, ok bool, err error) {
	l, err := d.connect(ctx)
	if err != nil {
		return "", false, err
	}
	defer l.close()
	p, ok := l.place(ctx, domain)
	return p.client, ok, nil
}

// SetSleep replaces waiting between attempts.
func SetSleep(d *Directory, sleep func(context.Context, time.Duration) error) { d.sleep = sleep }

// SetRequestTimeout changes how long d waits for an answer.
func SetRequestTimeout(d *Directory, timeout time.Duration) { d.opts.RequestTimeout = timeout }

// TakeStrangers makes f take domains that are forests of their own, as Samba makes them.
func TakeStrangers(f *Forest) { f.strange = true }
