package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/sourceanchor"
)

// settingAnchor holds the choice of the source-anchor attribute.
const settingAnchor = "source-anchor"

// holdAnchor records which attribute the source anchor is taken from when a store is used
// first, and refuses another one ever after: objects would lose their counterparts.
func holdAnchor(ctx context.Context, store metaverse.Store, configured string) error {
	var recorded sourceanchor.Choice
	read := func(rd metaverse.Reader) error {
		b, err := rd.Setting(settingAnchor)
		if err != nil || b == nil {
			return err
		}
		return json.Unmarshal(b, &recorded)
	}
	if err := store.View(ctx, read); err != nil {
		return fmt.Errorf("source anchor: %w", err)
	}
	if recorded.Attribute == "" {
		return store.Update(ctx, func(tx metaverse.Tx) error {
			if err := read(tx); err != nil || recorded.Attribute != "" {
				return err
			}
			b, err := json.Marshal(sourceanchor.Choice{Attribute: configured, Reason: "configured", Time: time.Now().UTC()})
			if err != nil {
				return err
			}
			return tx.PutSetting(settingAnchor, b)
		})
	}
	return recorded.Check(configured)
}
