package ad

import (
	"crypto"
	"crypto/md5" //nolint:gosec // RFC 4121 hashes channel bindings with it
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/hybridsync/hybridsync/connector"
)

// channelBinding returns the hash that ties a sign-in to the TLS connection it is made on
// (RFC 5929, tls-server-end-point, in the form of RFC 4121), so that nobody in the middle
// can use it on another. It is nil without TLS and for certificates that the RFC has no
// hash for.
func channelBinding(conn net.Conn) ([]byte, error) {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	chain := secure.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w: the server has shown no certificate", connector.ErrUntrusted)
	}
	return endPointBinding(chain[0]), nil
}

func endPointBinding(cert *x509.Certificate) []byte {
	var hash crypto.Hash
	switch cert.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		hash = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		hash = crypto.SHA512
	case x509.PureEd25519, x509.UnknownSignatureAlgorithm:
		return nil
	default: // SHA-256, and what is weaker counts as SHA-256
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(cert.Raw)
	data := append([]byte("tls-server-end-point:"), h.Sum(nil)...)
	// Two addresses of no type and no length come first.
	all := binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(data)))
	sum := md5.Sum(append(all, data...)) //nolint:gosec // see above
	return sum[:]
}
