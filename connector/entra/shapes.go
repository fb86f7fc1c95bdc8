package entra

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

var (
	upnPattern     = regexp.MustCompile(`^[A-Za-z0-9'._!#^~-]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+$`)
	mailPattern    = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
	countryPattern = regexp.MustCompile(`^[A-Za-z]{2}$`)
)

const (
	// notInNicknames are the characters that Graph refuses in a mailNickname.
	notInNicknames = "@()\\[]\";:<>, "
	maxOtherMails  = 250
)

// checkShape tells what Graph would refuse, with the attribute that is at fault, which
// Graph does not always name.
func checkShape(m *Mapping, c *class, values []attr.Value) error {
	for _, v := range values {
		if n := len(utf16.Encode([]rune(v.Text()))); m.MaxLength > 0 && v.Kind() != attr.KindBinary && n > m.MaxLength {
			return &shapeError{m.Attribute, connector.CodeExceededLength, fmt.Errorf("%d characters, the directory takes %d", n, m.MaxLength)}
		}
		if err := checkText(m, v.Text()); err != nil {
			return &shapeError{m.Attribute, connector.CodeDataValidationFailed, err}
		}
	}
	if m.Property == "otherMails" && len(values) > maxOtherMails {
		return &shapeError{m.Attribute, connector.CodeExceededLength, fmt.Errorf("%d values, the directory takes %d", len(values), maxOtherMails)}
	}
	return nil
}

func checkText(m *Mapping, text string) error {
	bad := false
	switch m.Property {
	case "userPrincipalName":
		bad = !upnPattern.MatchString(text)
	case "mailNickname":
		bad = text == "" || strings.ContainsAny(text, notInNicknames) || !isASCII(text)
	case "usageLocation":
		bad = !countryPattern.MatchString(text)
	case "mail", "otherMails":
		bad = !mailPattern.MatchString(text) || !isASCII(text)
	case "onPremisesImmutableId":
		bad = strings.ContainsAny(text, "$_")
	case "userType":
		bad = text != "Member" && text != "Guest"
	}
	if bad {
		return errors.New("the directory does not take a value of this form")
	}
	return nil
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 || r < 0x20 })
}

// nickname makes text fit for a mailNickname; nothing may be left of it.
func nickname(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_') {
			return r
		}
		return -1
	}, text)
	return strings.Trim(text, ".")
}
