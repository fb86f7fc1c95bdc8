package adtest_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/stretchr/testify/require"

	"github.com/hybridsync/hybridsync/connector/ad/adtest"
)

func BenchmarkPopulate(b *testing.B) {
	for b.Loop() {
		dc := adtest.NewServer(b, nil)
		_, err := dc.Populate(adtest.PopulationOptions{Users: 10_000, Groups: 500})
		require.NoError(b, err)
		require.NoError(b, dc.Close())
	}
}

func BenchmarkRead(b *testing.B) {
	dc := adtest.NewServer(b, nil)
	pop, err := dc.Populate(adtest.PopulationOptions{Users: 10_000, Groups: 500})
	require.NoError(b, err)
	c := admin(b, dc)
	b.Run("paged", func(b *testing.B) {
		for b.Loop() {
			r, err := c.SearchWithPaging(ldap.NewSearchRequest(dc.BaseDN(), 2, 0, 0, 0, false, "(objectCategory=person)", nil, nil), 1000)
			require.NoError(b, err)
			require.Greater(b, len(r.Entries), 10_000)
		}
	})
	var cookie []byte
	b.Run("dirsync initial", func(b *testing.B) {
		for b.Loop() {
			_, cookie = changes(b, c, dc.BaseDN(), incremental, nil)
		}
	})
	b.Run("dirsync one change", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			require.NoError(b, dc.SetEnabled(pop.Users[7], i%2 == 0))
			var e []*ldap.Entry
			e, cookie = changes(b, c, dc.BaseDN(), incremental, cookie)
			require.LessOrEqual(b, len(e), 1)
		}
	})
	b.Run("one member more", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if i%2 == 0 {
				require.NoError(b, dc.RemoveMember(pop.Everyone, pop.Users[5]))
			} else {
				require.NoError(b, dc.AddMember(pop.Everyone, pop.Users[5]))
			}
			var e []*ldap.Entry
			e, cookie = changes(b, c, dc.BaseDN(), incremental, cookie)
			require.Len(b, e, 1)
		}
	})
}
