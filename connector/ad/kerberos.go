package ad

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/krberror"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/hybridsync/hybridsync/connector"
)

// A kerberosBind is the mechanism GSSAPI with Kerberos (RFC 4752). The library makes
// tickets; the exchange is made here because its own cannot bind to the TLS channel,
// does not check the server's answer and knows no encrypted connections.
type kerberosBind struct {
	ticket  messages.Ticket
	session types.EncryptionKey
	realm   string
	client  types.PrincipalName
	binding []byte // channel binding, nil for none
	seal    bool

	auth  types.Authenticator
	round int
	gss   gssContext
	limit int // of sealed messages to the server
}

// kerberos gets a ticket for the domain controller.
func (d *Directory) kerberos(ctx context.Context, s server, binding []byte, seal bool) (*kerberosBind, error) {
	spn := d.opts.Kerberos.SPN
	if spn == "" {
		spn = "ldap/" + s.host
		if d.opts.ServerName != "" {
			spn = "ldap/" + d.opts.ServerName
		}
	}
	password := ""
	if d.opts.Kerberos.Keytab == "" && d.opts.Kerberos.CCache == "" {
		var err error
		if password, err = d.password(ctx); err != nil {
			return nil, err
		}
	}
	type outcome struct {
		m   *kerberosBind
		err error
	}
	got := make(chan outcome, 1)
	go func() { // the library cannot be interrupted; it gives up after some seconds
		m, err := d.opts.ticket(s, spn, password)
		got <- outcome{m, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case o := <-got:
		if o.err != nil {
			return nil, kerberosFault(o.err, spn)
		}
		o.m.binding, o.m.seal = binding, seal
		return o.m, nil
	}
}

func (o Options) ticket(s server, spn, password string) (*kerberosBind, error) {
	name, realm := o.principal()
	conf, err := o.krb5(s, realm)
	if err != nil {
		return nil, err
	}
	var c *client.Client
	// FAST armour is not offered by domain controllers without claims; asking for it fails.
	fast := client.DisablePAFXFAST(true)
	switch {
	case o.Kerberos.CCache != "":
		cache, err := credentials.LoadCCache(o.Kerberos.CCache)
		if err != nil {
			return nil, fmt.Errorf("credential cache: %w", err)
		}
		if c, err = client.NewFromCCache(cache, conf, fast); err != nil {
			return nil, fmt.Errorf("credential cache: %w", err)
		}
	case o.Kerberos.Keytab != "":
		keys, err := keytab.Load(o.Kerberos.Keytab)
		if err != nil {
			return nil, fmt.Errorf("keytab: %w", err)
		}
		c = client.NewWithKeytab(name, realm, keys, conf, fast)
	default:
		c = client.NewWithPassword(name, realm, password, conf, fast)
	}
	defer c.Destroy()
	if err := c.AffirmLogin(); err != nil {
		return nil, err
	}
	m := &kerberosBind{realm: c.Credentials.Domain(), client: c.Credentials.CName()}
	m.ticket, m.session, err = c.GetServiceTicket(spn)
	return m, err
}

// krb5 is the configuration of the library.
func (o Options) krb5(s server, realm string) (*config.Config, error) {
	if o.Kerberos.ConfigFile != "" {
		return config.Load(o.Kerberos.ConfigFile)
	}
	kdcs := o.Kerberos.KDCs
	if len(kdcs) == 0 {
		kdcs = []string{s.host}
	}
	const strong = "aes256-cts-hmac-sha1-96 aes128-cts-hmac-sha1-96"
	var b strings.Builder
	fmt.Fprintf(&b, "[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n dns_lookup_realm = false\n udp_preference_limit = 1\n"+
		" default_tkt_enctypes = %[2]s\n default_tgs_enctypes = %[2]s\n permitted_enctypes = %[2]s\n[realms]\n %[1]s = {\n", realm, strong)
	for _, kdc := range kdcs {
		if _, _, err := net.SplitHostPort(kdc); err != nil {
			kdc = net.JoinHostPort(kdc, "88")
		}
		fmt.Fprintf(&b, "  kdc = %s\n", kdc)
	}
	b.WriteString(" }\n")
	return config.NewFromString(b.String())
}

// kerberosFault explains why there is no ticket.
func kerberosFault(err error, spn string) error {
	var refused messages.KRBError
	if !errors.As(err, &refused) {
		var wrapped krberror.Krberror
		if errors.As(err, &wrapped) && wrapped.RootCause == krberror.NetworkingError {
			return fmt.Errorf("%w: Kerberos: no KDC answers", connector.ErrUnavailable)
		}
	}
	reason := ""
	for code, text := range map[int32]string{
		errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN: "the realm does not know the account",
		errorcode.KDC_ERR_S_PRINCIPAL_UNKNOWN: "the realm does not know the service " + spn + "; set ServerName or Kerberos.SPN to the domain controller's name",
		errorcode.KDC_ERR_PREAUTH_FAILED:      "wrong password or keytab",
		errorcode.KDC_ERR_CLIENT_REVOKED:      "the account is disabled, expired or locked",
		errorcode.KDC_ERR_KEY_EXPIRED:         "the password has expired",
		errorcode.KDC_ERR_ETYPE_NOSUPP:        "the account has no AES keys; reset its password or enable AES for it",
		errorcode.KRB_AP_ERR_SKEW:             "the clocks differ by more than the realm allows",
	} {
		if refused.ErrorCode == code || strings.Contains(err.Error(), errorcode.Lookup(code)) {
			reason = text
		}
	}
	switch {
	case reason != "":
		return fmt.Errorf("%w: Kerberos: %s", connector.ErrAuthentication, reason)
	case strings.Contains(err.Error(), "communication error with KDC"), strings.Contains(err.Error(), "Networking_Error"):
		return fmt.Errorf("%w: Kerberos: no KDC answers", connector.ErrUnavailable)
	default:
		return fmt.Errorf("%w: Kerberos: %w", connector.ErrAuthentication, err)
	}
}

func (*kerberosBind) name() string { return "GSSAPI" }

func (k *kerberosBind) complete() bool { return k.round > 2 }

func (k *kerberosBind) step(challenge []byte) ([]byte, error) {
	k.round++
	switch k.round {
	case 1:
		return k.request()
	case 2:
		return nil, k.verify(challenge)
	case 3:
		return k.layers(challenge)
	default:
		return nil, fmt.Errorf("%w: Kerberos has more rounds than it should", connector.ErrProtocol)
	}
}

// Tokens of the mechanism.
var (
	tokenRequest = []byte{1, 0}
	tokenReply   = []byte{2, 0}
)

// request makes the first token. Its checksum carries the channel binding and what the
// context is wanted for (RFC 4121, section 4.1.1).
func (k *kerberosBind) request() ([]byte, error) {
	auth, err := types.NewAuthenticator(k.realm, k.client)
	if err != nil {
		return nil, err
	}
	sum := binary.LittleEndian.AppendUint32(nil, 16)
	sum = append(sum, make([]byte, 16)...)
	copy(sum[4:], k.binding)
	wanted := uint32(gssapi.ContextFlagMutual | gssapi.ContextFlagReplay | gssapi.ContextFlagSequence | gssapi.ContextFlagInteg)
	if k.seal {
		wanted |= uint32(gssapi.ContextFlagConf)
	}
	auth.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: binary.LittleEndian.AppendUint32(sum, wanted)}
	k.auth = auth
	request, err := messages.NewAPReq(k.ticket, k.session, auth)
	if err != nil {
		return nil, err
	}
	types.SetFlag(&request.APOptions, flags.APOptionMutualRequired)
	message, err := request.Marshal()
	if err != nil {
		return nil, err
	}
	oid, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	return asn1tools.AddASNAppTag(append(append(oid, tokenRequest...), message...), 0), nil
}

// verify checks that the server could read the ticket, which only the real one can.
func (k *kerberosBind) verify(token []byte) error {
	failed := func(reason string) error {
		return fmt.Errorf("%w: Kerberos: %w: %s", connector.ErrAuthentication, errMutual, reason)
	}
	var oid asn1.ObjectIdentifier
	rest, err := asn1.UnmarshalWithParams(token, &oid, "application,explicit,tag:0")
	if err != nil || !oid.Equal(gssapi.OIDKRB5.OID()) || !bytes.HasPrefix(rest, tokenReply) {
		return failed("no reply to the ticket")
	}
	var reply messages.APRep
	if err := reply.Unmarshal(rest[2:]); err != nil {
		return failed("an unreadable reply")
	}
	kind, err := crypto.GetEtype(k.session.KeyType)
	if err != nil {
		return failed("the ticket has an unknown kind of key")
	}
	plain, err := decrypt(kind, k.session, reply.EncPart.Cipher, keyusage.AP_REP_ENCPART)
	if err != nil {
		return failed("its reply has another key")
	}
	var part messages.EncAPRepPart
	if err := part.Unmarshal(plain); err != nil {
		return failed("an unreadable reply")
	}
	if part.CTime.Unix() != k.auth.CTime.Unix() || part.Cusec != k.auth.Cusec {
		return failed("its reply is to another request")
	}
	key, subkey := k.session, false
	if len(part.Subkey.KeyValue) > 0 {
		key, subkey = part.Subkey, true
	}
	k.gss, err = newGSSContext(key, subkey, uint64(k.auth.SeqNumber), uint64(uint32(part.SequenceNumber)))
	return err
}

// Security layers of RFC 4752.
const (
	layerNone    = 1
	layerPrivacy = 4
)

// layers answers the server's offer of security layers: encryption where there is no TLS,
// none where there is.
func (k *kerberosBind) layers(token []byte) ([]byte, error) {
	offer, err := k.gss.unwrap(token, false)
	if err != nil || len(offer) != 4 {
		return nil, fmt.Errorf("%w: Kerberos: the server's offer of protection cannot be read", connector.ErrProtocol)
	}
	layer, most := byte(layerNone), []byte{0, 0, 0}
	k.limit = int(binary.BigEndian.Uint32(offer) & (1<<24 - 1))
	if k.seal {
		layer, most = layerPrivacy, []byte{0xff, 0xff, 0xff}
		if k.limit < 2*overhead {
			return nil, fmt.Errorf("%w: Kerberos: the server takes sealed messages of %d octets only", connector.ErrProtocol, k.limit)
		}
	}
	if offer[0]&layer == 0 {
		if k.seal {
			return nil, fmt.Errorf("%w: Kerberos: the server does not offer encryption; use TLS", connector.ErrAuthentication)
		}
		return nil, fmt.Errorf("%w: Kerberos: the server demands signing although TLS protects the connection; use Protection ProtectSealing", connector.ErrAuthentication)
	}
	return k.gss.sign(append([]byte{layer}, most...))
}
