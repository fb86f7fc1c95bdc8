package metaverse

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// joinPlan says by which attributes the rules join, and so which values are indexed.
type joinPlan struct {
	mv       []string            // metaverse attributes of inbound joins
	outbound map[string][]string // by connector: attributes of outbound joins
	inbound  map[string][]string // by connector: attributes of inbound joins
	wake     map[string][]wakeup // by folded metaverse attribute
}

// wakeup is one way in which a connector-space object can be found by a metaverse value.
type wakeup struct{ connector, attribute string }

func planJoins(set *rules.Set) *joinPlan {
	p := &joinPlan{outbound: make(map[string][]string), inbound: make(map[string][]string), wake: make(map[string][]wakeup)}
	for _, r := range set.Rules() {
		for _, group := range r.Join {
			for _, c := range group {
				if r.Direction == rules.Outbound {
					p.outbound[r.Connector] = addName(p.outbound[r.Connector], c.CS)
					continue
				}
				p.mv = addName(p.mv, c.MV)
				p.inbound[r.Connector] = addName(p.inbound[r.Connector], c.CS)
				w := wakeup{r.Connector, attr.Fold(c.CS)}
				if key := attr.Fold(c.MV); !slices.Contains(p.wake[key], w) {
					p.wake[key] = append(p.wake[key], w)
				}
			}
		}
	}
	return p
}

func addName(names []string, name string) []string {
	name = attr.Fold(name)
	if i, found := slices.BinarySearch(names, name); !found {
		return slices.Insert(names, i, name)
	}
	return names
}

// mvKeys returns the values under which inbound joins find a metaverse object.
func (p *joinPlan) mvKeys(set *attr.Set) []ValueKey { return valueKeys(set, p.mv) }

// csKeys returns the values under which joins find a connector-space object: outbound
// joins always, inbound ones while it waits for a metaverse object to turn up. What has a
// pending import does not: it has a turn of its own.
func (p *joinPlan) csKeys(o *CSObject, pending ImportOp) []ValueKey {
	switch {
	case o.State == Placeholder:
		return nil
	case o.Link.MV == 0 && o.State == NormalDisconnector && pending == ImportNone && o.Imported:
		return p.anyCSKeys(o)
	default:
		return valueKeys(&o.Image, p.outbound[o.Connector])
	}
}

// anyCSKeys returns all values under which joins may find a connector-space object.
func (p *joinPlan) anyCSKeys(o *CSObject) []ValueKey {
	keys := valueKeys(&o.Image, p.outbound[o.Connector])
	for _, k := range valueKeys(&o.Image, p.inbound[o.Connector]) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func valueKeys(set *attr.Set, names []string) (keys []ValueKey) {
	for _, name := range names {
		for _, v := range set.Values(name) {
			if k := (ValueKey{name, rules.JoinKey(v)}); !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// signature identifies what the value indexes hold.
func (p *joinPlan) signature(connectors []string) string {
	parts := []string{"waiting", "mv", strings.Join(p.mv, ",")}
	for _, name := range connectors {
		parts = append(parts, name, strings.Join(p.outbound[name], ","), strings.Join(p.inbound[name], ","))
	}
	return strings.Join(parts, "|")
}

// A ValueIndex tells under which values a store indexes its objects, for checks of stores.
type ValueIndex struct{ plan *joinPlan }

// ReadValueIndex reads by which attributes a store is indexed; nil while the index is being built.
func ReadValueIndex(rd Reader) (*ValueIndex, error) {
	b, err := rd.Setting(settingJoins)
	parts := strings.Split(string(b), "|")
	if err != nil || len(parts) < 2 || len(parts)%3 != 2 {
		return nil, err
	}
	names := func(list string) []string { return strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) }
	p := &joinPlan{mv: names(parts[1]), outbound: make(map[string][]string), inbound: make(map[string][]string)}
	for rest := parts[2:]; len(rest) > 0; rest = rest[3:] {
		p.outbound[rest[0]], p.inbound[rest[0]] = names(rest[1]), names(rest[2])
	}
	return &ValueIndex{p}, nil
}

// CS returns the entries that a connector-space object should have.
func (x *ValueIndex) CS(o *CSObject) []ValueKey { return x.plan.csKeys(o, o.Pending) }

// MV returns the entries that a metaverse object should have.
func (x *ValueIndex) MV(o *MVObject) []ValueKey { return x.plan.mvKeys(&o.Attributes) }

// settingJoins holds the signature of the value indexes in the store.
const settingJoins = "joins"

// adoptPlan notes what the value indexes of a store hold in which there is nothing yet.
func (r *run) adoptPlan(tx Tx) error {
	have, err := tx.Setting(settingJoins)
	if err != nil || have != nil {
		return err
	}
	names, err := tx.Connectors()
	if err != nil || len(names) > 0 {
		return err
	}
	return tx.PutSetting(settingJoins, []byte(r.e.joins.signature(r.e.names)))
}

// reindex builds the value indexes anew when the rules join by other attributes than
// before.
func (r *run) reindex(ctx context.Context) error {
	want := r.e.joins.signature(r.e.names)
	var have string
	err := r.e.store.View(ctx, func(rd Reader) error {
		b, err := rd.Setting(settingJoins)
		have = string(b)
		return err
	})
	if err != nil || have == want {
		return err
	}
	// While it is being built there is no index to rely on, whatever happens to the process.
	if err := r.update(ctx, func(tx Tx) error { return tx.PutSetting(settingJoins, nil) }); err != nil {
		return err
	}
	for _, name := range r.e.names {
		if err := r.reindexCS(ctx, name); err != nil {
			return fmt.Errorf("building the index of connector space %s: %w", name, err)
		}
	}
	if err := r.reindexMV(ctx); err != nil {
		return fmt.Errorf("building the index of the metaverse: %w", err)
	}
	return r.update(ctx, func(tx Tx) error { return tx.PutSetting(settingJoins, []byte(want)) })
}

func (r *run) reindexCS(ctx context.Context, name string) error {
	return r.pages(ctx, func(tx Tx, after int64) (int64, error) {
		page, err := tx.ScanCS(name, CSID(after), r.e.opts.Batch)
		if err != nil || len(page) == 0 {
			return 0, err
		}
		ids, keys := make([]CSID, len(page)), make([][]ValueKey, len(page))
		for i, o := range page {
			ids[i], keys[i] = o.ID, r.e.joins.csKeys(o, o.Pending)
		}
		return int64(ids[len(ids)-1]), tx.SetCSValues(ids, keys)
	})
}

func (r *run) reindexMV(ctx context.Context) error {
	return r.pages(ctx, func(tx Tx, after int64) (int64, error) {
		page, err := tx.ScanMV(MVID(after), r.e.opts.Batch)
		if err != nil || len(page) == 0 {
			return 0, err
		}
		ids, keys := make([]MVID, len(page)), make([][]ValueKey, len(page))
		for i, o := range page {
			ids[i], keys[i] = o.ID, r.e.joins.mvKeys(&o.Attributes)
		}
		return int64(ids[len(ids)-1]), tx.SetMVValues(ids, keys)
	})
}

// pages calls fn, each time in a transaction of its own, with the last id that it has dealt with,
// until it returns 0 for there being no more.
func (r *run) pages(ctx context.Context, fn func(tx Tx, after int64) (int64, error)) error {
	for after := int64(0); ; {
		var last int64
		err := r.update(ctx, func(tx Tx) (err error) {
			last, err = fn(tx, after)
			return err
		})
		if err != nil || last == 0 {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		after = last
	}
}
