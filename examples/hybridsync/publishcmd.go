package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// errAlone refuses what has a meaning only where servers share a store.
var errAlone = errors.New("the store is a file of this machine: no other server has to agree, the daemon takes its file with a reload")

// readShared reads what other servers have to agree with, and opens the store.
func (i *invocation) readShared(ctx context.Context, readOnly bool, fn func(sharedConfig, metaverse.Store) error) (err error) {
	c, err := readConfig(i.path)
	if err != nil {
		return err
	}
	if !sqlstore.IsURL(c.Store) {
		return errAlone
	}
	set, err := loadRules(c)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, i.log, readOnly)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return fn(c.shared(set), store)
}

// configPublish makes the file's configuration the one that all servers must have.
func (i *invocation) configPublish(ctx context.Context) error {
	return i.readShared(ctx, false, func(mine sharedConfig, store metaverse.Store) error {
		was, err := newestConfiguration(ctx, store)
		if err != nil {
			return err
		}
		now, err := mine.publish(ctx, store, i.operate.by, false)
		if err != nil {
			return err
		}
		if i.json {
			return i.printJSON(now)
		}
		if was != nil && was.Version == now.Version {
			_, err = fmt.Fprintf(i.out, "version %d is this configuration already\n", now.Version)
			return err
		}
		_, err = fmt.Fprintf(i.out, "version %d is the configuration of the store now; put it in place on every server and reload it\n", now.Version)
		return err
	})
}

// configDrift shows how the file differs from the store's configuration.
func (i *invocation) configDrift(ctx context.Context) error {
	return i.readShared(ctx, true, func(mine sharedConfig, store metaverse.Store) error {
		stored, err := newestConfiguration(ctx, store)
		if err != nil {
			return err
		}
		if stored == nil {
			return errors.New("the store holds no configuration yet: the first server that runs records its own")
		}
		list, err := mine.differs(stored)
		if err != nil {
			return err
		}
		if i.json {
			return i.printJSON(map[string]any{"version": stored.Version, "differences": list})
		}
		i.showDifferences(list)
		if len(list) == 0 {
			_, err = fmt.Fprintf(i.out, "no difference from version %d of the store's\n", stored.Version)
		}
		return err
	})
}

// configHistory lists the versions that the store holds.
func (i *invocation) configHistory(ctx context.Context) error {
	return i.look(ctx, func(a *app) error {
		list := []metaverse.Configuration{}
		err := a.store.View(ctx, func(rd metaverse.Reader) error {
			versions, err := rd.Configurations(0, i.limit)
			list = append(list[:0], versions...)
			return err
		})
		if err != nil {
			return err
		}
		if i.json {
			return i.printJSON(list)
		}
		for _, c := range list {
			fmt.Fprintf(i.out, "%4d  %s  %s  %s\n", c.Version, c.At.Local().Format(time.DateTime), c.Hash[:16], c.Author)
		}
		if len(list) == 0 {
			fmt.Fprintln(i.out, "none: configurations are recorded where servers share a store")
		}
		return nil
	})
}
