package credential

import (
	"crypto/rsa"
	"crypto/x509"
	"time"
)

// A RotationPolicy says when a certificate has to be replaced. The zero policy is the
// default one.
type RotationPolicy struct {
	// Before is how long before its end a long-lived certificate is due. Zero means 150
	// days.
	Before time.Duration
	// Fraction is the part of its life after which a short-lived certificate is due. Zero
	// means 0.7.
	Fraction float64
	// ShortLived is the lifetime below which a certificate is short-lived. Zero means 300
	// days; negative treats all as long-lived.
	ShortLived time.Duration
}

const day = 24 * time.Hour

func (p RotationPolicy) withDefaults() RotationPolicy {
	if p.Before <= 0 {
		p.Before = 150 * day
	}
	if p.Fraction <= 0 || p.Fraction >= 1 {
		p.Fraction = 0.7
	}
	if p.ShortLived == 0 {
		p.ShortLived = 300 * day
	}
	return p
}

// Due returns the moment from which on a certificate should be replaced.
func (p RotationPolicy) Due(c *x509.Certificate) time.Time {
	p = p.withDefaults()
	life := c.NotAfter.Sub(c.NotBefore)
	if life < p.ShortLived {
		return c.NotBefore.Add(time.Duration(float64(life) * p.Fraction))
	}
	return c.NotAfter.Add(-p.Before)
}

func keyBits(c *x509.Certificate) int {
	if k, ok := c.PublicKey.(*rsa.PublicKey); ok {
		return k.N.BitLen()
	}
	return 0
}
