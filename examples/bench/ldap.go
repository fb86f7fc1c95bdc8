package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/internal/ldapwire"
	"github.com/hybridsync/hybridsync/metaverse"
)

// pageSize is what everybody asks for.
const pageSize = 1000

// pages asks for everything page by page.
func pages(ask func(*ldap.SearchRequest) ([]ldap.Control, error)) error {
	paging := ldap.NewControlPaging(pageSize)
	for {
		controls, err := ask(ldap.NewSearchRequest(ldapSuffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", ldapAttributes, []ldap.Control{paging}))
		if err != nil {
			return err
		}
		next, ok := ldap.FindControl(controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			return nil
		}
		paging.SetCookie(next.Cookie)
	}
}

// goLDAP reads everything with the library alone.
func goLDAP(ctx context.Context, s *slapd) (err error) {
	conn, err := s.bind()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return pages(func(req *ldap.SearchRequest) ([]ldap.Control, error) {
		res := conn.SearchAsync(ctx, req, 64)
		for res.Next() { // nothing is kept
		}
		return res.Controls(), res.Err()
	})
}

// maxMessage is the largest LDAP message that is read.
const maxMessage = 64 << 20

// readEntries reads everything as package connector/ad does: the library asks, and what comes
// is decoded below it.
func readEntries(s *slapd, one func(*ldapwire.Entry) error) (err error) {
	raw, err := net.Dial("tcp", strings.TrimPrefix(s.url, "ldap://")) //nolint:noctx // loopback
	if err != nil {
		return err
	}
	wire := ldapwire.New(raw, maxMessage)
	conn := ldap.NewConn(wire, false)
	conn.Start()
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Bind(slapdAdmin, slapdPassword); err != nil {
		return err
	}
	return pages(func(req *ldap.SearchRequest) ([]ldap.Control, error) {
		done, _ := wire.Announce(one, nil)
		defer done()
		res, err := conn.Search(req)
		if err != nil {
			return nil, err
		}
		return res.Controls, nil
	})
}

// ldapDirectory is a connector to OpenLDAP, which package connector/ad does not know: as
// little as full imports need, with that package's way of reading.
type ldapDirectory struct{ server *slapd }

func (d *ldapDirectory) Info() connector.Info {
	return connector.Info{Type: "openldap", Version: "1", Name: source}
}

func (d *ldapDirectory) Capabilities() connector.Capabilities {
	return connector.Capabilities{FullImport: true, References: connector.ReferenceByDN}
}

func (d *ldapDirectory) Schema(context.Context) (*connector.Schema, error) {
	return &connector.Schema{Attributes: []connector.Attribute{
		{Name: "manager", Kind: attr.KindReference}, {Name: "member", Kind: attr.KindReference, MultiValued: true},
	}}, nil
}

func (d *ldapDirectory) Open(context.Context, connector.OpenOptions) (connector.Session, error) {
	return &ldapSession{d}, nil
}

type ldapSession struct{ d *ldapDirectory }

func (s *ldapSession) Close(context.Context) error { return nil }

func (s *ldapSession) FullImport(ctx context.Context, _ connector.ImportRequest) iter.Seq2[connector.Item, error] {
	return func(yield func(connector.Item, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		// As much as one page waits here while the next one is read.
		entries, end := make(chan *ldapwire.Entry, pageSize), make(chan error, 1)
		go func() {
			end <- readEntries(s.d.server, func(e *ldapwire.Entry) error {
				select {
				case entries <- e:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
			close(entries)
		}()
		n := int64(0)
		for e := range entries {
			n++
			if !yield(connector.Item{Kind: connector.ItemObject, Object: ldapObject(e)}, nil) {
				cancel()
				<-end //nolint:errcheck // the engine has seen enough
				return
			}
		}
		if err := <-end; err != nil {
			yield(connector.Item{}, err)
			return
		}
		yield(connector.Item{Kind: connector.ItemComplete, Complete: &connector.Completion{Objects: n}}, nil)
	}
}

func ldapObject(e *ldapwire.Entry) *connector.Object {
	o := &connector.Object{Class: "user", DN: e.DN}
	o.Attributes.Grow(len(e.Attributes))
	all := make([]attr.Value, 0, e.Len())
	for _, a := range e.Attributes {
		switch a.Name {
		case "entryUUID":
			o.Anchor = connector.TextAnchor(a.Values[0])
			continue
		case "objectClass":
			if a.Values[len(a.Values)-1] == "groupOfNames" {
				o.Class = "group"
			}
			continue
		}
		first := len(all)
		for _, v := range a.Values {
			if a.Name == "manager" || a.Name == "member" {
				all = append(all, attr.Reference(v))
			} else {
				all = append(all, attr.String(v))
			}
		}
		o.Attributes.Put(a.Name, all[first:len(all):len(all)]...)
	}
	return o
}

// importInto imports a directory into a fresh store.
func importInto(ctx context.Context, from connector.Connector) (err error) {
	p, err := newPipe(ctx, from, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	_, err = p.step(ctx, source, metaverse.FullImport)
	return err
}

// ldapsearchPeer pages through everything with ldapsearch into a null file.
func ldapsearchPeer(url, user, password, base, filter, ca string, attributes []string) func(context.Context) error {
	return func(ctx context.Context) error {
		if _, err := exec.LookPath("ldapsearch"); err != nil {
			return skip("ldapsearch is not installed")
		}
		args := []string{"-x", "-LLL", "-E", fmt.Sprintf("pr=%d/noprompt", pageSize), "-H", url, "-D", user, "-w", password, "-b", base, filter}
		cmd := exec.CommandContext(ctx, "ldapsearch", append(args, attributes...)...) //nolint:gosec // our own arguments
		cmd.Env = append(os.Environ(), "LDAPTLS_CACERT="+ca)
		var trouble strings.Builder
		cmd.Stderr = &trouble
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%w: %s", err, trouble.String())
		}
		return nil
	}
}

//go:embed peer.py
var pythonScript string

// pythonPeer does what many a script does: ldap3 into a table of sqlite3.
func pythonPeer(url string) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		python := ""
		for _, name := range []string{"python3", "/usr/bin/python3"} {
			if exec.CommandContext(ctx, name, "-c", "import ldap3, sqlite3").Run() == nil {
				python = name
				break
			}
		}
		if python == "" {
			return skip("Python with ldap3 and sqlite3 is not installed")
		}
		dir, err := os.MkdirTemp("", "hybridsync-bench-python-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		cmd := exec.CommandContext(ctx, python, "-c", pythonScript, url, slapdAdmin, slapdPassword, ldapSuffix, filepath.Join(dir, "peer.db")) //nolint:gosec // our own script
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

var _ connector.FullImporter = (*ldapSession)(nil)
