package credential

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// DefaultLifetime is how long certificates that this package makes are valid: ninety days,
// as those of Microsoft Entra Connect.
const DefaultLifetime = 90 * 24 * time.Hour

// CertificateOptions describe a certificate. The zero value, or nil, is good.
type CertificateOptions struct {
	// CommonName of subject and issuer. "" means "hybridsync".
	CommonName string
	// NotBefore is when it begins to be valid. Zero means five minutes ago, so that clocks
	// that differ do no harm.
	NotBefore time.Time
	// Lifetime counts from now, not from NotBefore. Zero means [DefaultLifetime]; Entra ID
	// and a tenant's policy may cap it.
	Lifetime time.Duration
	// Clock tells the time. Nil means [time.Now].
	Clock func() time.Time
}

// CreateCertificate makes a self-signed certificate for the key: RSA, SHA-256, key usage
// digital signature, a random serial number of 127 bits.
func CreateCertificate(signer crypto.Signer, o *CertificateOptions) (*x509.Certificate, error) {
	var d CertificateOptions
	if o != nil {
		d = *o
	}
	if d.CommonName == "" {
		d.CommonName = "hybridsync"
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	now := d.Clock().UTC().Truncate(time.Second)
	if d.NotBefore.IsZero() {
		d.NotBefore = now.Add(-5 * time.Minute)
	}
	if d.Lifetime <= 0 {
		d.Lifetime = DefaultLifetime
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("credential: serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: d.CommonName},
		NotBefore: d.NotBefore.UTC(), NotAfter: now.Add(d.Lifetime),
		SignatureAlgorithm: x509.SHA256WithRSA, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("credential: certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("credential: certificate: %w", err)
	}
	return cert, KeyPair{cert, signer}.validate()
}

// Thumbprint returns the SHA-1 of the certificate as 40 upper-case hexadecimal digits: what
// the Entra portal and Windows show.
func Thumbprint(c *x509.Certificate) string {
	sum := sha1.Sum(c.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// SHA256Hash returns the SHA-256 of the certificate as 64 upper-case hexadecimal digits: what
// the cmdlets of Entra Connect take as CertificateSHA256Hash.
func SHA256Hash(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// SameThumbprint reports whether a text that someone pasted names the certificate: its SHA-1
// or SHA-256 in either case, with or without colons, spaces, hyphens, and the invisible mark
// that copying from the Windows certificate dialog puts in front.
func SameThumbprint(c *x509.Certificate, text string) bool {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'F':
			return r
		case r >= 'a' && r <= 'f':
			return r - 'a' + 'A'
		case r == ':' || r == ' ' || r == '-' || r == '\u200e' || r == '\u00a0' || r == '\n' || r == '\r' || r == '\t':
			return -1
		}
		return '?'
	}, text)
	return clean == Thumbprint(c) || clean == SHA256Hash(c)
}
