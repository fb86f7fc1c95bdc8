package ad

import (
	"encoding/binary"
	"fmt"

	ntlmssp "github.com/Azure/go-ntlmssp"

	"github.com/hybridsync/hybridsync/connector"
)

// An ntlm is the mechanism NTLMv2, as domain controllers take it under the name of
// negotiation.
type ntlm struct {
	user, password string
	binding        []byte // channel binding, nil for none
	round          int
}

func (*ntlm) name() string { return "GSS-SPNEGO" }

func (n *ntlm) complete() bool { return n.round > 1 }

func (n *ntlm) step(challenge []byte) ([]byte, error) {
	n.round++
	switch n.round {
	case 1:
		request, err := ntlmssp.NewNegotiateMessage("", "")
		if err != nil || len(request) <= flagsAt {
			return nil, fmt.Errorf("%w: NTLM: %w", connector.ErrInvalid, err)
		}
		request[flagsAt] |= requestTarget // without it some servers leave the target information out
		return request, nil
	case 2:
		bound, err := bindChallenge(challenge, n.binding)
		if err != nil {
			return nil, err
		}
		answer, err := ntlmssp.NewAuthenticateMessage(bound, n.user, n.password, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: NTLM: %w", connector.ErrProtocol, err)
		}
		return answer, nil
	default:
		return nil, fmt.Errorf("%w: NTLM has more rounds than it should", connector.ErrProtocol)
	}
}

const (
	flagsAt           = 12 // in a negotiate message, little-endian
	requestTarget     = 0x04
	challengeFields   = 48 // octets before the payload
	targetInfoAt      = 40 // of length, room and offset of the target information
	avEnd             = 0
	avChannelBindings = 10
)

// bindChallenge adds the channel binding to the target information of a challenge, from
// where the library takes it into the answer, which is what the server checks.
func bindChallenge(challenge, binding []byte) ([]byte, error) {
	bad := fmt.Errorf("%w: NTLM: a challenge that cannot be read", connector.ErrProtocol)
	if len(challenge) < challengeFields {
		return nil, bad
	}
	size := int(binary.LittleEndian.Uint16(challenge[targetInfoAt:]))
	at := int(binary.LittleEndian.Uint32(challenge[targetInfoAt+4:]))
	if size < 4 || at > len(challenge) || size > len(challenge)-at {
		return nil, bad // no target information: NTLMv1, which is not spoken here
	}
	if binding == nil {
		return challenge, nil
	}
	info := challenge[at : at+size]
	if binary.LittleEndian.Uint32(info[size-4:]) != avEnd {
		return nil, bad
	}
	out := append([]byte(nil), challenge...)
	fresh := append([]byte(nil), info[:size-4]...)
	fresh = binary.LittleEndian.AppendUint16(fresh, avChannelBindings)
	fresh = binary.LittleEndian.AppendUint16(fresh, uint16(len(binding)))
	fresh = append(append(fresh, binding...), 0, 0, 0, 0)
	if len(fresh) > 1<<16-1 {
		return nil, bad
	}
	binary.LittleEndian.PutUint16(out[targetInfoAt:], uint16(len(fresh)))
	binary.LittleEndian.PutUint16(out[targetInfoAt+2:], uint16(len(fresh)))
	binary.LittleEndian.PutUint32(out[targetInfoAt+4:], uint32(len(out)))
	return append(out, fresh...), nil
}
