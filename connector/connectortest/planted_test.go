package connectortest_test

import (
	"context"
	"iter"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/connectortest"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

// plantedVariable names, in the process that a test starts, the flaw to run the suite on.
const plantedVariable = "CONNECTORTEST_PLANTED"

// planted are connectors that break a rule, with what the suite has to say about it.
var planted = map[string]struct {
	flaw func(d *memdir.Directory) connector.Connector
	says string
}{
	"import without Complete": {faulty(connectortest.Fault{Kind: connectortest.DropComplete}), "an import that saw all ends with Complete"},
	"import with an object twice": {faulty(connectortest.Fault{Kind: connectortest.Duplicate, On: connectortest.OnFullImport, Times: 1}),
		"yields every object once"},
	"import of objects without anchor": {faulty(connectortest.Fault{Kind: connectortest.Malformed, On: connectortest.OnFullImport}),
		"an imported object has an anchor"},
	"import that forgets who is renamed": {session(func(s connector.Session) connector.Session { return forgetful{s} }),
		"values of attribute member"},
	"delta that loses an item": {session(func(s connector.Session) connector.Session { return loseDelta{s} }),
		"a delta import tells of every object that changed"},
	"delta that guesses": {session(func(s connector.Session) connector.Session { return guessing{s} }),
		"a watermark that cannot be read gives ErrWatermarkExpired"},
	"export that lies": {session(func(s connector.Session) connector.Session { return lying{s} }),
		"values of attribute"},
	"results out of order": {session(func(s connector.Session) connector.Session { return disordered{s} }),
		"results come in the order of the changes"},
	"Complete and then more": {session(func(s connector.Session) connector.Session { return afterword{s} }),
		"Complete is the last item of a stream"},
	"capability not declared": {func(d *memdir.Directory) connector.Connector { return modest{d} },
		"Capabilities.Export says whether sessions have the interface"},
	"reading out of order": {session(func(s connector.Session) connector.Session { return shuffled{s} }),
		"ReadObjects keeps the order of keys"},
	"deaf to the context": {session(func(s connector.Session) connector.Session { return deaf{s} }),
		"a cancelled import has no Complete"},
	"heedless of its right": {session(func(s connector.Session) connector.Session { return heedless{s} }),
		"before a change is sent, MayWrite is asked"},
	"leaking": {session(func(s connector.Session) connector.Session { go func() { select {} }(); return s }),
		"sessions leave no goroutines behind"},
}

// TestPlanted proves that the suite notices: it runs it, in processes of its own, on
// connectors that break a rule.
func TestPlanted(t *testing.T) {
	if name := os.Getenv(plantedVariable); name != "" {
		runPlanted(t, name)
		return
	}
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	for name, p := range planted {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(self, "-test.run=^TestPlanted$")
			cmd.Env = append(os.Environ(), plantedVariable+"="+name)
			out, err := cmd.CombinedOutput()
			require.Error(t, err, "the suite notices that a rule is broken")
			require.Truef(t, strings.Contains(string(out), p.says), "the failure states the rule; stated were:\n%s", stated(string(out)))
		})
	}
}

// stated returns the rules that failures state.
func stated(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "Messages:") && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func runPlanted(t *testing.T, name string) {
	p, ok := planted[name]
	require.True(t, ok, "the flaw exists")
	connectortest.Run(t, connectortest.Harness{
		Open: func(t *testing.T) connectortest.Directory {
			d, err := memdir.New("test", nil)
			require.NoError(t, err)
			return connectortest.Directory{
				Connector: p.flaw(d),
				Seed: func(t *testing.T, objects ...connector.Object) []connector.Key {
					require.NoError(t, d.Put(objects...))
					keys := make([]connector.Key, len(objects))
					for i := range objects {
						o, err := d.Get(objects[i].Key())
						require.NoError(t, err)
						keys[i] = o.Key()
					}
					return keys
				},
			}
		},
		User:    connectortest.Class{Name: "user", Single: "displayName", Multi: "otherTelephone", Reference: "manager"},
		Group:   connectortest.Class{Name: "group", Single: "displayName", Members: "member"},
		DN:      func(_, name string) string { return "CN=" + name + ",DC=example" },
		AnyName: true,
	})
}

func faulty(f connectortest.Fault) func(*memdir.Directory) connector.Connector {
	return func(d *memdir.Directory) connector.Connector {
		return connectortest.WithFaults(d, connectortest.FaultPlan{Faults: []connectortest.Fault{f}})
	}
}

// session plants a flaw in sessions.
func session(flaw func(connector.Session) connector.Session) func(*memdir.Directory) connector.Connector {
	return func(d *memdir.Directory) connector.Connector { return flawed{d, flaw} }
}

type flawed struct {
	connector.Connector
	flaw func(connector.Session) connector.Session
}

func (f flawed) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := f.Connector.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	return f.flaw(s), nil
}

// modest declares less than it has.
type modest struct{ connector.Connector }

func (m modest) Capabilities() connector.Capabilities {
	c := m.Connector.Capabilities()
	c.Export, c.Rename = false, false
	return c
}

func inner[T any](s connector.Session) T {
	t, _ := connector.As[T](s)
	return t
}

// loseDelta leaves out the last change.
type loseDelta struct{ connector.Session }

func (s loseDelta) Unwrap() connector.Session { return s.Session }
func (s loseDelta) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		var held []connector.Item
		for it, err := range inner[connector.DeltaImporter](s.Session).DeltaImport(ctx, w, r) {
			switch {
			case err != nil, it.Kind == connector.ItemComplete:
				for _, h := range held[:max(0, len(held)-1)] {
					if !yield(h, nil) {
						return
					}
				}
				yield(it, err)
				return
			case it.Object != nil:
				held = append(held, it)
			}
		}
	}
}

// forgetful yields every object once, whatever happens meanwhile.
type forgetful struct{ connector.Session }

func (s forgetful) Unwrap() connector.Session { return s.Session }
func (s forgetful) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		seen := make(map[connector.Anchor]bool)
		for it, err := range inner[connector.FullImporter](s.Session).FullImport(ctx, r) {
			if it.Kind == connector.ItemObject {
				if seen[it.Object.Anchor] {
					continue
				}
				seen[it.Object.Anchor] = true
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

// guessing takes any watermark for the present.
type guessing struct{ connector.Session }

func (s guessing) Unwrap() connector.Session { return s.Session }
func (s guessing) DeltaImport(ctx context.Context, w connector.Watermark, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		for it, err := range inner[connector.DeltaImporter](s.Session).DeltaImport(ctx, w, r) {
			if err != nil && ctx.Err() == nil {
				yield(connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Watermark: w}}, nil)
				return
			}
			if !yield(it, err) {
				return
			}
		}
	}
}

// lying reports updates as applied and does nothing.
type lying struct{ connector.Session }

func (s lying) Unwrap() connector.Session { return s.Session }
func (s lying) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	if len(batch) == 1 && batch[0].Op == connector.OpUpdate {
		return []connector.Result{{ID: batch[0].ID, Outcome: connector.Applied}}, nil
	}
	return inner[connector.Exporter](s.Session).Export(ctx, batch)
}

// disordered returns results the wrong way round.
type disordered struct{ connector.Session }

func (s disordered) Unwrap() connector.Session { return s.Session }
func (s disordered) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	results, err := inner[connector.Exporter](s.Session).Export(ctx, batch)
	for i, j := 0, len(results)-1; i < j; i, j = i+1, j-1 {
		results[i], results[j] = results[j], results[i]
	}
	return results, err
}

// afterword yields an object after Complete.
type afterword struct{ connector.Session }

func (s afterword) Unwrap() connector.Session { return s.Session }
func (s afterword) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		for it, err := range inner[connector.FullImporter](s.Session).FullImport(ctx, r) {
			if !yield(it, err) {
				return
			}
		}
		yield(connector.Item{Kind: connector.ItemObject, Object: &connector.Object{Class: "user", Anchor: connector.TextAnchor("late")}}, nil)
	}
}

// shuffled reads keys the wrong way round.
type shuffled struct{ connector.Session }

func (s shuffled) Unwrap() connector.Session { return s.Session }
func (s shuffled) ReadObjects(ctx context.Context, keys []connector.Key) iter.Seq2[connector.Item, error] {
	turned := make([]connector.Key, 0, len(keys))
	for _, k := range slices.Backward(keys) {
		turned = append(turned, k)
	}
	return inner[connector.ObjectReader](s.Session).ReadObjects(ctx, turned)
}

// deaf does not look at the context.
type deaf struct{ connector.Session }

func (s deaf) Unwrap() connector.Session { return s.Session }
func (s deaf) FullImport(ctx context.Context, r connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return inner[connector.FullImporter](s.Session).FullImport(context.WithoutCancel(ctx), r)
}

// heedless does not ask whether the directory may be changed.
type heedless struct{ connector.Session }

func (s heedless) Unwrap() connector.Session { return s.Session }
func (s heedless) Export(ctx context.Context, batch []connector.Change) ([]connector.Result, error) {
	always := connector.WithPermit(ctx, func() error { return nil })
	return inner[connector.Exporter](s.Session).Export(always, batch)
}
