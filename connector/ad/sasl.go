package ad

import (
	"errors"
	"fmt"
	"net"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/internal/ldapwire"
)

// A mechanism is the client's side of a SASL mechanism.
type mechanism interface {
	name() string
	// step takes what the server sent, nothing at first, and returns what to answer.
	step(challenge []byte) ([]byte, error)
	// complete reports whether the mechanism has had all that it needs of the server.
	complete() bool
}

const (
	saslRounds   = 8
	saslMaxReply = 1 << 20
	saslCreds    = 7 // tag of the server's credentials in a bind response
)

// saslBind authenticates. It has the connection to itself.
func saslBind(conn net.Conn, m mechanism) error {
	in := ldapwire.New(conn, saslMaxReply)
	var challenge []byte
	for id := range saslRounds {
		token, err := m.step(challenge)
		if err != nil {
			return err
		}
		if _, err := conn.Write(saslRequest(int64(id+1), m.name(), token)); err != nil {
			return fmt.Errorf("%w: signing in: %w", connector.ErrUnavailable, err)
		}
		answer, err := ber.ReadPacket(in)
		if err != nil {
			return fmt.Errorf("%w: signing in: %w", connector.ErrUnavailable, err)
		}
		var refusal *ldap.Error
		if err := ldap.GetLDAPError(answer); errors.As(err, &refusal) {
			if refusal.ResultCode != ldap.LDAPResultSaslBindInProgress {
				return newResultError(refusal)
			}
			if challenge, err = saslChallenge(answer); err != nil {
				return err
			}
			continue
		}
		if !m.complete() {
			return fmt.Errorf("%w: %w", connector.ErrAuthentication, errMutual)
		}
		return nil
	}
	return fmt.Errorf("%w: signing in does not come to an end", connector.ErrProtocol)
}

func saslRequest(id int64, mechanism string, token []byte) []byte {
	text := func(class ber.Class, tag ber.Tag, s string) *ber.Packet {
		return ber.NewString(class, ber.TypePrimitive, tag, s, "")
	}
	message := ber.NewSequence("LDAPMessage")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "messageID"))
	bind := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationBindRequest, nil, "BindRequest")
	bind.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 3, "version"))
	bind.AppendChild(text(ber.ClassUniversal, ber.TagOctetString, ""))
	auth := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "sasl")
	auth.AppendChild(text(ber.ClassUniversal, ber.TagOctetString, mechanism))
	if len(token) > 0 {
		auth.AppendChild(text(ber.ClassUniversal, ber.TagOctetString, string(token)))
	}
	bind.AppendChild(auth)
	message.AppendChild(bind)
	return message.Bytes()
}

func saslChallenge(answer *ber.Packet) ([]byte, error) {
	if len(answer.Children) > 1 {
		for _, c := range answer.Children[1].Children {
			if c.ClassType == ber.ClassContext && c.Tag == saslCreds {
				return c.Data.Bytes(), nil
			}
		}
	}
	return nil, fmt.Errorf("%w: signing in goes on without credentials of the server", connector.ErrProtocol)
}
