package main

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// A sink is a cloud directory that takes everything and remembers it in a file, so that it
// can show it at the next import: no number of objects takes memory. A watermark is an
// offset in the file.
type sink struct {
	name   string
	schema *connector.Schema
	file   *os.File
	w      *bufio.Writer
	offset int64 // of what was written
	next   int64 // number of the next object
}

// An entry is one change as the file has it.
type entry struct {
	Anchor string
	Class  string
	Op     connector.ChangeOp
	Mods   []entryMod
}

type entryMod struct {
	Name    string
	Replace bool
	Lists   [2][]entryValue // added, deleted
}

type entryValue struct {
	Kind attr.Kind
	Text string
	Int  int64
}

func newSink(name, path string, set *rules.Set) (*sink, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	schema := &connector.Schema{}
	for _, n := range set.ExportAttributes(name) {
		a := connector.Attribute{Name: n, Kind: attr.KindString, MultiValued: true}
		if m, ok := set.Metaverse().Attribute(n); ok {
			a.Kind, a.MultiValued = m.Kind, m.MultiValued
		}
		schema.Attributes = append(schema.Attributes, a)
	}
	return &sink{name: name, schema: schema, file: f, w: bufio.NewWriterSize(f, 1<<20)}, nil
}

func (s *sink) close() error { return s.file.Close() }

func (s *sink) Info() connector.Info {
	return connector.Info{Type: "sink", Version: "1", Name: s.name}
}

func (s *sink) Capabilities() connector.Capabilities {
	return connector.Capabilities{
		FullImport: true, DeltaImport: true, Export: true, ExportBatch: 500,
		References: connector.ReferenceByAnchor, ReferencesLast: true,
	}
}

func (s *sink) Schema(context.Context) (*connector.Schema, error) { return s.schema, nil }

func (s *sink) Open(context.Context, connector.OpenOptions) (connector.Session, error) {
	return &sinkSession{s}, nil
}

type sinkSession struct{ s *sink }

func (t *sinkSession) Close(context.Context) error { return nil }

var errSinkFull = errors.New("the sink shows what was written to it as a delta import only")

// FullImport shows an empty directory: nobody else writes to a sink.
func (t *sinkSession) FullImport(context.Context, connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		if t.s.offset > 0 {
			yield(connector.Item{}, errSinkFull)
			return
		}
		yield(t.s.complete(0), nil)
	}
}

func (s *sink) complete(n int64) connector.Item {
	return connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{
		Watermark: connector.Watermark(strconv.FormatInt(s.offset, 10)), Objects: n,
	}}
}

func (t *sinkSession) DeltaImport(ctx context.Context, w connector.Watermark, _ connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		from, err := strconv.ParseInt(string(w), 10, 64)
		if err == nil {
			err = t.s.w.Flush()
		}
		if err != nil {
			yield(connector.Item{}, err)
			return
		}
		d := newEntryReader(io.NewSectionReader(t.s.file, from, t.s.offset-from))
		for n := int64(0); ; n++ {
			e, err := d.next()
			if errors.Is(err, io.EOF) {
				yield(t.s.complete(n), nil)
				return
			}
			if err == nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				yield(connector.Item{}, err)
				return
			}
			if !yield(e.item(), nil) {
				return
			}
		}
	}
}

func (t *sinkSession) Export(_ context.Context, batch []connector.Change) ([]connector.Result, error) {
	results := make([]connector.Result, len(batch))
	for i := range batch {
		c := &batch[i]
		anchor := c.Key.Anchor
		if c.Op == connector.OpAdd {
			t.s.next++
			anchor = connector.TextAnchor("cloud-" + strconv.FormatInt(t.s.next, 10))
		}
		if err := t.s.append(anchor, c); err != nil {
			return nil, err
		}
		results[i] = connector.Result{ID: c.ID, Outcome: connector.Applied, Anchor: anchor, DN: anchor.Text()}
	}
	return results, nil
}

// append writes one change as a record of its own, so that reading can begin at each.
func (s *sink) append(anchor connector.Anchor, c *connector.Change) error {
	e := entry{Anchor: anchor.Text(), Class: c.Class, Op: c.Op}
	for _, m := range c.Mods {
		em := entryMod{Name: m.Name, Replace: m.Replace}
		for i, values := range [2][]attr.Value{m.Adds, m.Deletes} {
			for _, v := range values {
				em.Lists[i] = append(em.Lists[i], entryValue{v.Kind(), v.Str(), v.Int()})
			}
		}
		e.Mods = append(e.Mods, em)
	}
	n, err := writeEntry(s.w, &e)
	s.offset += int64(n)
	return err
}

func (e *entry) item() connector.Item {
	a, err := connector.ParseAnchor(e.Anchor)
	o := &connector.Object{Class: e.Class, Anchor: a, DN: e.Anchor}
	it := connector.Item{Kind: connector.ItemUpdate, Object: o, Err: err}
	switch e.Op {
	case connector.OpDelete:
		it.Kind = connector.ItemDelete
	case connector.OpAdd:
		it.Kind = connector.ItemObject
		for _, m := range e.Mods {
			o.Attributes.Put(m.Name, m.values(0)...)
		}
	default:
		for _, m := range e.Mods {
			it.Mods = append(it.Mods, attr.Mod{Name: m.Name, Replace: m.Replace, Adds: m.values(0), Deletes: m.values(1)})
		}
	}
	return it
}

func (m *entryMod) values(list int) []attr.Value {
	var out []attr.Value
	for _, v := range m.Lists[list] {
		switch v.Kind {
		case attr.KindInt:
			out = append(out, attr.Int(v.Int))
		case attr.KindBool:
			out = append(out, attr.Bool(v.Int != 0))
		case attr.KindBinary:
			out = append(out, attr.BinaryString(v.Text))
		case attr.KindReference:
			out = append(out, attr.Reference(v.Text))
		default:
			out = append(out, attr.String(v.Text))
		}
	}
	return out
}

// counter counts octets.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += n
	return n, err
}

func writeEntry(w io.Writer, e *entry) (int, error) {
	c := &counter{w: w}
	err := gob.NewEncoder(c).Encode(e)
	return c.n, err
}

type entryReader struct{ r *bufio.Reader }

func newEntryReader(r io.Reader) *entryReader { return &entryReader{bufio.NewReaderSize(r, 1<<16)} }

func (d *entryReader) next() (*entry, error) {
	if _, err := d.r.Peek(1); err != nil {
		return nil, err
	}
	var e entry
	if err := gob.NewDecoder(d.r).Decode(&e); err != nil {
		return nil, fmt.Errorf("reading what was exported: %w", err)
	}
	return &e, nil
}

var (
	_ connector.FullImporter  = (*sinkSession)(nil)
	_ connector.DeltaImporter = (*sinkSession)(nil)
	_ connector.Exporter      = (*sinkSession)(nil)
)
