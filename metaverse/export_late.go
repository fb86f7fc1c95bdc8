package metaverse

import (
	"time"
)

// lateness is for how long a creation whose answer was lost is expected to take effect although the
// directory does not show the object: a request may wait at a gateway, a replica may lag, and a
// process may have been suspended while it sent the request.
const lateness = time.Hour

// mayComeLate reports whether an object that appears where one was to be created is that one. Where
// objects can be moved, a DN is a place that anybody may have taken since.
func (x *exporting) mayComeLate() bool { return !x.r.t.caps.Rename }

// sendable reports whether it is known what an export would meet.
func (x *exporting) sendable(p *PendingExport) bool { return !p.Unknown || x.unseen[p.CS] }

// neverMade settles the deletion of an object whose creation was lost, and which the directory does
// not show. It is kept until the creation can no longer take effect: if it does, the object is
// deleted. Then it is forgotten, because no import will ever tell that it is gone.
func (x *exporting) neverMade(tx Tx, p *PendingExport) error {
	now := x.r.now()
	if p.NotBefore.IsZero() && x.mayComeLate() {
		p.NotBefore = now.Add(lateness)
	}
	if !p.NotBefore.After(now) {
		return tx.DeleteCS([]CSID{p.CS})
	}
	p.Unknown = true
	if err := tx.ClearObjectErrors(stepExport, []CSID{p.CS}); err != nil { // what the creation failed of
		return err
	}
	return tx.PutPendingExport([]*PendingExport{p})
}
