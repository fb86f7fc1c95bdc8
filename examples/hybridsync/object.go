package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/hybridsync/hybridsync/metaverse"
)

// object imports, synchronises and exports one object now, or changes its link.
func object(ctx context.Context, i *invocation) error {
	ref, err := i.ref()
	if err != nil {
		return err
	}
	q := &i.inspect
	return i.withEngine(ctx, func(a *app) error {
		if err := a.lead(ctx); err != nil {
			return err
		}
		switch {
		case q.connect != 0 && !q.disconnect && !q.release:
			return i.linked("linked", a.engine.Connect(ctx, ref, metaverse.MVID(q.connect)))
		case q.disconnect && q.connect == 0 && !q.release:
			return i.linked("disconnected", a.engine.Disconnect(ctx, ref))
		case q.release && q.connect == 0 && !q.disconnect:
			return i.linked("released", a.engine.Release(ctx, ref))
		case q.release || q.disconnect || q.connect != 0:
			return errors.New("-connect, -disconnect and -release exclude each other")
		}
		r, err := a.engine.SyncObject(ctx, ref, &metaverse.ObjectOptions{NoExport: q.noExport, Deletes: q.deletes})
		i.reporter.Done()
		return errors.Join(i.showObject(r), err)
	})
}

// linked says that a link was changed.
func (i *invocation) linked(what string, err error) error {
	switch {
	case err != nil:
		return err
	case i.json:
		return i.printJSON(map[string]string{"result": what})
	default:
		_, err := fmt.Fprintln(i.out, what)
		return err
	}
}

func (i *invocation) showObject(r *metaverse.ObjectResult) error {
	if i.json {
		return i.printJSON(r)
	}
	t := tabwriter.NewWriter(i.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "STEP\tCONNECTOR\tRESULT\t")
	for _, s := range r.Steps {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Step, s.Connector, s.Status, s.Message)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if r.Changes == nil {
		return nil
	}
	return r.Changes.WriteText(i.out)
}
