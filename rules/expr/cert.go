package expr

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// A certificate is an X.509 certificate of which the fields have been found but not
// interpreted. It is read by hand rather than by crypto/x509, which refuses certificates
// that directories do hold (negative serial numbers, unknown curves) and would parse all
// of one when a rule asks for a date.
type certificate struct {
	raw        string // DER
	version    int
	serial     string // content octets
	signature  string // content octets of the OID
	issuer     string // content of the Name
	notBefore  int64  // ticks
	notAfter   int64
	subject    string
	keyOID     string // content octets of the OID
	keyParams  string // DER, with its header
	extensions string // content of the sequence
}

var errNoCertificate = &EvalError{Code: CodeValue, Message: "the value is no certificate"}

// certificateOf reads the certificate in binary (DER) or text (Base64 of it).
func certificateOf(v *Value) (*certificate, error) {
	der := v.str
	switch v.kind {
	case TypeString:
		b, ok := decodeBase64(der)
		if !ok {
			return nil, errNoCertificate
		}
		der = string(b)
	case TypeBinary:
		// Some directories hold the text in a binary attribute.
		if der != "" && der[0] != tagSequence {
			if b, ok := decodeBase64(der); ok {
				der = string(b)
			}
		}
	default:
		return nil, errNoCertificate
	}
	cert, err := parseCertificate(der)
	if err != nil {
		return nil, errNoCertificate
	}
	return cert, nil
}

var errDER = errors.New("malformed DER")

func parseCertificate(der string) (*certificate, error) {
	outer := derReader(der)
	body, ok := outer.take(tagSequence)
	if !ok || outer != "" {
		return nil, errDER
	}
	c := &certificate{raw: der}
	in := derReader(body)
	tbs, ok1 := in.take(tagSequence)
	algorithm, ok2 := in.take(tagSequence)
	_, ok3 := in.take(tagBitString)
	if !ok1 || !ok2 || !ok3 || in != "" {
		return nil, errDER
	}
	if c.signature, _, ok = parseAlgorithm(algorithm); !ok {
		return nil, errDER
	}
	if !c.parseTBS(derReader(tbs)) {
		return nil, errDER
	}
	return c, nil
}

func (c *certificate) parseTBS(in derReader) bool {
	c.version = 1
	if v, ok := in.take(tagContext0); ok {
		inner := derReader(v)
		n, ok := inner.take(tagInteger)
		if !ok || inner != "" || len(n) != 1 {
			return false
		}
		c.version = int(n[0]) + 1
	}
	var ok bool
	if c.serial, ok = in.take(tagInteger); !ok || c.serial == "" {
		return false
	}
	if _, ok = in.take(tagSequence); !ok { // the signature's algorithm once more
		return false
	}
	if c.issuer, ok = in.take(tagSequence); !ok {
		return false
	}
	validity, ok := in.take(tagSequence)
	if !ok || !c.parseValidity(derReader(validity)) {
		return false
	}
	if c.subject, ok = in.take(tagSequence); !ok {
		return false
	}
	key, ok := in.take(tagSequence)
	if !ok || !c.parseKey(derReader(key)) {
		return false
	}
	in.take(tagContext1 &^ constructed)
	in.take(tagContext2 &^ constructed)
	if list, ok := in.take(tagContext3); ok {
		inner := derReader(list)
		if c.extensions, ok = inner.take(tagSequence); !ok || inner != "" {
			return false
		}
	}
	return in == "" && c.eachExtension(func(string, bool, string) {})
}

func (c *certificate) parseValidity(in derReader) bool {
	var ok1, ok2 bool
	c.notBefore, ok1 = in.time()
	c.notAfter, ok2 = in.time()
	return ok1 && ok2 && in == ""
}

func (c *certificate) parseKey(in derReader) bool {
	algorithm, ok1 := in.take(tagSequence)
	_, ok2 := in.take(tagBitString)
	if !ok1 || !ok2 {
		return false
	}
	var ok bool
	c.keyOID, c.keyParams, ok = parseAlgorithm(algorithm)
	return ok
}

// parseAlgorithm returns OID and parameters of an AlgorithmIdentifier's content.
func parseAlgorithm(content string) (oid, params string, ok bool) {
	in := derReader(content)
	oid, ok = in.take(tagOID)
	return oid, string(in), ok && oid != ""
}

// eachExtension calls f for every extension, with the content octets of its OID, and
// reports whether all were well-formed.
func (c *certificate) eachExtension(f func(oid string, critical bool, value string)) bool {
	for in := derReader(c.extensions); in != ""; {
		ext, ok := in.take(tagSequence)
		if !ok {
			return false
		}
		inner := derReader(ext)
		oid, ok := inner.take(tagOID)
		if !ok || oid == "" {
			return false
		}
		critical := false
		if b, ok := inner.take(tagBoolean); ok {
			critical = len(b) == 1 && b[0] != 0
		}
		value, ok := inner.take(tagOctetString)
		if !ok || inner != "" {
			return false
		}
		f(oid, critical, value)
	}
	return true
}

// time reads a UTCTime or GeneralizedTime as ticks.
func (r *derReader) time() (int64, bool) {
	layout := "060102150405Z0700"
	s, ok := r.take(tagUTCTime)
	if !ok {
		layout = "20060102150405Z0700"
		if s, ok = r.take(tagGeneralizedTime); !ok {
			return 0, false
		}
	}
	t, err := time.Parse(layout, s)
	if err != nil && strings.HasSuffix(s, "Z") && len(layout) == 17 {
		t, err = time.Parse("0601021504Z0700", s) // seconds used to be optional
	}
	if err != nil {
		return 0, false
	}
	if len(layout) == 17 && t.Year() >= 2050 {
		t = t.AddDate(-100, 0, 0) // RFC 5280: two digits are 1950 to 2049
	}
	ticks := ticksOf(t)
	return ticks, minTicks <= ticks && ticks <= maxTicks
}

// formatOID writes the content octets of an object identifier.
func formatOID(b string) (string, bool) {
	if b == "" || b[len(b)-1]&0x80 != 0 {
		return "", false
	}
	var out []byte
	var n uint64
	for i := 0; i < len(b); i++ {
		if n > 1<<56 {
			return "", false
		}
		n = n<<7 | uint64(b[i]&0x7f)
		if b[i]&0x80 != 0 {
			continue
		}
		if out == nil {
			first := min(n/40, 2)
			out = strconv.AppendUint(out, first, 10)
			n -= first * 40
		}
		out = append(out, '.')
		out = strconv.AppendUint(out, n, 10)
		n = 0
	}
	return string(out), true
}
