package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hybridsync/hybridsync/connector/attr"
)

// An Export is what Entra Connect's server configuration export says, as far as it means
// something to rules.
type Export struct {
	Connectors []ExportedConnector // by file name
	Rules      []Rule              // by direction and precedence; Connector is the connector's name
	Metaverse  *MetaverseSchema    // nil if the export has no metaverse schema
	// Settings holds the global settings, such as
	// Microsoft.OptionalFeature.ExportDeletionThreshold, by name.
	Settings map[string]string
	// Ignored lists everything in the export that was not used, with the reason.
	Ignored []Ignored
}

// An ExportedConnector is one connector of an export.
type ExportedConnector struct {
	ID         string // GUID without braces, in lower case
	Name       string
	Type       string // "AD", "Extensible2" and so on
	Subtype    string // such as "Windows Azure Active Directory (Microsoft)"
	Partitions []ExportedPartition
	// Attributes is the attribute inclusion list.
	Attributes []string
	// Schema describes the included attributes, and the classes selected in any partition.
	Schema ConnectorSchema
	// Parameters are the values of %Name% that the connector carries, without those that
	// say how it connects.
	Parameters MapParameters
}

// An ExportedPartition is one partition of a connector: in Active Directory a domain.
type ExportedPartition struct {
	ID, DN, Name string
	Selected     bool
	Inclusions   []string // DNs of containers
	Exclusions   []string
	Classes      []string // selected object classes
	Parameters   MapParameters
}

// Ignored is something in an input that was not used.
type Ignored struct {
	File   string
	Line   int    // of the first
	Path   string // of the element, such as "ma-data/ma-run-data"
	Count  int    // how often
	Reason string
}

// String returns all of it in one line.
func (i Ignored) String() string {
	return fmt.Sprintf("%s:%d: %s (%d): %s", i.File, i.Line, i.Path, i.Count, i.Reason)
}

// IsEntra reports whether the connector is the one of Microsoft Entra ID.
func (c *ExportedConnector) IsEntra() bool {
	return strings.Contains(strings.ToLower(c.Subtype), "azure active directory") || strings.Contains(strings.ToLower(c.Subtype), "entra")
}

// Connector returns the connector with that GUID or name, nil if there is none.
func (e *Export) Connector(id string) *ExportedConnector {
	for i := range e.Connectors {
		if c := &e.Connectors[i]; c.ID == plainGUID(id) || attr.EqualName(c.Name, id) {
			return c
		}
	}
	return nil
}

// File returns the rules as a file, with the metaverse schema and the names of the
// parameters that the connectors carry.
func (e *Export) File() *File {
	f := &File{Rules: e.Rules, Metaverse: e.Metaverse}
	standard := StandardParameters()
	for i := range e.Connectors {
		c := &e.Connectors[i]
		sets := []MapParameters{c.Parameters}
		for j := range c.Partitions {
			sets = append(sets, c.Partitions[j].Parameters)
		}
		for _, set := range sets {
			for name := range set {
				if !slices.Contains(standard, name) && !slices.Contains(f.Parameters, name) {
					f.Parameters = append(f.Parameters, name)
				}
			}
		}
	}
	slices.Sort(f.Parameters)
	return f
}

// CompileOptions returns options under which the export's rules are meant to be compiled:
// with its schemas, parameters and connectors. Of an export without global settings the
// metaverse's schema is not known, so what is not in the usual one is allowed.
func (e *Export) CompileOptions() *CompileOptions {
	o := e.File().CompileOptions()
	o.AllowUnknown = e.Metaverse == nil
	for i := range e.Connectors {
		o.Connectors = append(o.Connectors, e.Connectors[i].Schema)
	}
	return o
}

// An exportReader reads the files of an export.
type exportReader struct {
	out    *Export
	file   string
	errs   []error
	rules  []exportedRule
	unread map[ignoredKey]int // index into out.Ignored
}

type exportedRule struct {
	Rule
	file string
	line int
}

type ignoredKey struct{ file, path, reason string }

// ReadExport reads the directory that Entra Connect's server configuration export writes:
// Connectors, GlobalSettings and SynchronizationRules, each with XML files. The error
// joins all problems, each with file and line; beside it everything is returned that could be read
// all the same, for those who report on it. What the export says about things that are
// no business of rules is listed in [Export].Ignored.
func ReadExport(dir fs.FS) (*Export, error) {
	r := &exportReader{out: &Export{Settings: make(map[string]string)}, unread: make(map[ignoredKey]int)}
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		r.file = name
		switch {
		case d.IsDir():
		case !d.Type().IsRegular():
			r.ignore(0, ".", "this is no regular file")
		case strings.EqualFold(path.Ext(name), ".xml"):
			r.readFile(dir)
		default:
			r.ignore(0, ".", "this is no XML file")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(r.rules) == 0 && len(r.errs) == 0 {
		return nil, errors.New("the directory holds no synchronisation rules; want one with Connectors, GlobalSettings and SynchronizationRules")
	}
	r.finish()
	return r.out, errors.Join(r.errs...)
}

func (r *exportReader) fail(line int, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %w", r.file, line, fmt.Errorf(format, args...)))
}

func (r *exportReader) ignore(line int, path, reason string) {
	key := ignoredKey{r.file, path, reason}
	if i, ok := r.unread[key]; ok {
		r.out.Ignored[i].Count++
		return
	}
	r.unread[key] = len(r.out.Ignored)
	r.out.Ignored = append(r.out.Ignored, Ignored{File: r.file, Line: line, Path: path, Count: 1, Reason: reason})
}

func (r *exportReader) readFile(dir fs.FS) {
	f, err := dir.Open(r.file)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	defer f.Close()
	src, err := readLimited(f, maxFile)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s: %w", r.file, err))
		return
	}
	root, err := parseXML(src)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s:%w", r.file, err))
		return
	}
	root.entered = true
	r.readRoot(root)
	r.report(root, root.name)
}

// readRoot reads a file by what it holds: a rule, a connector, the metaverse, or several of
// them wrapped in one element.
func (r *exportReader) readRoot(n *xmlNode) {
	n.entered = true
	switch strings.ToLower(n.name) {
	case "synchronizationrule":
		r.readRule(n)
	case "ma-data":
		r.readConnector(n)
	case "mv-data":
		r.readMetaverse(n)
	case "synchronizationrules", "saved-ma-configuration", "saved-mv-configuration":
		for _, c := range n.children {
			r.readRoot(c)
		}
	default:
		n.entered = false // reported as unknown
	}
}

// finish puts connectors' names into rules and everything in order.
func (r *exportReader) finish() {
	for _, x := range r.rules {
		r.file = x.file
		if c := r.out.Connector(x.Connector); c != nil {
			x.Connector = c.Name
		} else if len(r.out.Connectors) > 0 {
			r.fail(x.line, "rule %q: the export has no connector {%s}", x.Name, x.Connector)
		}
		r.out.Rules = append(r.out.Rules, x.Rule)
	}
	slices.SortStableFunc(r.out.Rules, func(a, b Rule) int {
		return byPrecedence(&CompiledRule{Rule: a}, &CompiledRule{Rule: b})
	})
}

// plainGUID removes braces and upper case.
func plainGUID(s string) string { return strings.ToLower(strings.Trim(strings.TrimSpace(s), "{}")) }
