package sambatest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Password is the password of every account of a test domain.
const Password = "P@ssw0rd-Test1"

// Options describes the domain to start. Nil and the zero value mean an empty CONTOSO.TEST.
type Options struct {
	// Realm is the domain's DNS name; "" means CONTOSO.TEST. Its first label is the
	// NetBIOS name.
	Realm string
	// Dir is an empty or missing folder that holds everything; "" makes a temporary one,
	// which Close removes.
	Dir string
	// Address is the loopback address to listen on; "" picks a free one.
	Address string
	// Users and Groups are the size of the test population, see [Population].
	Users, Groups int
	// Delegate creates the account svc-sync with the rights that a sync connector needs
	// and no more; see [Domain.ConnectorUPN].
	Delegate bool
	// ExchangeSchema adds extensionAttribute1 to 15, mailNickname, targetAddress and some
	// msExch attributes to the schema.
	ExchangeSchema bool
	// AllowPlain lets clients bind with a password without TLS.
	AllowPlain bool
	// SASLOverTLS lets clients sign in with Kerberos or NTLM over TLS without signing, as
	// Windows does; Samba by default takes them with signing only, and never over TLS.
	SASLOverTLS bool
}

var realmPattern = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{0,14}(\.[A-Z0-9][A-Z0-9-]*)+$`)

func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Realm == "" {
		out.Realm = "CONTOSO.TEST"
	}
	out.Realm = strings.ToUpper(out.Realm)
	var errs []error
	if !realmPattern.MatchString(out.Realm) {
		errs = append(errs, fmt.Errorf("sambatest: realm %q is not a DNS name with a short first label", out.Realm))
	}
	if out.Address != "" && !strings.HasPrefix(out.Address, "127.") {
		errs = append(errs, fmt.Errorf("sambatest: address %q is not a loopback address", out.Address))
	}
	if out.Users < 0 || out.Groups < 0 {
		errs = append(errs, errors.New("sambatest: negative population"))
	}
	return out, errors.Join(errs...)
}

// templateKey names the template that domains with these options can be copied from.
func (o Options) templateKey() string {
	key := strings.ToLower(o.Realm) + "+spn"
	if o.ExchangeSchema {
		key += "+exchange-with-linked-mailboxes"
	}
	return key
}
