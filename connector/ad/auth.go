package ad

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
)

// An Auth is a way for the account to sign in.
type Auth uint8

// The ways to sign in.
const (
	// AuthSimple is a simple bind with Options.Password, over TLS.
	AuthSimple Auth = iota
	// AuthKerberos is SASL GSSAPI with a ticket, see [Kerberos]. The password never
	// travels, and the server proves that it knows the domain.
	AuthKerberos
	// AuthNTLM is NTLMv2 with Options.Password, over TLS, for domain controllers without
	// simple binds and clients without a way to a KDC. Prefer Kerberos.
	AuthNTLM
)

// A Protection is what keeps a connection secret and whole.
type Protection uint8

// The ways to protect connections.
const (
	// ProtectTLS is LDAPS, for ldap:// URLs StartTLS. Domain controllers that are found
	// through DNS are asked for LDAPS on port 636.
	ProtectTLS Protection = iota
	// ProtectStartTLS is StartTLS for domain controllers that are found through DNS.
	ProtectStartTLS
	// ProtectSealing encrypts with the session key of the Kerberos ticket (SASL
	// confidentiality), for domain controllers without a certificate. It needs
	// AuthKerberos and ldap:// URLs, or DNS.
	ProtectSealing
)

// Kerberos says how tickets are had. Without Keytab and CCache Options.Password is used.
type Kerberos struct {
	// Realm is the account's; "" means that of BindName, in upper case. The account is the
	// part of BindName before the @, or after the \: its sAMAccountName.
	Realm string
	// KDCs are hosts with an optional port where tickets are issued; none means the domain
	// controller that is connected to, which is one.
	KDCs []string
	// ConfigFile is a krb5.conf to use instead of what Realm and KDCs say.
	ConfigFile string
	// Keytab is a file with the account's keys.
	Keytab string
	// CCache is a file with a ticket-granting ticket that something else keeps fresh.
	CCache string
	// SPN is the service principal to ask a ticket for; "" means ldap/ with ServerName, or
	// the host of the URL.
	SPN string
}

// validateAuth reports problems of the options that concern signing in.
func (o Options) validateAuth(bad func(format string, args ...any)) {
	needsPassword := o.Auth != AuthKerberos || o.Kerberos.Keytab == "" && o.Kerberos.CCache == ""
	switch {
	case o.Auth > AuthNTLM:
		bad("Auth: unknown way %d", o.Auth)
	case o.Protection > ProtectSealing:
		bad("Protection: unknown way %d", o.Protection)
	}
	if o.BindName == "" && (o.Auth != AuthKerberos || o.Kerberos.CCache == "") {
		bad("BindName: required")
	}
	if o.Password == nil && needsPassword {
		bad("Password: required")
	}
	if o.Auth != AuthKerberos {
		if o.Protection == ProtectSealing {
			bad("Protection: sealing needs AuthKerberos")
		}
		return
	}
	k := o.Kerberos
	if k.Keytab != "" && k.CCache != "" {
		bad("Kerberos: Keytab and CCache exclude each other")
	}
	if k.ConfigFile != "" && len(k.KDCs) > 0 {
		bad("Kerberos: KDCs and ConfigFile exclude each other")
	}
	for _, text := range append([]string{k.Realm}, k.KDCs...) {
		if strings.ContainsAny(text, " \t\r\n{}[]=#;") {
			bad("Kerberos: %q is neither a realm nor a host", text)
		}
	}
	if name, realm := o.principal(); k.CCache == "" && (name == "" || realm == "" || strings.ContainsAny(realm, " \t\r\n{}[]=#;")) {
		bad("Kerberos: BindName must be name@REALM, or Realm be given")
	}
	if o.Protection == ProtectSealing {
		for _, u := range o.URLs {
			if s, err := parseURL(u); err == nil && s.tls {
				bad("Protection: sealing and %q exclude each other, use ldap://", u)
			}
		}
	}
}

// principal takes BindName apart for Kerberos.
func (o Options) principal() (name, realm string) {
	name = o.BindName
	if _, after, ok := strings.Cut(name, `\`); ok {
		name = after
	} else if before, after, ok := strings.Cut(name, "@"); ok {
		name, realm = before, strings.ToUpper(after)
	}
	if o.Kerberos.Realm != "" {
		realm = o.Kerberos.Realm
	}
	if realm == "" {
		realm = strings.ToUpper(o.Domain)
	}
	return name, realm
}

// password asks for the account's password.
func (d *Directory) password(ctx context.Context) (string, error) {
	password, err := d.opts.Password(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: the password of the account could not be had: %w", connector.ErrAuthentication, err)
	}
	if password == "" { // would be an anonymous bind, which succeeds
		return "", fmt.Errorf("%w: the password of the account is empty", connector.ErrAuthentication)
	}
	return password, nil
}

// signIn authenticates with SASL on a fresh connection, before any LDAP client reads from
// it, and returns the connection to go on with. A simple bind is made later.
func (d *Directory) signIn(ctx context.Context, s server, conn net.Conn) (net.Conn, error) {
	if d.opts.Auth == AuthSimple {
		return conn, nil
	}
	binding, err := channelBinding(conn)
	if err != nil {
		return nil, err
	}
	if d.opts.Auth == AuthNTLM {
		password, err := d.password(ctx)
		if err != nil {
			return nil, err
		}
		return conn, saslBind(conn, &ntlm{user: d.opts.BindName, password: password, binding: binding})
	}
	seal := d.opts.Protection == ProtectSealing
	m, err := d.kerberos(ctx, s, binding, seal)
	if err != nil {
		return nil, err
	}
	if err := saslBind(conn, m); err != nil || !seal {
		return conn, err
	}
	return &sealedConn{Conn: conn, gss: &m.gss, limit: m.limit}, nil
}

var errMutual = errors.New("the server has not proved who it is")
