package adtest

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A replica is what tells one domain controller of a domain from another.
type replica struct {
	host       string
	invocation GUID
	service    *entry // its settings object

	lagUSN  int64     // what it says to have of its siblings' changes; 0: everything
	lagTime time.Time // since when it has had nothing
	fresh   bool      // it says that it has not had its first replication
}

// NewReplica starts another domain controller of the domain that of serves, for a test.
func NewReplica(t testing.TB, of *Server) *Server {
	t.Helper()
	s, err := of.Replicate()
	return s.until(t, err)
}

// Replicate starts another domain controller of the domain. Both have the same objects at
// any time, names dc1, dc2 and so on, and certificates of the same authority. Each has its
// own invocation id, faults and log. A DirSync cookie of one is good at the other, which
// goes on from there, unless [Faults.RefuseForeignCookies] or [Faults.NewInvocation] say
// otherwise. Changes are made at any of them.
//
// Replication takes no time; [Faults.Lag] only makes a replica say that it has not happened.
func (s *Server) Replicate() (*Server, error) {
	s.mu.Lock()
	n := len(s.dir.replicas) + 1
	name := "DC" + strconv.Itoa(n)
	r := &replica{host: strings.ToLower(name) + "." + s.dir.domain, invocation: s.dir.guids.next()}
	s.dir.replicas = append(s.dir.replicas, r)
	p := &provisioner{directory: s.dir, w: s.dir.begin()}
	first := s.dir.replicas[0].service.parent
	p.controller(s.dir.wellKnown["A361B2FFFFD211D1AA4B00C04FD7D83A"], name, sidWithRID(p.domainSID, s.dir.nextRID), r.host)
	s.dir.nextRID++
	p.settings(first.parent, s.dir.serverName(name), r)
	s.mu.Unlock()
	opts := s.opts
	opts.Listen, opts.ListenPlain = "127.0.0.1:0", "127.0.0.1:0"
	return (&Server{opts: opts, mu: s.mu, dir: s.dir, self: r, certs: s.certs}).start()
}

// vector is the up-to-dateness vector of a domain controller: what it has of the others'
// changes, in the layout of AD.
func (r *replica) vector(d *directory) string {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 2)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, uint32(len(d.replicas)-1))
	b = le.AppendUint32(b, 0)
	usn, synced := d.usn, d.clock()
	if r.lagUSN > 0 {
		usn, synced = r.lagUSN, r.lagTime
	}
	const secondsTo1970 = 11644473600
	for _, other := range d.replicas {
		if other != r {
			b = append(b, other.invocation[:]...)
			b = le.AppendUint64(b, uint64(usn))
			b = le.AppendUint64(b, uint64(synced.Unix()+secondsTo1970))
		}
	}
	return string(b)
}
