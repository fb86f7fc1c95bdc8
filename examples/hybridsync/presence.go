package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/metaverse/sqlstore"
)

// presence is a server that runs the daemon, as it tells the others through the store.
type presence struct {
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Role    string    `json:"role"` // active, standby, or silent for one that lost the lease without a word
	Hash    string    `json:"hash"` // of its configuration
	Started time.Time `json:"started"`
	Seen    time.Time `json:"seen"`
}

const (
	settingServers = "hybridsync/servers"
	presentEvery   = 30 * time.Second
	presentFor     = 2 * time.Minute // how old a sign of life may be
	forgetAfter    = 24 * time.Hour  // servers that are gone
)

func readServers(rd metaverse.Reader) (map[string]presence, error) {
	servers := make(map[string]presence)
	b, err := rd.Setting(settingServers)
	if err == nil && b != nil {
		err = json.Unmarshal(b, &servers)
	}
	return servers, err
}

// announce tells others that this server is there, and with role "" that it is not any more.
func announce(ctx context.Context, store metaverse.Store, me presence) error {
	key := me.Host + " " + strconv.Itoa(me.PID)
	return store.Update(ctx, func(tx metaverse.Tx) error {
		servers, err := readServers(tx)
		if err != nil {
			return err
		}
		maps.DeleteFunc(servers, func(_ string, p presence) bool { return me.Seen.Sub(p.Seen) > forgetAfter })
		if servers[key] = me; me.Role == "" {
			delete(servers, key)
		}
		b, err := json.Marshal(servers)
		if err != nil {
			return err
		}
		return tx.PutSetting(settingServers, b)
	})
}

// present announces this server for as long as ctx lasts.
func (s *service) present(ctx context.Context) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	me := presence{Host: host, PID: os.Getpid(), Started: time.Now().UTC()}
	tell := func(ctx context.Context) {
		me.Seen = time.Now().UTC()
		if err := announce(ctx, s.store, me); err != nil && ctx.Err() == nil {
			s.i.log.Debug("this server could not be announced", "err", err) // the scheduler tells of a store in trouble
		}
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			me.Role = ""
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			tell(end)
			return
		case <-tick.C:
		}
		a := s.current.Load()
		if a == nil {
			continue
		}
		role, hash := a.scheduler.Role(), a.shared.hash()
		if role == me.Role && hash == me.Hash && time.Since(me.Seen) < presentEvery {
			continue
		}
		me.Role, me.Hash = role, hash
		tell(ctx)
	}
}

// cluster is what status shows of the servers on a store and of what they agree on.
type cluster struct {
	Servers       []presence               `json:"servers"`
	Lease         *leaseView               `json:"lease,omitempty"`         // where servers share the store
	Configuration *metaverse.Configuration `json:"configuration,omitempty"` // the store's newest
	Hash          string                   `json:"hash,omitempty"`          // of this file's configuration
}

type leaseView struct {
	Holder string `json:"holder"`
	Token  int64  `json:"token"`
	Left   int64  `json:"left_ms"`
}

func clusterOf(ctx context.Context, a *app) (c cluster, err error) {
	err = a.store.View(ctx, func(rd metaverse.Reader) error {
		servers, err := readServers(rd)
		if err != nil {
			return err
		}
		c.Servers = []presence{}
		for _, key := range slices.Sorted(maps.Keys(servers)) {
			c.Servers = append(c.Servers, servers[key])
		}
		c.Configuration, err = rd.Configuration(0)
		return err
	})
	if err != nil {
		return c, err
	}
	if set, err := loadRules(a.config); err == nil { // a status shows what it can
		c.Hash = a.config.shared(set).hash()
	}
	if !sqlstore.IsURL(a.config.Store) {
		return c, nil // a file has its lease for single steps
	}
	l, err := a.store.Lease(ctx)
	if err == nil && l.Token > 0 {
		c.overtaken(l)
		c.Lease = &leaseView{l.Holder.String(), l.Token, l.Left.Milliseconds()}
	}
	return c, err
}

// overtaken corrects what servers said of themselves before they died: active is who has the lease.
func (c *cluster) overtaken(l metaverse.Lease) {
	for n := range c.Servers {
		s := &c.Servers[n]
		holds := l.Held() && l.Holder.Host == s.Host && l.Holder.PID == s.PID
		if s.Role == "active" && !holds {
			s.Role = "silent"
		}
	}
}

// showCluster prints the servers, the lease and the configuration.
func (i *invocation) showCluster(c *cluster, now time.Time) error {
	if len(c.Servers) > 0 {
		t := tabwriter.NewWriter(i.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(t, "SERVER\tPROCESS\tROLE\tCONFIGURATION\tSINCE\tSEEN")
		for _, s := range c.Servers {
			role := s.Role
			if now.Sub(s.Seen) > presentFor {
				role = "silent"
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%.16s\t%s\t%s ago\n", s.Host, s.PID, role, s.Hash, s.Started.Local().Format(time.DateTime), max(now.Sub(s.Seen), 0).Round(time.Second))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if l := c.Lease; l != nil && l.Left > 0 {
		fmt.Fprintf(i.out, "lease: %s, token %d, good for %s unless it is extended\n", l.Holder, l.Token, time.Duration(l.Left)*time.Millisecond)
	} else if l != nil {
		fmt.Fprintf(i.out, "lease: free; %s had it last, with token %d\n", l.Holder, l.Token)
	}
	if v := c.Configuration; v != nil {
		fmt.Fprintf(i.out, "configuration: version %d, %.16s, by %s at %s%s\n", v.Version, v.Hash, v.Author, v.At.Local().Format(time.DateTime),
			pick(v.Hash == c.Hash, "", "; this file is another one ("+fmt.Sprintf("%.16s", c.Hash)+"): hybridsync config diff"))
	}
	return nil
}
