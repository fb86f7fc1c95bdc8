package connectortest

import (
	"context"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

var declarationRules = []rule{
	{"info is complete and constant", infoConstant},
	{"capabilities agree with sessions", capabilitiesAgree},
	{"capabilities make sense together", capabilitiesMakeSense},
	{"schema is sound", schemaSound},
	{"schema has what the harness names", schemaHasHarness},
	{"open and schema honour a cancelled context", openCancelled},
	{"close is idempotent", closeIdempotent},
	{"connector is safe for concurrent use", connectorConcurrent},
}

func infoConstant(f *fixture) {
	info := f.conn.Info()
	require.NotEmpty(f, info.Type, "Info names the type of directory")
	require.Equal(f, attr.Fold(info.Type), info.Type, "Info.Type is in lower case")
	require.NotEmpty(f, info.Version, "Info has the version of the implementation")
	require.NotEmpty(f, info.Name, "Info has the name of the instance")
	require.Equal(f, info, f.conn.Info(), "Info is constant")
}

func capabilitiesAgree(f *fixture) {
	s := f.session()
	agree := func(name string, declared, has bool) {
		require.Equalf(f, declared, has, "Capabilities.%s says whether sessions have the interface", name)
	}
	_, ok := connector.As[connector.FullImporter](s)
	agree("FullImport", f.caps.FullImport, ok)
	_, ok = connector.As[connector.DeltaImporter](s)
	agree("DeltaImport", f.caps.DeltaImport, ok)
	_, ok = connector.As[connector.ObjectReader](s)
	agree("ReadObjects", f.caps.ReadObjects, ok)
	_, ok = connector.As[connector.Exporter](s)
	agree("Export", f.caps.Export, ok)
	_, ok = connector.As[connector.Preflighter](s)
	agree("Preflight", f.caps.Preflight, ok)
	require.Equal(f, f.caps, f.conn.Capabilities(), "Capabilities are constant")
}

func capabilitiesMakeSense(f *fixture) {
	c := f.caps
	require.True(f, c.FullImport || c.Export, "a connector can import or export")
	require.False(f, c.DeltaImport && !c.FullImport, "a connector with delta import has full import, for when watermarks expire")
	require.False(f, c.Resume && !c.FullImport, "only imports can be resumed")
	require.False(f, c.Rename && !c.Export, "only exports rename")
	require.LessOrEqual(f, c.References, connector.ReferenceByAnchor, "References is a known form")
	require.GreaterOrEqual(f, c.ExportBatch, 0, "ExportBatch is not negative")
	require.GreaterOrEqual(f, c.ExportConcurrency, 0, "ExportConcurrency is not negative")
	require.GreaterOrEqual(f, int64(c.WatermarkLife), int64(0), "WatermarkLife is not negative")
}

func schemaSound(f *fixture) {
	s, err := f.conn.Schema(f.Context())
	require.NoError(f, err, "the schema can be read")
	require.NotEmpty(f, s.Classes, "the schema has classes")
	attributes := make(map[string]bool)
	for _, a := range s.Attributes {
		require.NotEmpty(f, a.Name, "an attribute has a name")
		require.Falsef(f, attributes[attr.Fold(a.Name)], "an attribute is described once: %s", a.Name)
		attributes[attr.Fold(a.Name)] = true
		require.Truef(f, a.Kind >= attr.KindString && a.Kind <= attr.KindReference, "an attribute is of a known kind: %s", a.Name)
		require.Falsef(f, a.ReadOnly && (a.WriteOnly || a.CreateOnly), "a read-only attribute cannot be written: %s", a.Name)
	}
	classes := make(map[string]bool)
	for _, c := range s.Classes {
		require.NotEmpty(f, c.Name, "a class has a name")
		require.Falsef(f, classes[attr.Fold(c.Name)], "a class is described once: %s", c.Name)
		classes[attr.Fold(c.Name)] = true
		for _, name := range c.Attributes {
			require.Truef(f, attributes[attr.Fold(name)], "the attributes of a class are described: %s of %s", name, c.Name)
		}
		for _, name := range c.ReadOnly {
			require.Truef(f, has(c.Attributes, name), "the read-only attributes of a class are among its attributes: %s of %s", name, c.Name)
		}
	}
	partitions := make(map[string]bool)
	for _, p := range s.Partitions {
		require.NotEmpty(f, p.ID, "a partition has an id")
		require.Falsef(f, partitions[p.ID], "a partition is described once: %s", p.ID)
		partitions[p.ID] = true
	}
}

func has(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return attr.EqualName(n, name) })
}

func schemaHasHarness(f *fixture) {
	s, err := f.conn.Schema(f.Context())
	require.NoError(f, err, "the schema can be read")
	for _, c := range []Class{f.h.User, f.h.Group} {
		class, ok := s.Class(c.Name)
		require.Truef(f, ok, "the schema has the class %s", c.Name)
		require.Truef(f, class.Export || !f.caps.Export, "a class of the harness can be exported where the connector exports: %s", c.Name)
		check := func(name string, kind attr.Kind, multi bool) {
			if name == "" {
				return
			}
			require.Truef(f, has(class.Attributes, name), "the schema has the attribute %s of %s", name, c.Name)
			a, _ := s.Attribute(name)
			require.Equalf(f, kind, a.Kind, "kind of %s", name)
			require.Equalf(f, multi, a.MultiValued, "whether %s is multi-valued", name)
		}
		check(c.Single, attr.KindString, false)
		check(c.Multi, attr.KindString, true)
		check(c.Reference, attr.KindReference, false)
		check(c.Members, attr.KindReference, true)
	}
}

func openCancelled(f *fixture) {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	s, err := f.conn.Open(ctx, f.options())
	if err == nil {
		// A connector that dials nothing at this point may not have looked.
		require.NoError(f, s.Close(f.Context()))
	} else {
		require.ErrorIs(f, err, context.Canceled, "Open with a cancelled context gives the context's error")
	}
	_, err = f.conn.Schema(ctx)
	if err != nil {
		require.ErrorIs(f, err, context.Canceled, "Schema with a cancelled context gives the context's error")
	}
}

func closeIdempotent(f *fixture) {
	s, err := f.conn.Open(f.Context(), f.options())
	require.NoError(f, err)
	require.NoError(f, s.Close(f.Context()), "a session can be closed")
	require.NoError(f, s.Close(f.Context()), "Close is idempotent")
	s, err = f.conn.Open(f.Context(), f.options())
	require.NoError(f, err, "a session can be opened after another was closed")
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	_ = s.Close(ctx) // must return; whether the farewell was sent is not of interest
	require.NoError(f, s.Close(f.Context()), "Close is idempotent, also after one with a cancelled context")
}

func connectorConcurrent(f *fixture) {
	f.need(f.caps.FullImport, "full import")
	f.seedUsers(3)
	const sessions = 3
	counts := make([]int, sessions)
	errs := make([]error, sessions)
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() { counts[i], errs[i] = countObjects(f.Context(), f.conn, f.options()) })
	}
	wg.Wait()
	for i := range sessions {
		require.NoError(f, errs[i], "sessions of one connector can be used side by side")
		require.Equal(f, counts[0], counts[i], "sessions side by side see the same directory")
	}
}

// countObjects makes a full import without a test's help, for other goroutines.
func countObjects(ctx context.Context, c connector.Connector, o connector.OpenOptions) (n int, err error) {
	s, err := c.Open(ctx, o)
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.Close(ctx) }()
	full, ok := connector.As[connector.FullImporter](s)
	if !ok {
		return 0, connector.ErrInvalid
	}
	for it, err := range full.FullImport(ctx, connector.ImportRequest{}) {
		if err != nil {
			return n, err
		}
		if it.Kind == connector.ItemObject {
			n++
		}
	}
	return n, nil
}
