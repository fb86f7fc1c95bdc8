package adtest

import (
	"context"
	"fmt"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

const (
	oidStartTLS = "1.3.6.1.4.1.1466.20037"
	oidWhoAmI   = "1.3.6.1.4.1.4203.1.11.3"
)

// Bits of userAccountControl.
const (
	uacDisabled       = 0x2
	uacLockout        = 0x10
	uacNoPassword     = 0x20
	uacNormal         = 0x200
	uacWorkstation    = 0x1000
	uacServer         = 0x2000
	uacPasswordStays  = 0x10000
	uacTypeOfAccount  = uacNormal | uacWorkstation | uacServer
	uacDefaultUser    = uacNormal | uacDisabled | uacNoPassword
	uacDefaultMachine = uacWorkstation | uacDisabled | uacNoPassword
)

// bind answers a bind request.
func (c *conn) bind(m *message, rec *Request) error {
	c.account, c.sets = nil, nil // whatever comes of it
	f := m.body.Children
	if len(f) != 3 || f[2].ClassType != ber.ClassContext {
		c.srv.misuse("a malformed bind request")
		return protocolError()
	}
	if v, ok := intOf(f[0]); !ok || v != 3 {
		return protocolError()
	}
	rec.DN = text(f[1])
	if f[2].Tag != 0 {
		return refuse(ldap.LDAPResultAuthMethodNotSupported,
			"00002027: LdapErr: DSID-0C090580, comment: adtest has no SASL, data 0, %s\x00", build)
	}
	password := text(f[2])
	if password == "" {
		return nil // anonymous, by name or not
	}
	if !c.secure && !c.srv.opts.AllowPlainBind {
		return refuse(ldap.LDAPResultStrongAuthRequired, "00002028: LdapErr: DSID-0C090276, comment: The server requires binds "+
			"to turn on integrity checking if SSL\\TLS are not already active on the connection, data 0, %s\x00", build)
	}
	c.srv.mu.RLock()
	defer c.srv.mu.RUnlock()
	e := c.srv.dir.account(rec.DN)
	if e == nil {
		return badCredentials("525")
	}
	if e.password == "" || e.password != password {
		return badCredentials("52e")
	}
	if data := c.srv.dir.refusesLogon(e); data != "" {
		return badCredentials(data)
	}
	c.account = e
	return nil
}

// refusesLogon returns AD's code for an account that may not log on, its password being right.
func (d *directory) refusesLogon(e *entry) string {
	value := func(name string) int64 { return number(e.first(d.s.mustAttr(name))) }
	expires := value("accountExpires")
	switch {
	case value("userAccountControl")&uacDisabled != 0:
		return "533"
	case value("lockoutTime") != 0:
		return "775"
	case expires > 0 && expires < filetime(d.clock()):
		return "701"
	case value("pwdLastSet") == 0:
		return "773"
	}
	return ""
}

// account finds an account by the names that a simple bind takes: DN, DOMAIN\name,
// userPrincipalName, name@domain.
func (d *directory) account(name string) *entry {
	if domain, sam, ok := strings.Cut(name, `\`); ok && !strings.Contains(domain, "=") {
		if strings.EqualFold(domain, d.netbios) || strings.EqualFold(domain, d.domain) {
			return d.bySam[fold(sam)]
		}
		return nil
	}
	if e := d.byUPN[fold(name)]; e != nil {
		return e
	}
	if sam, domain, ok := strings.Cut(name, "@"); ok && (strings.EqualFold(domain, d.domain) || strings.EqualFold(domain, d.netbios)) {
		return d.bySam[fold(sam)]
	}
	if e, err := d.find(name); err == nil && !e.deleted && e.class.isA("user") {
		return e
	}
	return nil
}

// extended answers an extended request.
func (c *conn) extended(ctx context.Context, m *message, rec *Request) bool {
	if len(m.body.Children) == 0 {
		c.srv.misuse("a malformed extended request")
		return c.finish(m, opExtendedResponse, rec, protocolError())
	}
	rec.DN = text(m.body.Children[0])
	switch rec.DN {
	case oidStartTLS:
		if c.secure {
			return c.finish(m, opExtendedResponse, rec, ldapErr(ldap.LDAPResultOperationsError, 0, "TLS or SSL already in effect"))
		}
		c.srv.log.add(*rec)
		ok := c.reply(m.id, opExtendedResponse, nil, func(e *encoder) { e.str(contextTag|10, oidStartTLS) }, nil)
		c.account, c.sets = nil, nil
		return ok && c.handshake(ctx)
	case oidWhoAmI:
		c.srv.log.add(*rec)
		return c.reply(m.id, opExtendedResponse, nil, func(e *encoder) { e.str(contextTag|11, c.whoAmI()) }, nil)
	}
	if !c.srv.opts.AllowUnknown {
		c.srv.misuse("unknown extended operation %s", rec.DN)
	}
	return c.finish(m, opExtendedResponse, rec, ldapErr(ldap.LDAPResultProtocolError, 0x57, "Unknown extended request OID"))
}

func (c *conn) whoAmI() string {
	if c.account == nil {
		return ""
	}
	c.srv.mu.RLock()
	defer c.srv.mu.RUnlock()
	return fmt.Sprintf(`u:%s\%s`, c.srv.dir.netbios, c.account.first(c.srv.dir.s.samName))
}
