package adtest

import (
	"encoding/binary"
	"slices"
	"strconv"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"
)

// minPassword is the shortest password that may be set over LDAP.
const minPassword = 7

func text10(n int64) string { return strconv.FormatInt(n, 10) }

// number reads a stored number; none is 0.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// check applies the rules of the account manager to what is staged.
func (st *staged) check() error {
	d := st.d
	if err := st.checkNames(); err != nil {
		return err
	}
	if err := st.mustStay(); err != nil {
		return err
	}
	if v, ok := st.plain[d.s.pwdLastSet]; ok && len(v) == 1 {
		switch {
		case v[0] == "-1":
			st.plain[d.s.pwdLastSet] = []string{text10(filetime(d.clock()))}
		case v[0] != "0" && st.password == nil && !st.u.v.system:
			return unwilling(0x57)
		}
	}
	if v, ok := st.plain[d.s.uac]; ok {
		if err := st.accountControl(v); err != nil {
			return err
		}
	}
	if v, ok := st.plain[d.s.groupType]; ok && len(v) == 1 {
		t, _ := strconv.ParseInt(v[0], 10, 32)
		kind := groupAccountType(t)
		if kind == 0 {
			return unwilling(0x2141)
		}
		st.plain[d.s.samType] = []string{text10(kind)}
	}
	return nil
}

// checkNames keeps logon names unique: sAMAccountName, and userPrincipalName as domain
// controllers do since 2012 R2.
func (st *staged) checkNames() error {
	d := st.d
	if v, ok := st.plain[d.s.samName]; ok {
		if len(v) == 0 {
			return unwilling(0x2077)
		}
		if other := d.bySam[fold(v[0])]; other != nil && other != st.e {
			return exists(0x524)
		}
		if limit := 20; st.e.class.isA("user") && len([]rune(v[0])) > limit && !st.u.v.system {
			return constraint(0x2082, d.s.samName)
		}
	}
	if v := st.plain[d.s.upn]; len(v) > 0 {
		if other := d.byUPN[fold(v[0])]; other != nil && other != st.e {
			return constraint(0x21C8, d.s.upn)
		}
	}
	return nil
}

// mustStay refuses to clear what the class requires.
func (st *staged) mustStay() error {
	for def, values := range st.plain {
		if len(values) > 0 || st.creating {
			continue
		}
		if slices.Contains(st.e.class.musts, def) {
			return classViolation(0x207C)
		}
	}
	return nil
}

// mandatory refuses a new object without what its class requires.
func (st *staged) mandatory() error {
	d := st.d
	for _, m := range st.e.class.musts {
		given := len(st.plain[m]) > 0 || m == st.e.rdnDef || m.source != nil || m == d.s.objectClass
		if !given {
			return classViolation(0x207C)
		}
	}
	return nil
}

// accountControl checks userAccountControl and derives sAMAccountType.
func (st *staged) accountControl(v []string) error {
	d := st.d
	if len(v) != 1 {
		return unwilling(0x2077)
	}
	uac, _ := strconv.ParseInt(v[0], 10, 64)
	if uac&uacTypeOfAccount == 0 {
		uac |= uacNormal
	}
	uac &^= uacLockout
	st.plain[d.s.uac] = []string{text10(uac)}
	switch {
	case uac&(uacWorkstation|uacServer) != 0:
		st.plain[d.s.samType] = []string{"805306369"}
	default:
		st.plain[d.s.samType] = []string{"805306368"}
	}
	password := st.e.password
	if st.password != nil {
		password = *st.password
	}
	if uac&(uacDisabled|uacNoPassword|uacWorkstation|uacServer) == 0 && password == "" && !st.u.v.system {
		return unwilling(0x52D) // the password does not meet the policy
	}
	return nil
}

// groupAccountType returns the sAMAccountType of a group, 0 if there is no such group.
func groupAccountType(groupType int64) int64 {
	const (
		system, global, local, universal = 1, 2, 4, 8
		security                         = -0x80000000
	)
	isSecurity := groupType < 0
	kind := groupType &^ security &^ system
	switch {
	case (kind == global || kind == universal) && isSecurity:
		return 0x10000000
	case kind == global || kind == universal:
		return 0x10000001
	case kind == local && isSecurity:
		return 0x20000000
	case kind == local:
		return 0x20000001
	}
	return 0
}

// setPassword takes a value of unicodePwd: the password in quotes, in UTF-16.
func (st *staged) setPassword(m Mod) error {
	d := st.d
	if !st.u.secure && !st.u.v.system {
		return unwilling(0x1F)
	}
	if m.Op == ModDelete {
		if len(m.Values) != 1 {
			return unwilling(0x57)
		}
		if !st.u.v.changes(st.e) {
			return accessDenied()
		}
		st.changing = true
		old, ok := decodePassword(m.Values[0])
		if !ok || old != st.e.password {
			return attErr(ldap.LDAPResultConstraintViolation, 0x56, "1005 (CONSTRAINT_ATT_TYPE)", d.s.unicodePwd)
		}
		return nil
	}
	if len(m.Values) != 1 {
		return unwilling(0x57)
	}
	if !st.creating && !st.changing && !st.u.v.resets(st.e) {
		return accessDenied()
	}
	p, ok := decodePassword(m.Values[0])
	if !ok || len([]rune(p)) < minPassword && !st.u.v.system {
		return attErr(ldap.LDAPResultConstraintViolation, 0x52D, "1005 (CONSTRAINT_ATT_TYPE)", d.s.unicodePwd)
	}
	st.password = &p
	if _, given := st.plain[d.s.pwdLastSet]; !given {
		st.plain[d.s.pwdLastSet] = []string{text10(filetime(d.clock()))}
		if !st.creating && !st.changing && !st.u.v.holds(d.partitions[0].head, rightUnexpire) {
			st.plain[d.s.pwdLastSet] = []string{"0"} // it has to be changed at the next logon
		}
	}
	return nil
}

func decodePassword(v string) (string, bool) {
	if len(v)%2 != 0 || len(v) < 4 {
		return "", false
	}
	units := make([]uint16, len(v)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16([]byte(v[2*i:]))
	}
	s := string(utf16.Decode(units))
	if s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// encodePassword is the value of unicodePwd for a password.
func encodePassword(p string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(`"` + p + `"`)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}
