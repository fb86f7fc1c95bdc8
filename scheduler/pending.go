package scheduler

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hybridsync/hybridsync/metaverse"
)

// A PendingReport tells what the next exports would send. It holds names and attribute values
// of people.
type PendingReport struct {
	Made       time.Time          `json:"made"`
	Staging    *metaverse.Staging `json:"staging,omitempty"` // nil for the report of an active server
	Connectors []PendingConnector `json:"connectors"`
	Objects    []PendingDigest    `json:"objects"` // all of them, for comparison
}

// A PendingConnector is the part of a report about one connector.
type PendingConnector struct {
	Connector  string             `json:"connector"`
	Changes    []PendingCount     `json:"changes"`
	Attributes []PendingAttribute `json:"attributes"`
	// Samples are the first objects of each class and operation.
	Samples []*metaverse.PendingObject `json:"samples,omitempty"`
}

// A PendingCount counts objects of one class by operation.
type PendingCount struct {
	Class string `json:"class"`
	Op    string `json:"op"`
	Count int64  `json:"count"`
}

// A PendingAttribute counts changes of one attribute.
type PendingAttribute struct {
	Class     string `json:"class"`
	Attribute string `json:"attribute"`
	Objects   int64  `json:"objects"`           // whose value changes
	Set       int64  `json:"set,omitempty"`     // that get another value
	Cleared   int64  `json:"cleared,omitempty"` // that lose all values
	// Adds and Deletes count single values of multi-valued and reference attributes.
	Adds    int64 `json:"adds,omitempty"`
	Deletes int64 `json:"deletes,omitempty"`
}

// A PendingDigest is one object of a report, without its values.
type PendingDigest struct {
	Connector string `json:"connector"`
	Key       string `json:"key"`
	Class     string `json:"class"`
	Op        string `json:"op"`
	Digest    string `json:"digest"`
}

// PendingOptions are the options of [Pending]. The zero value, or nil, is good.
type PendingOptions struct {
	// Samples is the number of objects shown for each connector, class and operation; 0
	// means 5, negative means none.
	Samples int
	// CSV, when not nil, gets a line for each object and each of its changed attributes:
	// connector, class, dn, key, omodt (add, update, delete), attribute, amodt, old and new
	// values.
	CSV io.Writer
	// Progress, when not nil, hears of every thousandth object.
	Progress func(metaverse.Progress)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Pending reports what the next exports to connectors would send, in staging mode as well as
// outside of it. It reads the store alone.
func Pending(ctx context.Context, store metaverse.Store, connectors []string, o *PendingOptions) (*PendingReport, error) {
	var opts PendingOptions
	if o != nil {
		opts = *o
	}
	if opts.Samples == 0 {
		opts.Samples = 5
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	st, err := metaverse.StagingOf(ctx, store)
	if err != nil {
		return nil, err
	}
	r := &PendingReport{Made: opts.Now().UTC(), Staging: st, Objects: []PendingDigest{}}
	var table *csv.Writer
	if opts.CSV != nil {
		table = csv.NewWriter(opts.CSV)
		if err := table.Write([]string{"connector", "class", "dn", "key", "omodt", "attribute", "amodt", "old", "new"}); err != nil {
			return nil, err
		}
	}
	for _, name := range connectors {
		if err := r.connector(ctx, store, name, &opts, table); err != nil {
			return nil, err
		}
	}
	if table != nil {
		table.Flush()
		return r, table.Error()
	}
	return r, nil
}

func (r *PendingReport) connector(ctx context.Context, store metaverse.Store, name string, o *PendingOptions, table *csv.Writer) error {
	out := PendingConnector{Connector: name, Changes: []PendingCount{}, Attributes: []PendingAttribute{}}
	changes := make(map[[2]string]int64)
	attributes := make(map[[2]string]*PendingAttribute)
	began, done := o.Now(), int64(0)
	for p, err := range metaverse.PendingExports(ctx, store, name) {
		if err != nil {
			return err
		}
		kind := [2]string{p.Class, p.Op}
		if changes[kind]++; changes[kind] <= int64(o.Samples) {
			out.Samples = append(out.Samples, p)
		}
		count(attributes, p)
		r.Objects = append(r.Objects, PendingDigest{p.Connector, p.Key, p.Class, p.Op, p.Digest})
		if table != nil {
			if err := writeRows(table, p); err != nil {
				return err
			}
		}
		if done++; o.Progress != nil && done%1000 == 0 {
			took := o.Now().Sub(began)
			o.Progress(metaverse.Progress{Connector: name, Step: metaverse.Export, Phase: "report", Done: done, Elapsed: took, InPhase: took})
		}
	}
	for _, kind := range slices.SortedFunc(maps.Keys(changes), comparePairs) {
		out.Changes = append(out.Changes, PendingCount{kind[0], kind[1], changes[kind]})
	}
	for _, key := range slices.SortedFunc(maps.Keys(attributes), comparePairs) {
		out.Attributes = append(out.Attributes, *attributes[key])
	}
	r.Connectors = append(r.Connectors, out)
	return nil
}

func comparePairs(a, b [2]string) int {
	return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
}

func count(attributes map[[2]string]*PendingAttribute, p *metaverse.PendingObject) {
	of := func(name string) *PendingAttribute {
		key := [2]string{p.Class, name}
		if attributes[key] == nil {
			attributes[key] = &PendingAttribute{Class: p.Class, Attribute: name}
		}
		attributes[key].Objects++
		return attributes[key]
	}
	for _, m := range p.Attributes {
		switch a := of(m.Attribute); {
		case m.Replace && len(m.Adds) == 0:
			a.Cleared++
		case m.Replace:
			a.Set++
		default:
			a.Adds += int64(len(m.Adds))
			a.Deletes += int64(len(m.Deletes))
		}
	}
	for _, f := range p.References {
		a := of(f.Attribute)
		a.Adds += f.Adds
		a.Deletes += f.Deletes
	}
}

func writeRows(w *csv.Writer, p *metaverse.PendingObject) error {
	row := func(attribute, kind, old, now string) error {
		fields := []string{p.Connector, p.Class, p.DN, p.Key, p.Op, attribute, kind, old, now}
		for i, f := range fields {
			fields[i] = harmless(f)
		}
		return w.Write(fields)
	}
	if len(p.Attributes)+len(p.References) == 0 {
		return row("", "", "", p.NewDN)
	}
	for _, m := range p.Attributes {
		kind, old := "update", strings.Join(m.Old, "; ")
		switch {
		case m.Replace && len(m.Adds) == 0:
			kind = "delete"
		case m.Replace && len(m.Old) == 0:
			kind = "add"
		case !m.Replace:
			old = strings.Join(m.Deletes, "; ")
		}
		if err := row(m.Attribute, kind, old, strings.Join(m.Adds, "; ")); err != nil {
			return err
		}
	}
	for _, f := range p.References {
		if err := row(f.Attribute, "update", strconv.FormatInt(f.Deletes, 10)+" references", strconv.FormatInt(f.Adds, 10)+" references"); err != nil {
			return err
		}
	}
	return nil
}

// harmless keeps a spreadsheet from taking a value for a formula.
func harmless(field string) string {
	if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
		return "'" + field
	}
	return field
}

// WriteJSON writes the report as one JSON document.
func (r *PendingReport) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// ReadPending reads a report that [PendingReport.WriteJSON] has written.
func ReadPending(rd io.Reader) (*PendingReport, error) {
	r := new(PendingReport)
	if err := json.NewDecoder(rd).Decode(r); err != nil {
		return nil, fmt.Errorf("scheduler: no pending-export report: %w", err)
	}
	return r, nil
}

// WriteText writes the report for people. It shows attribute values of the samples.
func (r *PendingReport) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, c := range r.Connectors {
		fmt.Fprintf(&b, "%s:", c.Connector)
		if len(c.Changes) == 0 {
			b.WriteString(" nothing is pending\n")
			continue
		}
		b.WriteString("\n")
		for _, n := range c.Changes {
			fmt.Fprintf(&b, "  %-8s %-12s %d\n", n.Op, n.Class, n.Count)
		}
		for _, a := range c.Attributes {
			fmt.Fprintf(&b, "  %s of %s: %d objects (%d set, %d cleared, %d values added, %d deleted)\n",
				a.Attribute, a.Class, a.Objects, a.Set, a.Cleared, a.Adds, a.Deletes)
		}
		for _, s := range c.Samples {
			fmt.Fprintf(&b, "  e.g. %s %s %s\n", s.Op, s.Class, cmp.Or(s.DN, s.Key))
			for _, m := range s.Attributes {
				fmt.Fprintf(&b, "       %s: %s -> %s\n", m.Attribute, strings.Join(append(m.Old, m.Deletes...), "; "), strings.Join(m.Adds, "; "))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
