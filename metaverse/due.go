package metaverse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Due tells what a scheduler has to know of a connector to choose between delta and full
// steps.
type Due struct {
	// Watermark says that a delta import has something to start from.
	Watermark bool
	// Synchronised says that the connector's objects were evaluated in full once.
	Synchronised bool
	// RulesChanged says that this was by other rules than those in force.
	RulesChanged bool
	// Classes and Attributes are what the rules in force need of the directory, in order.
	Classes, Attributes []string
}

// Due reads what is due for a connector. It asks no directory.
func (e *Engine) Due(ctx context.Context, name string) (Due, error) {
	if _, ok := e.connectors[name]; !ok {
		return Due{}, fmt.Errorf("metaverse: there is no connector %q", name)
	}
	d := Due{Classes: slices.Sorted(slices.Values(e.rules.Classes(name))), Attributes: slices.Sorted(slices.Values(e.rules.ImportAttributes(name)))}
	err := e.store.View(ctx, func(rd Reader) error {
		w, err := rd.Setting(settingWatermark + name)
		if err != nil {
			return err
		}
		last, err := rd.Setting(settingRules + name)
		d.Watermark, d.Synchronised = w != nil, last != nil
		d.RulesChanged = last != nil && string(last) != e.rulesHash()
		return err
	})
	return d, err
}

// A WidenReason says why a delta step did the work of a full one.
type WidenReason string

// The reasons for which the engine widens delta steps by itself.
const (
	WidenNoDelta          WidenReason = "no-delta-import"   // the connector has none
	WidenNoWatermark      WidenReason = "no-watermark"      // nothing was read before
	WidenWatermarkExpired WidenReason = "watermark-expired" // the directory does not take it any more
	WidenSelection        WidenReason = "selection-changed" // the rules read other classes or attributes
	WidenInterrupted      WidenReason = "interrupted"       // many renames in an import that died
	WidenOwed             WidenReason = "deletions-unknown" // the last full import could not tell what is gone, and now it can
	WidenRulesChanged     WidenReason = "rules-changed"     // every object was evaluated
	WidenSchemaChanged    WidenReason = "schema-changed"    // every object was evaluated
)

// ForgetWatermarks removes the watermarks of connectors that the engine does not have, and
// returns their names. Should such a connector come back, it is read in full.
func (e *Engine) ForgetWatermarks(ctx context.Context) (gone []string, err error) {
	err = e.store.Update(ctx, func(tx Tx) error {
		gone = nil
		for _, prefix := range []string{settingWatermark, settingCheckpoint, settingMoves, settingSelection, settingOwed} {
			kept, err := tx.Settings(prefix)
			if err != nil {
				return err
			}
			for _, key := range slices.Sorted(maps.Keys(kept)) {
				name := strings.TrimPrefix(key, prefix)
				if _, ok := e.connectors[name]; ok {
					continue
				}
				if err := tx.PutSetting(key, nil); err != nil {
					return err
				}
				if !slices.Contains(gone, name) {
					gone = append(gone, name)
				}
			}
		}
		return nil
	})
	return gone, err
}
