package sourceanchor

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// A CloudAnchor is the anchor of an object within Entra ID as Microsoft Entra Connect
// writes it: the object's type and its object id.
type CloudAnchor struct {
	Type     string // "User", "Group", "Contact", "Device"
	ObjectID string // GUID text
}

// String returns the text form, such as User_c72903ed-7816-41cd-9066-eac33d171d77.
func (c CloudAnchor) String() string { return c.Type + "_" + c.ObjectID }

// ParseCloudAnchor reads the text form.
func ParseCloudAnchor(text string) (CloudAnchor, error) {
	kind, id, ok := strings.Cut(text, "_")
	if !ok || kind == "" {
		return CloudAnchor{}, parseError("cloud anchor", text, "is not of the form Type_objectId")
	}
	if _, err := ParseGUID(id); err != nil {
		return CloudAnchor{}, parseError("cloud anchor", text, "does not end in an object id")
	}
	return CloudAnchor{kind, strings.ToLower(id)}, nil
}

// Stored returns the form in which Entra Connect's database and its exports hold the cloud
// anchor: Base64 of a little-endian length and NUL-terminated UTF-16LE text.
func (c CloudAnchor) Stored() string {
	units := append(utf16.Encode([]rune(c.String())), 0)
	b := binary.LittleEndian.AppendUint32(nil, uint32(2*len(units)))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return base64.StdEncoding.EncodeToString(b)
}

// ParseStoredCloudAnchor is the inverse of [CloudAnchor.Stored].
func ParseStoredCloudAnchor(text string) (CloudAnchor, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return CloudAnchor{}, parseError("stored cloud anchor", text, "is not Base64")
	}
	if len(b) < 6 || len(b)%2 != 0 || int64(binary.LittleEndian.Uint32(b)) != int64(len(b)-4) {
		return CloudAnchor{}, parseError("stored cloud anchor", text, "has a length that does not fit")
	}
	units := make([]uint16, 0, len(b)/2)
	for rest := b[4:]; len(rest) > 0; rest = rest[2:] {
		units = append(units, binary.LittleEndian.Uint16(rest))
	}
	if units[len(units)-1] != 0 {
		return CloudAnchor{}, parseError("stored cloud anchor", text, "is not terminated")
	}
	return ParseCloudAnchor(string(utf16.Decode(units[:len(units)-1])))
}
