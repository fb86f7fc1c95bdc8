package expr

import (
	"crypto/sha1" //nolint:gosec // what certificates are named by, not a protection
	"encoding/base64"
	"strconv"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// exampleCertificateText is a self-signed certificate made for the documentation.
const exampleCertificateText = "MIICHTCCAcOgAwIBAgIEChssPTAKBggqhkjOPQQDAjA4MQswCQYDVQQGEwJVUzERMA8GA1UECgwIRmFicmlrYW0xFjAUBgNVBAMMDWFiYmllLnNwZW5jZXIwHhcNMjYxMTIxMDAwMTM5WhcNMzYxMTE4MDAwMTM5WjA4MQswCQYDVQQGEwJVUzERMA8GA1UECgwIRmFicmlrYW0xFjAUBgNVBAMMDWFiYmllLnNwZW5jZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT2CxjTqfiN297qAE4U7sG4eCkqQF2LxKAsBS71WJhygmgBRakmtveLdgdLmkUPa+TnmzD8S8NqUjxZDMv6Qd9xo4G6MIG3MAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMCMGMGA1UdEQRcMFqBGmFiYmllLnNwZW5jZXJAZmFicmlrYW0uY29toCoGCisGAQQBgjcUAgOgHAwaYWJiaWUuc3BlbmNlckBmYWJyaWthbS5jb22CEHBjMS5mYWJyaWthbS5jb20wHQYDVR0OBBYEFNrcxV/XstBfiJdmVyH/iW1c4ltpMAoGCCqGSM49BAMCA0gAMEUCIQCDg9o8b/vmFh5I1pal5BCuBn6iNXqOyS+xAZDGwE1MugIgEwneiCbK0BqOP0NiFR3KjaqZI6TqT13AyoZ5urlbYRg="

func exampleCertificate() []attr.Value {
	der, err := base64.StdEncoding.DecodeString(exampleCertificateText)
	if err != nil {
		panic(err)
	}
	return []attr.Value{attr.Binary(der)}
}

// certText makes a function of a certificate that returns text.
func certText(name, doc, want string, f func(*certificate) (string, bool)) Function {
	return Function{
		Name: name, Doc: doc, Result: TypeString,
		Params:   []Param{{Name: "certificate", Type: TypeBinary | TypeString}},
		Examples: []Example{{Given: given{"userCertificate": exampleCertificate()}, Expr: name + `([userCertificate])`, Want: want}},
		Eval: func(c *Call, a []Value) (Value, error) {
			if err := c.Work(len(a[0].str) / 64); err != nil {
				return Value{}, err
			}
			cert, err := certificateOf(&a[0])
			if err != nil {
				return Value{}, err
			}
			s, ok := f(cert)
			if !ok {
				return Value{}, errNoCertificate
			}
			return Text(s), nil
		},
	}
}

// certDate makes a function of a certificate that returns a date.
func certDate(name, doc, want string, f func(*certificate) int64) Function {
	return Function{
		Name: name, Doc: doc, Result: TypeDate,
		Params:   []Param{{Name: "certificate", Type: TypeBinary | TypeString}},
		Examples: []Example{{Given: given{"userCertificate": exampleCertificate()}, Expr: name + `([userCertificate])`, Want: want}},
		Eval: func(c *Call, a []Value) (Value, error) {
			if err := c.Work(len(a[0].str) / 64); err != nil {
				return Value{}, err
			}
			cert, err := certificateOf(&a[0])
			if err != nil {
				return Value{}, err
			}
			return Value{kind: TypeDate, num: f(cert)}, nil
		},
	}
}

func certFunctions() []Function {
	const sum, name = `"C89F6DF056EBE11FAD7C43170D8F25BAC08B1761"`, `"CN=abbie.spencer, O=Fabrikam, C=US"`
	hash := func(c *certificate) (string, bool) {
		sum := sha1.Sum([]byte(c.raw)) //nolint:gosec // as above
		return upperHex(string(sum[:])), true
	}
	issuer := func(c *certificate) (string, bool) { return formatName(c.issuer) }
	subject := func(c *certificate) (string, bool) { return formatName(c.subject) }
	nothing := func(*certificate) (string, bool) { return "", true }
	key := func(c *certificate) (string, bool) { return formatOID(c.keyOID) }
	signed := given{"userCertificate": exampleCertificate()}
	return chapter("Certificates", []Function{
		{
			Name: "CertExtensionOids", Result: TypeString, ResultSet: true,
			Params:   []Param{{Name: "certificate", Type: TypeBinary | TypeString}},
			Doc:      "Returns the OIDs of the critical extensions. NULL when there are none.",
			Examples: []Example{{Given: signed, Expr: `CertExtensionOids([userCertificate])`, Want: `{"2.5.29.19","2.5.29.15"}`}},
			Eval:     criticalExtensions,
		},
		certText("CertFormat", "Returns the name of the certificate's format, which is X509.", `"X509"`, func(*certificate) (string, bool) { return "X509", true }),
		certText("CertFriendlyName", "Returns the empty text: Windows keeps friendly names beside certificates, not in them.", `""`, nothing),
		certText("CertHashString", "Returns the SHA-1 of the certificate in hexadecimal.", sum, hash),
		certText("CertThumbprint", "Returns the SHA-1 of the certificate in hexadecimal.", sum, hash),
		certText("CertIssuer", "Returns the name of the issuer, the most specific component first.", name, issuer),
		certText("CertIssuerDN", "Returns the name of the issuer, the most specific component first.", name, issuer),
		certText("CertIssuerOid", "Returns the OID of the issuer's name, which is the empty text: names have none.", `""`, nothing),
		certText("CertSubject", "Returns the name of the subject, the most specific component first.", name, subject),
		certText("CertSubjectNameDN", "Returns the name of the subject, the most specific component first.", name, subject),
		certText("CertSubjectNameOid", "Returns the OID of the subject's name, which is the empty text: names have none.", `""`, nothing),
		certText("CertKeyAlgorithm", "Returns the OID of the public key's algorithm.", `"1.2.840.10045.2.1"`, key),
		certText("CertKeyAlgorithmParams", "Returns the parameters of the public key's algorithm: their DER in hexadecimal.", `"06082A8648CE3D030107"`,
			func(c *certificate) (string, bool) { return upperHex(c.keyParams), true }),
		{
			Name: "CertNameInfo", Result: TypeString,
			Params: []Param{
				{Name: "certificate", Type: TypeBinary | TypeString},
				{Name: "nameType", Type: TypeString, Words: []string{"SimpleName", "EmailName", "UpnName", "DnsName", "DnsFromAlternativeName", "UrlName"}},
				{Name: "issuer", Type: TypeBool},
			},
			Doc: "Returns a name of the subject or, when issuer is True, of the issuer: SimpleName, EmailName, UpnName, DnsName, DnsFromAlternativeName or UrlName. " +
				"It is the empty text when the certificate has none of that sort.",
			Examples: []Example{
				{Given: signed, Expr: `CertNameInfo([userCertificate],"UpnName",False)`, Want: `"abbie.spencer@fabrikam.com"`},
				{Given: signed, Expr: `CertNameInfo([userCertificate],"DnsFromAlternativeName",False)`, Want: `"pc1.fabrikam.com"`},
			},
			Eval: certNameInfo,
		},
		certDate("CertNotAfter", "Returns the last moment at which the certificate is valid, in UTC.", `2036-11-18T00:01:39Z`, func(c *certificate) int64 { return c.notAfter }),
		certDate("CertNotBefore", "Returns the first moment at which the certificate is valid, in UTC.", `2026-11-21T00:01:39Z`, func(c *certificate) int64 { return c.notBefore }),
		certText("CertPublicKeyOid", "Returns the OID of the public key.", `"1.2.840.10045.2.1"`, key),
		certText("CertPublicKeyParametersOid", "Returns the OID that .NET gives to the public key's parameters, which is that of the public key.", `"1.2.840.10045.2.1"`, key),
		certText("CertSerialNumber", "Returns the serial number in hexadecimal, the highest byte first.", `"0A1B2C3D"`,
			func(c *certificate) (string, bool) { return upperHex(c.serial), true }),
		certText("CertSignatureAlgorithmOid", "Returns the OID of the algorithm by which the certificate is signed.", `"1.2.840.10045.4.3.2"`,
			func(c *certificate) (string, bool) { return formatOID(c.signature) }),
		certText("CertVersion", "Returns the version of the certificate's format, as text.", `"3"`,
			func(c *certificate) (string, bool) { return strconv.Itoa(c.version), true }),
	})
}

func criticalExtensions(c *Call, a []Value) (Value, error) {
	cert, err := certificateOf(&a[0])
	if err != nil {
		return Value{}, err
	}
	var oids []attr.Value
	good := true
	cert.eachExtension(func(raw string, critical bool, _ string) {
		oid, ok := formatOID(raw)
		good = good && ok
		if critical {
			oids = append(oids, attr.String(oid))
		}
	})
	if !good {
		return Value{}, errNoCertificate
	}
	if err := c.Spend(len(oids) * valueSize); err != nil {
		return Value{}, err
	}
	return Set(oids), nil
}

func certNameInfo(c *Call, a []Value) (Value, error) {
	cert, err := certificateOf(&a[0])
	if err != nil {
		return Value{}, err
	}
	nameType := findWord([]string{"SimpleName", "EmailName", "UpnName", "DnsName", "DnsFromAlternativeName", "UrlName"}, a[1].str)
	if nameType == "" {
		return Value{}, Errorf(CodeValue, "the type of name is none of those it knows")
	}
	return Text(cert.nameInfo(nameType, a[2].Bool())), nil
}
