package adtest

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// An Error is a refusal, as the server sends it to clients and as its edit methods return it.
type Error struct {
	// Code is the LDAP result code.
	Code uint16
	// Message is the diagnostic text, in AD's form.
	Message string
	// MatchedDN is the nearest ancestor that exists, with noSuchObject.
	MatchedDN string
	// Referral is where to ask instead, with code 10.
	Referral []string
}

// Error returns code and text.
func (e *Error) Error() string {
	return fmt.Sprintf("adtest: %s (%d): %s", ldap.LDAPResultCodeMap[e.Code], e.Code, e.Message)
}

func refuse(code uint16, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// The build number that ends AD's texts.
const build = "v4f7c"

func ldapErr(code uint16, win32 uint32, comment string) *Error {
	return refuse(code, "%08X: LdapErr: DSID-0C090D8A, comment: %s, data 0, %s\x00", win32, comment, build)
}

func svcErr(code uint16, win32 uint32, problem string) *Error {
	return refuse(code, "%08X: SvcErr: DSID-031A1254, problem %s, data 0\n\x00", win32, problem)
}

func updErr(code uint16, win32 uint32, problem string) *Error {
	return refuse(code, "%08X: UpdErr: DSID-031A11E2, problem %s, data 0\n\x00", win32, problem)
}

func attErr(code uint16, win32 uint32, problem string, def *attrDef) *Error {
	return refuse(code, "%08X: AtrErr: DSID-03191083, #1:\n\t0: %08X: DSID-03191083, problem %s, data 0, Att %x (%s)\n\x00",
		win32, win32, problem, def.index, def.name)
}

func unwilling(win32 uint32) *Error {
	return svcErr(ldap.LDAPResultUnwillingToPerform, win32, "5003 (WILL_NOT_PERFORM)")
}

func accessDenied() *Error {
	return refuse(ldap.LDAPResultInsufficientAccessRights,
		"00002098: SecErr: DSID-031514A0, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n\x00")
}

func noObject(win32 uint32, match string) *Error {
	return &Error{Code: ldap.LDAPResultNoSuchObject, MatchedDN: match, Message: fmt.Sprintf(
		"%08X: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'%s'\n\x00", win32, match)}
}

func unknownAttribute() *Error {
	return ldapErr(ldap.LDAPResultNoSuchAttribute, 0x57, "Error in attribute conversion operation")
}

func badName() *Error {
	return refuse(ldap.LDAPResultInvalidDNSyntax,
		"0000208F: NameErr: DSID-03100233, problem 2006 (BAD_NAME), data 8350, best match of:\n\t''\n\x00")
}

func exists(win32 uint32) *Error {
	return updErr(ldap.LDAPResultEntryAlreadyExists, win32, "6005 (ENTRY_EXISTS)")
}

func valueExists(def *attrDef) *Error {
	return attErr(ldap.LDAPResultAttributeOrValueExists, 0x2083, "1006 (ATT_OR_VALUE_EXISTS)", def)
}

func noValue(def *attrDef) *Error {
	return attErr(ldap.LDAPResultNoSuchAttribute, 0x2085, "1001 (NO_ATTRIBUTE_OR_VAL)", def)
}

func badSyntax(def *attrDef) *Error {
	return attErr(ldap.LDAPResultInvalidAttributeSyntax, 0x200B, "1004 (WRONG_MATCH_OPER)", def)
}

func constraint(win32 uint32, def *attrDef) *Error {
	return attErr(ldap.LDAPResultConstraintViolation, win32, "1005 (CONSTRAINT_ATT_TYPE)", def)
}

func classViolation(win32 uint32) *Error {
	return updErr(ldap.LDAPResultObjectClassViolation, win32, "6002 (OBJ_CLASS_VIOLATION)")
}

func namingViolation(win32 uint32) *Error {
	return refuse(ldap.LDAPResultNamingViolation,
		"%08X: NameErr: DSID-03050EF7, problem 2005 (NAMING_VIOLATION), data 0, best match of:\n\t''\n\x00", win32)
}

func badCredentials(data string) *Error {
	return refuse(ldap.LDAPResultInvalidCredentials,
		"80090308: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data %s, %s\x00", data, build)
}

func notBound() *Error {
	return refuse(ldap.LDAPResultOperationsError, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform "+
		"this operation a successful bind must be completed on the connection., data 0, %s\x00", build)
}

func badControl() *Error {
	return ldapErr(ldap.LDAPResultUnavailableCriticalExtension, 0x57, "Error processing control")
}

func badCookie() *Error {
	return ldapErr(ldap.LDAPResultUnavailableCriticalExtension, 0x203D, "Error processing control")
}

func protocolError() *Error {
	return ldapErr(ldap.LDAPResultProtocolError, 0x57, "Error decoding ldap message")
}
