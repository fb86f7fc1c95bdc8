package entra

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// complete adds what Graph requires of a new object.
func (t *task) complete(p *plan) error {
	if t.c.name == classGroup {
		return t.completeGroup(p)
	}
	return t.completeUser(p)
}

// completeUser derives the mail nickname as the private sync service does, and makes an
// account disabled unless it is said to be enabled.
func (t *task) completeUser(p *plan) error {
	upn, _ := p.body["userPrincipalName"].(string)
	if upn == "" {
		return &shapeError{"userPrincipalName", connector.CodeDataValidationFailed, errors.New("a user needs one")}
	}
	local, _, _ := strings.Cut(upn, "@")
	if p.body["mailNickname"] == nil {
		for _, source := range []any{p.body["mail"], upn} {
			text, _ := source.(string)
			name, _, _ := strings.Cut(text, "@")
			if name = nickname(name); name != "" {
				p.creation("mailNickname", shorten(name))
				break
			}
		}
	}
	if p.body["mailNickname"] == nil {
		p.creation("mailNickname", "user-"+digest(upn))
	}
	if p.body["displayName"] == nil {
		p.creation("displayName", local)
	}
	if p.body["accountEnabled"] == nil {
		p.creation("accountEnabled", false)
	}
	password, err := newPassword()
	if err != nil {
		return fmt.Errorf("no random password: %w", err)
	}
	p.creation("passwordProfile", map[string]any{
		"password": password, "forceChangePasswordNextSignIn": t.s.t.o.ForcePasswordChange,
	})
	p.clean()
	return nil
}

// completeGroup chooses one of the two kinds of groups that Graph creates. What the
// other kinds would have had is named as skipped.
func (t *task) completeGroup(p *plan) error {
	name, _ := p.body["displayName"].(string)
	if name == "" {
		return &shapeError{"displayName", connector.CodeDataValidationFailed, errors.New("a group needs one")}
	}
	security, saysSecurity := p.body["securityEnabled"].(bool)
	mail, saysMail := p.body["mailEnabled"].(bool)
	unified := false
	switch policy := t.s.t.o.DistributionGroups; {
	case security || !saysSecurity && !mail:
		if mail {
			t.skip(attrMailEnabled)
		}
	case saysMail && !mail: // Entra Connect's rules do not flow mailEnabled: not saying is no denial
		return &shapeError{attrSecurityEnabled, connector.CodeDataValidationFailed, errors.New("a group is a security group or mail-enabled")}
	case policy == Reject:
		return &shapeError{attrMailEnabled, connector.CodeDataValidationFailed, errors.New("distribution groups cannot be created over Microsoft Graph")}
	case policy == Security:
		t.skip(attrMailEnabled)
		t.skip(attrSecurityEnabled)
	default:
		unified = true
	}
	p.creation("mailEnabled", unified)
	p.creation("securityEnabled", !unified)
	p.creation("groupTypes", []string{})
	if unified {
		p.creation("groupTypes", []string{"Unified"})
	}
	if p.body["mailNickname"] == nil {
		unique := p.anchor
		if unique == "" {
			unique = name
		}
		p.creation("mailNickname", strings.TrimPrefix(shorten(nickname(name))+"-"+digest(unique), "-"))
	}
	p.clean()
	return nil
}

// clean leaves out of a creation what is empty anyway.
func (p *plan) clean() {
	for property, value := range p.body {
		switch v := value.(type) {
		case nil:
			delete(p.body, property)
		case []any:
			if len(v) == 0 {
				delete(p.body, property)
			}
		case map[string]any:
			for member, value := range v {
				if value == nil {
					delete(v, member)
				}
			}
			if len(v) == 0 {
				delete(p.body, property)
			}
		}
	}
}

const (
	maxNickname  = 64
	digestDigits = 10
)

// shorten leaves room for a digest in a mail nickname.
func shorten(name string) string { return name[:min(len(name), maxNickname-digestDigits-1)] }

// digest is a short text that is the same for the same input.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:digestDigits/2])
}
