package metaverse

// closeInterrupted gives the steps of earlier holders of the lease that are still in progress in
// the history their end: the process that ran them was killed or has lost the lease, and can
// write nothing more. It is part of the transaction in which the first step under a lease begins,
// so all steps in question are of the tenure that ran steps last.
func (r *run) closeInterrupted(tx Tx) error {
	const page = 100
	last := int64(-1) // the token of that tenure; not known yet
	for before := int64(0); ; {
		runs, err := tx.Runs("", before, page)
		if err != nil || len(runs) == 0 {
			return err
		}
		for k := range runs {
			rec := &runs[k]
			before = rec.ID
			if rec.Token == r.lease.token {
				continue
			}
			if last < 0 {
				last = rec.Token
			}
			if rec.Token != last {
				return nil
			}
			if rec.Result != ResultRunning {
				continue
			}
			rec.Result, rec.Ended = ResultStoppedInterrupted, r.e.opts.Now()
			rec.Error = "the process was killed or lost the lease before the end of the step"
			if _, err := tx.PutRun(rec); err != nil {
				return err
			}
		}
	}
}
