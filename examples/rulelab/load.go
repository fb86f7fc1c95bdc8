package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/rules"
)

// The kinds of connectors.
const (
	typeAD    = "ad"
	typeEntra = "entra"
)

// standardName names the standard rule set where a path is expected.
const standardName = "standard"

// ruleSource is a set of rules and what is known about the connectors that it is for.
type ruleSource struct {
	file       *rules.File
	options    *rules.CompileOptions
	connectors []ruleConnector
	ignored    []rules.Ignored
}

// ruleConnector is a connector that rules are for.
type ruleConnector struct {
	name, kind string
	parameters rules.MapParameters
}

// loadOptions are the flags that shape the standard rule set and the strictness of checks.
type loadOptions struct {
	allowUnknown bool
	anchor, upn  string
	matching     string
	memberLimit  int
	connectors   []ruleConnector // for the standard rules; one of each type by default
}

func (o *loadOptions) flags(f *flag.FlagSet) {
	f.StringVar(&o.anchor, "anchor", "", "standard rules: `attribute` of the source anchor, such as mS-DS-ConsistencyGuid")
	f.StringVar(&o.upn, "upn", "", "standard rules: `attribute` of the name for signing in")
	f.IntVar(&o.memberLimit, "member-limit", 0, "standard rules: the largest `number` of members of a group; 0 means 250,000")
	f.StringVar(&o.matching, "matching", "once", "standard rules: how users of several forests match: once, mail, sid, account, or an `attribute`")
}

// load reads rules from a path. Of a directory with files that cannot be read it returns the rest
// beside the error.
func load(path string, o loadOptions) (*ruleSource, error) {
	s, err := loadPath(path, o)
	if s != nil && o.allowUnknown {
		s.options.AllowUnknown = true
	}
	return s, err
}

func loadPath(path string, o loadOptions) (*ruleSource, error) {
	if path == standardName {
		return loadStandard(o), nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return loadExport(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if strings.EqualFold(filepath.Ext(path), ".ps1") {
		return loadScript(f, path)
	}
	file, err := rules.ParseYAML(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &ruleSource{file: file, options: file.CompileOptions(), connectors: connectorsOf(file.Rules)}, nil
}

func loadExport(path string) (*ruleSource, error) {
	e, err := rules.ReadExport(os.DirFS(path))
	if e == nil {
		return nil, err
	}
	s := &ruleSource{file: e.File(), options: e.CompileOptions(), ignored: e.Ignored}
	for i := range e.Connectors {
		c := &e.Connectors[i]
		kind := typeAD
		if c.IsEntra() {
			kind = typeEntra
		}
		s.connectors = append(s.connectors, ruleConnector{c.Name, kind, c.Parameters})
	}
	if len(e.Connectors) == 0 {
		s.connectors = connectorsOf(e.Rules)
	}
	return s, err
}

// loadScript reads what the Sync Rules Editor exports as PowerShell. It tells nothing of the
// metaverse, so that what is not in the usual one is allowed.
func loadScript(f *os.File, path string) (*ruleSource, error) {
	script, err := rules.ParsePowerShell(f, path)
	if err != nil {
		return nil, err
	}
	file := &rules.File{Rules: script.Rules}
	s := &ruleSource{file: file, options: file.CompileOptions(), connectors: connectorsOf(script.Rules), ignored: script.Ignored}
	s.options.AllowUnknown = true
	return s, nil
}

// loadStandard makes the standard rules with everything that they can do.
func loadStandard(o loadOptions) *ruleSource {
	if o.connectors == nil {
		o.connectors = []ruleConnector{{name: "contoso.test", kind: typeAD}, {name: "tenant", kind: typeEntra}}
	}
	opts := rules.StandardOptions{AnchorAttribute: o.anchor, UPNAttribute: o.upn, MemberLimit: o.memberLimit, Devices: true, ExchangeHybrid: true}
	switch o.matching {
	case "", "once":
	case "mail":
		opts.Matching = rules.MatchMail
	case "sid":
		opts.Matching = rules.MatchSID
	case "account":
		opts.Matching = rules.MatchAccountName
	default:
		opts.Matching, opts.MatchingAttribute = rules.MatchAttribute, o.matching
	}
	for _, c := range o.connectors {
		switch {
		case c.kind == typeAD:
			opts.AD = append(opts.AD, rules.ADConnector{Name: c.name, Exchange: true, Lync: true})
		case opts.Entra == "":
			opts.Entra = c.name
		}
	}
	f := &rules.File{Rules: rules.Standard(opts), Metaverse: rules.StandardMetaverse(opts)}
	return &ruleSource{file: f, options: f.CompileOptions(), connectors: o.connectors}
}

// connectorsOf lists the connectors that rules name, in the order of their first rule. The
// one to which source anchors are sent is Entra ID.
func connectorsOf(rs []rules.Rule) (list []ruleConnector) {
	for i := range rs {
		r := &rs[i]
		at := slices.IndexFunc(list, func(c ruleConnector) bool { return attr.EqualName(c.name, r.Connector) })
		if at < 0 {
			at = len(list)
			list = append(list, ruleConnector{name: r.Connector, kind: typeAD})
		}
		sends := func(f rules.Flow) bool { return attr.EqualName(f.Target, "sourceAnchor") }
		if r.Direction == rules.Outbound && slices.ContainsFunc(r.Flows, sends) {
			list[at].kind = typeEntra
		}
	}
	return list
}

// problems splits an error into those that were joined.
func problems(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, problems(e)...)
		}
		return all
	}
	return []error{err}
}

// kindNames lists the kinds of connectors, for messages.
func kindNames() string { return strings.Join([]string{typeAD, typeEntra}, " or ") }
