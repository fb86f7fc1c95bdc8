package credential

import (
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"
)

// A View is everything that an administrator wants to know about a certificate and how it is
// managed. It holds no secret.
type View struct {
	ManagedBy     Mode      `json:"managedBy"`
	AutoRotation  bool      `json:"autoRotation"`
	KeyStore      string    `json:"keyStore,omitempty"`
	HardwareBound bool      `json:"hardwareBound"`
	KeyID         string    `json:"keyId,omitempty"` // of the key credential in the tenant
	Thumbprint    string    `json:"thumbprint"`      // SHA-1
	SHA256Hash    string    `json:"sha256Hash"`
	Subject       string    `json:"subject"`
	Issuer        string    `json:"issuer"`
	SerialNumber  string    `json:"serialNumber"` // upper-case hexadecimal
	NotBefore     time.Time `json:"notBefore"`
	NotAfter      time.Time `json:"notAfter"`
	PercentUsed   float64   `json:"percentUsed"` // 0 to 100
	RotationDue   time.Time `json:"rotationDue"`
	DaysRemaining int       `json:"daysRemaining"` // whole days, negative after expiry
	SignatureAlgo string    `json:"signatureAlgorithm"`
	KeyBits       int       `json:"keyBits"`
}

// ViewOf describes a certificate at a moment.
func ViewOf(c *x509.Certificate, p RotationPolicy, now time.Time) View {
	v := View{
		Thumbprint: Thumbprint(c), SHA256Hash: SHA256Hash(c), Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		SerialNumber: strings.ToUpper(hex.EncodeToString(c.SerialNumber.Bytes())),
		NotBefore:    c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), RotationDue: p.Due(c).UTC(),
		SignatureAlgo: c.SignatureAlgorithm.String(), KeyBits: keyBits(c),
	}
	used := float64(now.Sub(c.NotBefore)) / float64(c.NotAfter.Sub(c.NotBefore))
	v.PercentUsed = 100 * min(1, max(0, used))
	left := c.NotAfter.Sub(now)
	v.DaysRemaining = int(left / (24 * time.Hour))
	if left < 0 {
		v.DaysRemaining--
	}
	return v
}
