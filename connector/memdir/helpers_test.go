package memdir_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/connector/memdir"
)

func newDirectory(t *testing.T, o *memdir.Options) *memdir.Directory {
	t.Helper()
	d, err := memdir.New("test", o)
	require.NoError(t, err)
	return d
}

func at(dn string) connector.Key { return connector.Key{DN: dn} }

func group(dn string, members ...string) connector.Object {
	o := connector.Object{Class: "group", DN: dn}
	for _, m := range members {
		o.Attributes.Append("member", attr.Reference(m))
	}
	return o
}

func set(name string, v ...attr.Value) attr.Mod {
	return attr.Mod{Name: name, Replace: true, Adds: v}
}

// texts returns the texts of an attribute, sorted.
func texts(t *testing.T, d *memdir.Directory, dn, name string) []string {
	t.Helper()
	o, err := d.Get(at(dn))
	require.NoError(t, err)
	return modTexts(o.Attributes.Values(name))
}

func modTexts(values []attr.Value) []string {
	var out []string
	for _, v := range values {
		out = append(out, v.Text())
	}
	slices.Sort(out)
	return out
}

func open1[T any](t *testing.T, d connector.Connector) T {
	t.Helper()
	s, err := d.Open(t.Context(), connector.OpenOptions{})
	require.NoError(t, err)
	c, ok := connector.As[T](s)
	require.True(t, ok)
	return c
}

// fullImport writes down a full import and returns its watermark.
func fullImport(t *testing.T, d *memdir.Directory) ([]string, connector.Watermark, error) {
	t.Helper()
	return lines(open1[connector.FullImporter](t, d).FullImport(t.Context(), connector.ImportRequest{}))
}

func deltaImport(t *testing.T, d *memdir.Directory, w connector.Watermark) ([]string, connector.Watermark, error) {
	t.Helper()
	return lines(open1[connector.DeltaImporter](t, d).DeltaImport(t.Context(), w, connector.ImportRequest{}))
}

// lines writes down a stream: kind, DN and modifications.
func lines(stream func(func(connector.Item, error) bool)) (out []string, w connector.Watermark, err error) {
	for it, e := range stream {
		if e != nil {
			return out, w, e
		}
		switch it.Kind {
		case connector.ItemCheckpoint:
		case connector.ItemComplete:
			out, w = append(out, "complete"), it.Complete.Watermark
		default:
			line := it.Kind.String() + " " + it.Object.DN
			for _, m := range it.Mods {
				op := " "
				if m.Replace {
					op = "="
				}
				line += fmt.Sprintf(" %s%s+%s-%s", m.Name, op, strings.Join(modTexts(m.Adds), "|"), strings.Join(modTexts(m.Deletes), "|"))
			}
			if it.Err != nil {
				line += " error"
			}
			out = append(out, line)
		}
	}
	return out, w, nil
}

func watermark(t *testing.T, d *memdir.Directory) connector.Watermark {
	t.Helper()
	_, w, err := fullImport(t, d)
	require.NoError(t, err)
	return w
}
