package adtest

import (
	"encoding/binary"
	"strings"
)

const defaultSite = "Default-First-Site-Name"

// netlogon is the answer to an LDAP ping: NETLOGON_SAM_LOGON_RESPONSE_EX.
func (s *Server) netlogon() string {
	const answer, directoryService, writable, closest = 23, 0x10, 0x100, 0x80
	flags := uint32(directoryService | writable)
	if s.opts.ClientSite == "" || strings.EqualFold(s.opts.ClientSite, defaultSite) {
		flags |= closest
	}
	d := s.dir
	b := binary.LittleEndian.AppendUint16(nil, answer)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = append(b, d.partitions[0].head.guid[:]...)
	names := dnsNames{at: map[string]int{}, b: b}
	computer, _, _ := strings.Cut(s.self.host, ".")
	for _, n := range []string{d.forest.domains[0].domain, d.domain, s.self.host, d.netbios, strings.ToUpper(computer), "", defaultSite, s.opts.ClientSite} {
		names.add(n)
	}
	b = binary.LittleEndian.AppendUint32(names.b, 5) // version
	return string(append(b, 0xff, 0xff, 0xff, 0xff)) // of what an LDAP ping does not have
}

// dnsNames writes names as DNS does, pointing back to what was written before.
type dnsNames struct {
	b  []byte
	at map[string]int
}

func (n *dnsNames) add(name string) {
	for name != "" {
		if at, ok := n.at[fold(name)]; ok {
			n.b = append(n.b, 0xC0|byte(at>>8), byte(at))
			return
		}
		n.at[fold(name)] = len(n.b)
		label, rest, _ := strings.Cut(name, ".")
		n.b = append(append(n.b, byte(len(label))), label...)
		name = rest
	}
	n.b = append(n.b, 0)
}
