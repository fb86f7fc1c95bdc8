package main

import (
	"context"
	"errors"
	"slices"

	"github.com/hybridsync/hybridsync/connector/ad"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/sambatest"
	"github.com/hybridsync/hybridsync/rules"
)

// fromSamba imports from a Samba domain controller, beside ldapsearch.
func fromSamba(ctx context.Context, b *bench) (err error) {
	users := b.size(10_000, 2_000)
	groups := max(users/20, 1)
	d, err := sambatest.New(ctx, &sambatest.Options{Users: users, Groups: groups})
	if errors.Is(err, sambatest.ErrUnavailable) {
		return skip("%v", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	set, err := rules.Compile(rules.Standard(rules.StandardOptions{AD: []rules.ADConnector{{Name: source}}, Entra: cloud}), nil)
	if err != nil {
		return err
	}
	names := append(set.ImportAttributes(source), "objectGUID", "objectClass", "uSNChanged", "distinguishedName")
	slices.SortFunc(names, attr.CompareNames)
	names = slices.CompactFunc(names, attr.EqualName)
	directory, err := ad.New(source, ad.Options{
		URLs: []string{d.URL}, BindName: d.AdminUPN, CAFile: d.CAFile, ReadOnly: true, AllowAdministrator: true, Classes: []string{"user", "group"}, Attributes: names,
		Password: func(context.Context) (string, error) { return d.Password, nil },
	})
	if err != nil {
		return err
	}
	if _, err := directory.Schema(ctx); err != nil { // in memory from the first import on
		return err
	}
	filter := "(|(&(objectClass=user)(!(objectClass=computer)))(objectClass=group))"
	return b.imports(ctx, users+groups, "Samba", []peer{
		{"ldapsearch into nothing", ldapsearchPeer(d.URL, d.AdminUPN, d.Password, d.BaseDN, filter, d.CAFile, names)},
	}, func(ctx context.Context) error { return importInto(ctx, directory) })
}
