package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
	"github.com/hybridsync/hybridsync/connector/entra"
	"github.com/hybridsync/hybridsync/internal/postgrestest"
	"github.com/hybridsync/hybridsync/metaverse"
	"github.com/hybridsync/hybridsync/scheduler"
)

// beside is another server for the same directories, with a store of its own.
func (b *bench) beside() *bench {
	b.t.Helper()
	other := *b
	other.dir, other.values = b.t.TempDir(), maps.Clone(b.values)
	require.NoError(b.t, os.Chmod(other.dir, 0o700))
	return &other
}

func (b *bench) must(args ...string) string {
	b.t.Helper()
	out, err := b.run(args...)
	require.NoError(b.t, err, args)
	return out
}

// report writes the report of what is pending, with every change of every object.
func (b *bench) report() (string, *scheduler.PendingReport) {
	b.t.Helper()
	path := filepath.Join(b.dir, "report.json")
	b.must("staging", "report", "-samples", "100000", "-o", path)
	r, err := readReport(path)
	require.NoError(b.t, err)
	return path, r
}

// A directoryObject is an object of a dump of the tenant.
type directoryObject struct {
	ID         string                     `json:"id"`
	Deleted    *string                    `json:"deleted"`
	Properties map[string]json.RawMessage `json:"properties"`
	Manager    string                     `json:"manager"`
	Members    []string                   `json:"members"`
	class      string
}

// dump is everybody and every group in the tenant, by id.
func (b *bench) dump() map[string]directoryObject {
	b.t.Helper()
	var text bytes.Buffer
	require.NoError(b.t, b.tenant.Dump(&text))
	var file struct {
		Objects map[string][]directoryObject `json:"objects"`
	}
	require.NoError(b.t, json.Unmarshal(text.Bytes(), &file))
	all := make(map[string]directoryObject)
	for _, class := range []string{"user", "group"} {
		for _, o := range file.Objects[class] {
			if o.Deleted == nil {
				o.class = class
				all[o.ID] = o
			}
		}
	}
	return all
}

// values are the properties of an object by name, those within others as "property.member".
func (o directoryObject) values() map[string][]string {
	out := make(map[string][]string)
	for name, raw := range o.Properties {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			continue
		}
		members, nested := v.(map[string]any)
		if !nested {
			members = map[string]any{"": v}
		}
		for member, v := range members {
			list, many := v.([]any)
			if !many && v != nil {
				list = []any{v}
			}
			at := strings.TrimSuffix(name+"."+member, ".")
			for _, one := range list {
				out[at] = append(out[at], fmt.Sprint(one))
			}
			slices.Sort(out[at])
		}
	}
	return out
}

// happened tells what was done to the tenant between two dumps, one line for each change of each
// attribute.
func happened(before, after map[string]directoryObject) (lines []string) {
	line := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for id, o := range before {
		if _, there := after[id]; !there {
			line("delete %s %s", o.class, id)
		}
	}
	for id, o := range after {
		was, there := before[id]
		now, then := o.values(), was.values()
		about := "update " + o.class + " " + id
		if !there {
			about = "add " + o.class + " " + now["displayName"][0]
		}
		names := maps.Clone(then)
		maps.Copy(names, now)
		for name := range names {
			if !slices.Equal(now[name], then[name]) {
				line("%s %s = %v", about, name, now[name])
			}
		}
		if added, gone := differs(o.Members, was.Members), differs(was.Members, o.Members); added+gone > 0 {
			line("%s members +%d -%d", about, added, gone)
		}
		if o.Manager != was.Manager {
			line("%s manager +%d -%d", about, differs([]string{o.Manager}, []string{""}), differs([]string{was.Manager}, []string{""}))
		}
	}
	slices.Sort(lines)
	return lines
}

func differs(list, from []string) (n int) {
	for _, one := range list {
		if !slices.Contains(from, one) {
			n++
		}
	}
	return n
}

// foretold tells the same of what a report announces.
func foretold(r *scheduler.PendingReport) (lines []string) {
	properties := make(map[string]string) // by class and attribute
	for _, m := range entra.Mappings() {
		for class, access := range map[string]entra.Access{"user": m.User, "group": m.Group} {
			if access != entra.Matched { // such finds objects that are there, and is not written
				properties[class+m.Attribute] = m.Property
			}
		}
	}
	for _, c := range r.Connectors {
		for _, o := range c.Samples {
			_, id, _ := strings.Cut(o.Key, "_") // User_ and an id
			about := o.Op + " " + o.Class + " " + id
			if o.Op == "delete" {
				lines = append(lines, about)
				continue
			}
			if o.Op == "add" {
				at := slices.IndexFunc(o.Attributes, func(m metaverse.ModView) bool { return m.Attribute == "displayName" })
				about = "add " + o.Class + " " + o.Attributes[at].Adds[0]
			}
			for _, m := range o.Attributes {
				values, property := slices.Sorted(slices.Values(m.Adds)), properties[o.Class+m.Attribute]
				if o.Class == "group" && m.Attribute == "sourceAnchor" { // groups have no such property
					values, property = []string{fmt.Sprintf("hybridsync-%x", values[0])}, "uniqueName"
				}
				if property != "" {
					lines = append(lines, strings.NewReplacer("[True]", "[true]", "[False]", "[false]").Replace(fmt.Sprintf("%s %s = %v", about, property, values)))
				}
			}
			for _, f := range o.References {
				lines = append(lines, fmt.Sprintf("%s %s +%d -%d", about, properties[o.Class+f.Attribute], f.Adds, f.Deletes))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// A server in staging mode beside the active one, each with a store of its own: both want the same,
// and what the report of the one in staging mode says is what the active one then does, change by
// change. Then they change places.
func TestStagingServerBesideTheActiveOne(t *testing.T) {
	t.Parallel()
	active := newBench(t)
	p := active.populate(30, 4)
	waiting := active.beside()
	waiting.must("staging", "enter", "-by", "ann", "-reason", "second server")

	same := func() *scheduler.PendingReport {
		t.Helper()
		mine, _ := active.report()
		theirs, r := waiting.report()
		waiting.must("staging", "compare", mine, theirs) // an error where they differ
		require.NotNil(t, r.Staging)
		return r
	}
	for _, change := range []func(){
		func() {}, // nobody is in the tenant yet
		func() {
			for i, dn := range p.Users[:6] {
				require.NoError(t, active.dc.Modify(dn, adtest.Replace("title", fmt.Sprint("Title ", i)), adtest.Replace("department")))
			}
			require.NoError(t, active.dc.Modify(p.Users[7], adtest.Replace("manager", p.Users[0])))
			require.NoError(t, active.dc.SetEnabled(p.Users[8], false))
			require.NoError(t, active.dc.Delete(p.Users[9]))
			require.NoError(t, active.dc.Delete(p.Groups[3]))
			active.dc.Must(active.dc.AddUser("Joiner", nil))
			active.dc.Must(active.dc.AddGroup("Joiners", nil))
			_, err := active.dc.Rename(p.Users[10], "Renamed")
			require.NoError(t, err)
			_ = active.dc.RemoveMember(p.Groups[0], p.Users[1]) // it may be no member
			_ = active.dc.AddMember(p.Groups[1], p.Users[2])    // it may be one already
		},
	} {
		change()
		active.must("import")
		active.must("sync")
		waiting.must("cycle")
		announced := same()
		before := active.dump()
		active.tenant.ResetLog()
		waiting.must("cycle")
		require.Zero(t, active.tenant.Writes(), "a server in staging mode sends nothing")
		active.must("cycle")
		require.Positive(t, active.tenant.Writes())
		asked := make(map[string]bool)
		for _, line := range foretold(announced) {
			asked[strings.SplitAfter(line, " = ")[0]] = true
		}
		did := slices.DeleteFunc(happened(before, active.dump()), func(line string) bool {
			return strings.HasPrefix(line, "add ") && !asked[strings.SplitAfter(line, " = ")[0]] // the tenant's own
		})
		require.Equal(t, foretold(announced), did)
		active.must("cycle") // which confirms it
		waiting.must("cycle")
		require.Empty(t, same().Objects, "nothing is left to do, for either")
	}

	// A server that is configured otherwise is found out, object by object.
	odd := active.beside()
	odd.must("staging", "enter")
	odd.must("cycle")
	_, ou, _ := strings.Cut(p.Users[0], ",")
	odd.values["keys"] = fmt.Sprintf("    exchange: true\n    allow_administrator: true\n    exclude: [%q]\n", ou)
	odd.must("cycle")
	mine, _ := active.report()
	theirs, _ := odd.report()
	out, err := odd.run("staging", "compare", mine, theirs)
	require.ErrorIs(t, err, errDifferent)
	require.Contains(t, out, "delete user: 0 in the first only")

	active.changePlaces(waiting, p)
}

// changePlaces makes a server in staging mode the active one instead of another.
func (b *bench) changePlaces(next *bench, p *adtest.Population) {
	t := b.t
	daemon := next.server("daemon", "")
	daemon.said("event=staging-entered", 1)
	daemon.said("by=ann reason=\"second server\"", 1)
	require.NoError(t, b.dc.Modify(p.Users[20], adtest.Replace("title", "Director")))
	b.must("staging", "enter", "-by", "bob")
	b.tenant.ResetLog()
	b.must("cycle")
	_, err := b.run("export", "tenant")
	require.ErrorIs(t, err, metaverse.ErrStaging)
	next.must("start")
	waits := func() bool {
		_, r := next.report()
		return next.statusOrNone().State.Running == nil && len(r.Objects) == 1
	}
	next.eventually("the change, waiting", waits)
	require.Zero(t, b.tenant.Writes(), "neither of the two sends anything")
	require.Contains(t, next.must("staging", "leave", "-by", "bob", "-reason", "changing places"), "1 objects at the moment")
	daemon.said("event=staging-left by=bob reason=\"changing places\"", 1)
	next.must("start")
	next.eventually("the export", func() bool { return b.tenant.Writes() == 1 })
	require.Contains(t, next.must("staging", "status"), "by bob (changing places)")
	b.must("cycle")
	require.Equal(t, 1, b.tenant.Writes(), "the former one sends nothing more")
	daemon.signal(syscall.SIGTERM)
	require.NoError(t, daemon.cmd.Wait())
}

// Staging mode is the store's: a standby that takes over exports nothing either, and when the store
// leaves it, whichever process has the lease exports, and no other. The end of staging mode is told
// of also where it came while nothing ran.
func TestStagingOutlastsItsServers(t *testing.T) {
	t.Parallel()
	pg := postgrestest.Start(t, nil)
	b := newBench(t)
	p := b.populate(20, 2)
	b.values["store"], b.values["more"] = pg.URL(), shortLease
	b.must("staging", "enter", "-by", "ann")
	first := b.server("first", "")
	first.said("event=cycle-ended", 1)
	second := b.server("second", "")
	second.said("event=standby", 1)
	first.signal(syscall.SIGSTOP)
	second.said("event=active", 1)
	second.said("event=staging-entered", 1)
	require.Zero(t, b.tenant.Writes())
	b.must("start")
	second.said("event=cycle-ended", 1)
	require.Zero(t, b.tenant.Writes(), "the one that took over keeps to it")

	b.must("staging", "leave", "-by", "bob")
	second.said("event=staging-left by=bob", 1)
	b.must("start")
	b.eventually("everybody", func() bool { return len(b.tenant.Users()) == len(p.Users) })
	first.signal(syscall.SIGCONT)
	first.said("event=standby", 1)
	require.NotContains(t, first.text(), "staging-left", "one process tells of it")
	b.nothingCreatedTwice()

	b.must("staging", "enter")
	second.said("event=staging-entered", 2)
	for _, s := range []*server{first, second} {
		s.signal(syscall.SIGTERM)
		require.NoError(t, s.cmd.Wait())
	}
	b.must("staging", "leave", "-by", "cleo")
	third := b.server("third", "")
	third.said("event=staging-left by=cleo", 1)
	third.signal(syscall.SIGTERM)
	require.NoError(t, third.cmd.Wait())
}
