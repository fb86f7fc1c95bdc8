package entra

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A refKind is the type of object that a reference points to.
type refKind uint8

const (
	refOther refKind = iota
	refUser
	refGroup
	refDevice
	refContact
	refServicePrincipal
)

var refLabels = [...]string{"Object", "User", "Group", "Device", "Contact", "ServicePrincipal"}

// refKindOf returns the kind that an @odata.type names.
func refKindOf(odata string) refKind {
	switch strings.TrimPrefix(odata, "#microsoft.graph.") {
	case "user":
		return refUser
	case "group":
		return refGroup
	case "device":
		return refDevice
	case "orgContact":
		return refContact
	case "servicePrincipal":
		return refServicePrincipal
	}
	return refOther
}

// A ref is a reference in seventeen octets: memberships of a large tenant come in millions.
type ref struct {
	id   guid
	kind refKind
}

// text returns the anchor of the target: User_<guid>, Device_<guid> and so on.
func (r ref) text() string { return refLabels[r.kind] + "_" + r.id.String() }

func (r ref) value() attr.Value { return attr.Reference(r.text()) }

// parseRef reads an anchor of this tenant.
func parseRef(text string) (ref, error) {
	label, id, ok := strings.Cut(text, "_")
	g, isGUID := parseGUID(id)
	for k, l := range refLabels {
		if ok && isGUID && strings.EqualFold(l, label) {
			return ref{g, refKind(k)}, nil
		}
	}
	return ref{}, errors.New("not an anchor of this directory")
}

// A guid is an object id. Its octets are in the order in which they are written.
type guid [16]byte

// guidDashes is the form of an id.
const guidDashes = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

func parseGUID(text string) (g guid, ok bool) {
	if len(text) != len(guidDashes) {
		return g, false
	}
	n := 0
	for i := 0; i < len(text); i++ {
		if guidDashes[i] == '-' {
			if text[i] != '-' {
				return g, false
			}
			continue
		}
		d, ok := hexDigit(text[i])
		if !ok {
			return g, false
		}
		g[n/2] = g[n/2]<<4 | d
		n++
	}
	return g, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// String returns the id as Graph writes it, in lower case.
func (g guid) String() string {
	var b [36]byte
	hex.Encode(b[0:8], g[0:4])
	hex.Encode(b[9:13], g[4:6])
	hex.Encode(b[14:18], g[6:8])
	hex.Encode(b[19:23], g[8:10])
	hex.Encode(b[24:36], g[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// directoryOrder returns the octets as Active Directory stores GUIDs: those of the first
// three fields the other way round.
func (g guid) directoryOrder() []byte {
	b := g[:]
	slices.Reverse(b[0:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return b
}

// dnOf returns the DN of the object with the given source anchor, in the form that Entra
// Connect uses: CN={ upper-case hexadecimal digits of the anchor's UTF-8 octets }.
func dnOf(sourceAnchor string) string {
	if sourceAnchor == "" {
		return ""
	}
	return "CN={" + strings.ToUpper(hex.EncodeToString([]byte(sourceAnchor))) + "}"
}

// anchorOfDN is the inverse of dnOf.
func anchorOfDN(dn string) (string, bool) {
	if len(dn) < len("CN={}") || !strings.EqualFold(dn[:4], "CN={") || dn[len(dn)-1] != '}' {
		return "", false
	}
	b, err := hex.DecodeString(dn[4 : len(dn)-1])
	return string(b), err == nil && len(b) > 0
}

// The source anchor of a group is kept in its property uniqueName, an alternate key that
// is fixed once set: this prefix and the anchor's octets in hexadecimal digits, so that no
// character of an anchor can offend.
const (
	linkPrefix  = "hybridsync-"
	maxLinkText = 128
)

// linkName returns the uniqueName for a source anchor, "" for one that does not fit.
func linkName(sourceAnchor string) string {
	name := linkPrefix + hex.EncodeToString([]byte(sourceAnchor))
	if sourceAnchor == "" || len(name) > maxLinkText {
		return ""
	}
	return name
}

// anchorOfLink is the inverse of linkName, "" for a name that is not a link.
func anchorOfLink(uniqueName string) string {
	digits, ok := strings.CutPrefix(uniqueName, linkPrefix)
	if !ok {
		return ""
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return ""
	}
	return string(b)
}

// anchorFor returns the anchor of an object of the class.
func (c *class) anchorFor(id guid) connector.Anchor {
	return connector.TextAnchor(c.label + "_" + id.String())
}
