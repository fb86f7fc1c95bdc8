package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

// inspection holds the flags of the commands that look at single objects.
type inspection struct {
	anchor                string
	mv                    int64
	attribute, value      string
	commit                bool
	noExport, deletes     bool
	connect               int64
	disconnect, release   bool
	class, state          string
	under, contains       string
	toImport, toExport    string
	inTrouble, identities bool
	code                  string
	after                 int64
}

func inspectCommands(one func(*flag.FlagSet, *invocation)) []command {
	return []command{
		{"search", "[DN]", "find objects of a connector, or identities with -mv", func(f *flag.FlagSet, i *invocation) {
			one(f, i)
			q := &i.inspect
			f.StringVar(&q.under, "under", "", "objects whose DN ends in this")
			f.StringVar(&q.contains, "contains", "", "objects whose DN contains this")
			f.StringVar(&q.class, "class", "", "objects of this class")
			f.StringVar(&q.state, "state", "", "objects in this state, such as normal-disconnector")
			f.StringVar(&q.toImport, "to-sync", "", "objects that wait for synchronisation: add, update, delete, any")
			f.StringVar(&q.toExport, "to-export", "", "objects that wait for export: add, update, delete, any")
			f.BoolVar(&q.inTrouble, "errors", false, "objects in trouble")
			f.StringVar(&q.code, "error", "", "objects that have the error with this `code`, such as permission-issue")
			f.BoolVar(&q.identities, "mv", false, "search identities")
			f.StringVar(&q.attribute, "attribute", "", "identities that have this attribute")
			f.StringVar(&q.value, "value", "", "with this value")
			f.Int64Var(&q.after, "after", 0, "the page after this `id`")
			f.IntVar(&i.limit, "n", 100, "how many")
		}, search},
		{"explain", "[DN]", "show why an object, or an attribute, is what it is", func(f *flag.FlagSet, i *invocation) {
			one(f, i)
			f.Int64Var(&i.inspect.mv, "mv", 0, "an identity, by its `id`")
			f.StringVar(&i.inspect.attribute, "attribute", "", "show where this attribute comes from")
		}, explain},
		{"preview", "[DN]", "show what synchronising one object would do; change nothing", func(f *flag.FlagSet, i *invocation) {
			one(f, i)
			f.BoolVar(&i.inspect.commit, "commit", false, "keep the result")
		}, preview},
		{"object", "[DN]", "import, synchronise and export one object now", func(f *flag.FlagSet, i *invocation) {
			one(f, i)
			f.BoolVar(&i.inspect.noExport, "no-export", false, "leave what is to be exported pending")
			f.BoolVar(&i.inspect.deletes, "deletes", false, "carry out deletions, too")
			f.Int64Var(&i.inspect.connect, "connect", 0, "instead: link it to the identity with this `id`")
			f.BoolVar(&i.inspect.disconnect, "disconnect", false, "instead: take it from its identity and leave it alone")
			f.BoolVar(&i.inspect.release, "release", false, "instead: let rules decide about it again")
		}, object},
		{"whatif", "", "report what changed rules or settings would do; change nothing", whatIfFlags, whatIf},
		{"store", "check | repair BACKUP | backup FILE | dump [FILE] | copy TARGET", "look after the store", nil, storeCommand},
	}
}

// withEngine runs fn with the program wired together.
func (i *invocation) withEngine(ctx context.Context, fn func(*app) error) (err error) {
	a, err := i.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	return fn(a)
}

// ref is the object that the arguments name: a DN, or an anchor by -anchor.
func (i *invocation) ref() (metaverse.ObjectRef, error) {
	ref := metaverse.ObjectRef{Connector: i.connector}
	switch {
	case i.inspect.anchor != "" && len(i.args) == 0:
		a, err := connector.ParseAnchor(i.inspect.anchor)
		ref.Anchor = a
		return ref, err
	case i.inspect.anchor == "" && len(i.args) == 1:
		ref.DN = i.args[0]
		return ref, nil
	}
	return ref, errors.New("name one object: a DN, or an anchor with -anchor")
}

// textual is a result that people can read.
type textual interface{ WriteText(io.Writer) error }

func (i *invocation) show(v textual) error {
	if i.json {
		return i.printJSON(v)
	}
	return v.WriteText(i.out)
}

// preview shows what synchronising one object would do.
func preview(ctx context.Context, i *invocation) error {
	ref, err := i.ref()
	if err != nil {
		return err
	}
	return i.withEngine(ctx, func(a *app) error {
		p, err := a.engine.Preview(ctx, ref, &metaverse.PreviewOptions{Commit: i.inspect.commit})
		if err != nil {
			return err
		}
		if err := i.show(p); err != nil {
			return err
		}
		if len(p.Errors) > 0 {
			return fmt.Errorf("%d objects would get errors", len(p.Errors))
		}
		return nil
	})
}

// explain shows why an object, or one of its attributes, is what it is.
func explain(ctx context.Context, i *invocation) error {
	if i.inspect.mv != 0 && (len(i.args) > 0 || i.inspect.anchor != "") {
		return errors.New("-mv stands alone: it names the object")
	}
	var ref metaverse.ObjectRef
	if i.inspect.mv == 0 {
		var err error
		if ref, err = i.ref(); err != nil {
			return err
		}
	}
	id := metaverse.MVID(i.inspect.mv)
	return i.withEngine(ctx, func(a *app) error {
		if i.inspect.attribute != "" {
			l, err := a.lineage(ctx, id, ref, i.inspect.attribute)
			if err != nil {
				return err
			}
			return i.showLineage(l)
		}
		var x *metaverse.Explained
		var err error
		if id != 0 {
			x, err = a.engine.ExplainMV(ctx, id)
		} else {
			x, err = a.engine.Explain(ctx, ref)
		}
		if err != nil {
			return err
		}
		return i.show(x)
	})
}

func (a *app) lineage(ctx context.Context, id metaverse.MVID, ref metaverse.ObjectRef, attribute string) ([]metaverse.Lineage, error) {
	if id != 0 {
		return a.engine.LineageMV(ctx, id, attribute)
	}
	return a.engine.Lineage(ctx, ref, attribute)
}

func (i *invocation) showLineage(list []metaverse.Lineage) error {
	if i.json {
		return i.printJSON(list)
	}
	i.lineageLines(list, 0)
	return nil
}

func (i *invocation) lineageLines(list []metaverse.Lineage, depth int) {
	for _, l := range list {
		values := strings.Join(l.Values, "; ")
		if l.Count > 0 {
			values = fmt.Sprintf("%d references", l.Count)
		}
		if values == "" {
			values = "(none)"
		}
		fmt.Fprintf(i.out, "%s%s of %s = %s\n", strings.Repeat("  ", depth), l.Attribute, l.Object, values)
		if l.Rule != "" {
			fmt.Fprintf(i.out, "%s  by rule %s: %s\n", strings.Repeat("  ", depth), l.Rule, l.Flow)
		}
		i.lineageLines(l.From, depth+1)
	}
}

// search finds objects of a connector space, or identities.
func search(ctx context.Context, i *invocation) error {
	q := &i.inspect
	if q.identities {
		return i.withEngine(ctx, func(a *app) error {
			page, err := a.engine.SearchMV(ctx, metaverse.MVQuery{
				Class: q.class, Attribute: q.attribute, Value: q.value, After: metaverse.MVID(q.after), Limit: i.limit,
			})
			if err != nil {
				return err
			}
			return i.showIdentities(page)
		})
	}
	anchor, err := connector.ParseAnchor(q.anchor)
	if err != nil {
		return err
	}
	dn := ""
	switch len(i.args) {
	case 0:
	case 1:
		dn = i.args[0]
	default:
		return errors.New("search takes one DN at most")
	}
	return i.withEngine(ctx, func(a *app) error {
		if i.connector == "" {
			return fmt.Errorf("search where? name one of %q with -connector, or search identities with -mv", a.names)
		}
		page, err := a.engine.SearchCS(ctx, metaverse.CSQuery{
			Connector: i.connector, DN: dn, Under: q.under, Contains: q.contains, Anchor: anchor, Class: q.class, State: q.state,
			PendingImport: q.toImport, PendingExport: q.toExport, Errors: q.inTrouble, Error: q.code, After: metaverse.CSID(q.after), Limit: i.limit,
		})
		if err != nil {
			return err
		}
		return i.showObjects(page)
	})
}

func (i *invocation) showObjects(page *metaverse.CSPage) error {
	if i.json {
		return i.printJSON(page)
	}
	t := tabwriter.NewWriter(i.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tCLASS\tSTATE\tTO SYNC\tTO EXPORT\tIDENTITY\tDN")
	for _, o := range page.Objects {
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", o.ID, o.Class, o.State, o.PendingImport, o.PendingExport, o.Metaverse, o.DN)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return i.showNext(int64(page.Next))
}

func (i *invocation) showIdentities(page *metaverse.MVPage) error {
	if i.json {
		return i.printJSON(page)
	}
	t := tabwriter.NewWriter(i.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tCLASS\tNAME")
	for _, o := range page.Objects {
		fmt.Fprintf(t, "%d\t%s\t%s\n", o.ID, o.Class, o.Name)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return i.showNext(int64(page.Next))
}

func (i *invocation) showNext(next int64) error {
	if next != 0 {
		_, err := fmt.Fprintf(i.out, "there is more: -after %d\n", next)
		return err
	}
	return nil
}
