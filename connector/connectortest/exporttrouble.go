package connectortest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector"
)

var exportTroubleRules = []rule{
	{"an unknown attribute harms only its change", troubleAttribute},
	{"an unknown class harms only its change", troubleClass},
	{"an object that does not exist", troubleMissing},
	{"a DN that is taken", troubleTaken},
	{"a reference to nothing", troubleReference},
	{"a cancelled context sends nothing", troubleCancelled},
	{"a right that has ended sends nothing", troubleRevoked},
	{"a lost answer is Unknown and reading settles it", troubleLost},
}

// secret stands for personal data: error texts must not hold it.
const secret = "s3cret-value"

// refused checks the result of a change that the directory does not take.
func (f *fixture) refused(r connector.Result, what string) {
	f.Helper()
	require.Containsf(f, []connector.Outcome{connector.Rejected, connector.Conflict}, r.Outcome, "%s is refused: %v", what, r.Err)
	f.typed(r.Err, "export")
	require.NotEqualf(f, connector.CodeUnexpected, connector.CodeOf(r.Err), "the error of a change that is refused has a name: %s: %v", what, r.Err)
	require.Falsef(f, connector.IsTransient(r.Err), "what is refused is not transient: %s: %v", what, r.Err)
	require.Falsef(f, strings.Contains(r.Err.Error(), secret), "error texts hold no attribute values: %s", what)
}

const noSuchName = "hybridsyncNoSuchName"

func troubleAttribute(f *fixture) {
	f.need(f.caps.Export, "export")
	f.have(!f.h.AnyName, "limits on attribute names")
	keys := f.exportObjects(f.user("conf-user-0"), f.user("conf-user-1"))
	results := f.export(
		f.update(keys[0], set(noSuchName, secret)),
		f.update(keys[1], set(f.h.User.Single, "after")),
	)
	if results[0].Outcome.Done() {
		require.Truef(f, slices.Contains(results[0].Skipped, noSuchName), "an attribute that cannot be written is refused or listed in Result.Skipped")
	} else {
		f.refused(results[0], "an unknown attribute")
	}
	require.Truef(f, results[1].Outcome.Done(), "trouble with one change does not harm the next: %v", results[1].Err)
	f.holds(f.state(keys...), keys[1], f.h.User.Single, "after")
}

func troubleClass(f *fixture) {
	f.need(f.caps.Export, "export")
	f.have(!f.h.AnyName, "limits on class names")
	odd, good := f.user("conf-odd"), f.user("conf-good", set(f.h.User.Single, "good"))
	odd.Class = noSuchName
	odd.Attributes.Apply(set(f.h.User.Single, secret))
	results := f.export(f.adds([]connector.Object{odd, good})...)
	f.refused(results[0], "an unknown class")
	require.Truef(f, results[1].Outcome.Done(), "trouble with one change does not harm the next: %v", results[1].Err)
	k := connector.Key{Anchor: results[1].Anchor, DN: good.DN}
	f.holds(f.state(k), k, f.h.User.Single, "good")
}

func troubleMissing(f *fixture) {
	f.need(f.caps.Export, "export")
	k := f.newUser("conf-user")
	f.mustExport(connector.Change{Op: connector.OpDelete, Class: f.h.User.Name, Key: k})
	r := f.export(f.update(k, set(f.h.User.Single, secret)))[0]
	f.refused(r, "a change of an object that does not exist")
	require.ErrorIs(f, r.Err, connector.ErrNotFound, "a change of an object that does not exist gives ErrNotFound")
}

func troubleTaken(f *fixture) {
	f.need(f.caps.Export, "export")
	f.have(f.h.DN != nil, "DN")
	first := f.newUser("conf-user", set(f.h.User.Single, "first"))
	second := f.user("conf-user", set(f.h.User.Single, secret))
	r := f.export(f.adds([]connector.Object{second})...)[0]
	if f.caps.TakeOver {
		require.Truef(f, r.Outcome.Done(), "an add where another object is takes it over: %v, %v", r.Outcome, r.Err)
		require.Equal(f, first.Anchor, r.Anchor, "an object that is taken over keeps its anchor")
		f.holds(f.state(first), first, f.h.User.Single, secret)
		return
	}
	f.refused(r, "an add where another object is")
	require.ErrorIs(f, r.Err, connector.ErrConflict, "an add where another object is gives ErrConflict")
	f.holds(f.state(first), first, f.h.User.Single, "first")
}

func troubleReference(f *fixture) {
	f.need(f.caps.Export, "export")
	user := f.newUser("conf-user")
	group := f.exportObjects(f.group("conf-group"))[0]
	f.mustExport(connector.Change{Op: connector.OpDelete, Class: f.h.User.Name, Key: user})
	r := f.export(f.update(group, f.add(f.h.Group.Members, user)))[0]
	if !r.Outcome.Done() {
		f.refused(r, "a reference to an object that does not exist")
	}
	// Some directories take such references. Either way, the group lives on.
	require.NotNil(f, f.state(group).nodes[group.Anchor], "trouble with a reference does not harm the object")
}

func troubleCancelled(f *fixture) {
	f.need(f.caps.Export, "export")
	k := f.newUser("conf-user", set(f.h.User.Single, "before"))
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	change := f.update(k, set(f.h.User.Single, "after"))
	change.ID = "cancelled"
	results, err := capability[connector.Exporter](f, f.session()).Export(ctx, []connector.Change{change})
	if err == nil {
		f.results([]connector.Change{change}, results)
		require.False(f, results[0].Outcome.Done(), "an export with a cancelled context carries out nothing")
		err = results[0].Err
	}
	require.ErrorIs(f, err, context.Canceled, "an export with a cancelled context gives the context's error")
	f.holds(f.state(k), k, f.h.User.Single, "before")
}

var errEnded = errors.New("ended on purpose")

// troubleRevoked ends the right to change the directory at every point at which the connector
// asks for it, until there is none left.
func troubleRevoked(f *fixture) {
	f.need(f.caps.Export, "export")
	k := f.newUser("conf-user", set(f.h.User.Single, "before"))
	ex := capability[connector.Exporter](f, f.session())
	for allowed := int64(0); ; allowed++ {
		require.Less(f, allowed, int64(1000), "one change asks for a bounded number of times")
		var asked atomic.Int64
		ctx := connector.WithPermit(f.Context(), func() error {
			if asked.Add(1) > allowed {
				return errEnded
			}
			return nil
		})
		change := f.update(k, set(f.h.User.Single, "after"))
		change.ID = "revoked"
		results, err := ex.Export(ctx, []connector.Change{change})
		if err == nil {
			f.results([]connector.Change{change}, results)
			if results[0].Outcome.Done() {
				require.Positive(f, allowed, "before a change is sent, MayWrite is asked")
				f.holds(f.state(k), k, f.h.User.Single, "after")
				return
			}
			err = results[0].Err
		}
		require.ErrorIs(f, err, connector.ErrRevoked, "a change that may not be sent gives ErrRevoked")
		require.ErrorIs(f, err, errEnded, "a change that may not be sent gives the error of the permit")
		f.holds(f.state(k), k, f.h.User.Single, "before")
	}
}

func troubleLost(f *fixture) {
	f.need(f.caps.Export, "export")
	f.have(f.dir.LoseAnswer != nil, "LoseAnswer")
	k := f.newUser("conf-user", set(f.h.User.Single, "before"))
	change := f.update(k, set(f.h.User.Single, "after"))
	change.ID = "lost"
	ex := capability[connector.Exporter](f, f.session())
	f.dir.LoseAnswer(f.T)
	results, err := ex.Export(f.Context(), []connector.Change{change})
	if f.dir.Repair != nil {
		f.dir.Repair(f.T)
	}
	if err == nil {
		f.results([]connector.Change{change}, results)
		require.Equalf(f, connector.Unknown, results[0].Outcome, "a change whose answer was lost is Unknown: %v", results[0].Err)
	} else {
		require.Nil(f, results, "with an error of the batch there are no results, and all is Unknown")
	}
	f.holds(f.state(k), k, f.h.User.Single, "after") // reading tells that it was applied
	r := f.export(change)[0]
	require.Truef(f, r.Outcome.Done(), "a change that was applied can be exported again: %v, %v", r.Outcome, r.Err)
	f.holds(f.state(k), k, f.h.User.Single, "after")
}
