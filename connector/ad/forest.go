package ad

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// A Forest is the connector of several domains of one forest, each with domain controllers,
// account and scope of its own. It needs no global catalogue. It is safe for concurrent use.
type Forest struct {
	name    string
	domains []*Directory
	log     *slog.Logger
	strange bool // domains of several forests are taken, for tests
}

// NewForest returns the connector called name of the domains that the options describe,
// one each. A domain that is left out is not imported: leaving one out that was imported
// before makes its objects vanish with the next import, which is then a full one. Classes
// and Attributes must be the same for all. The group of a GroupFilter is one of the domain
// itself: domain controllers know the members of groups of other domains by no filter. It reports every problem at once, naming the
// domain, and dials nothing.
func NewForest(name string, domains ...Options) (*Forest, error) {
	f := &Forest{name: name, log: slog.New(slog.DiscardHandler)}
	var errs []error
	if name == "" {
		errs = append(errs, errors.New("ad: the connector has no name"))
	}
	if len(domains) == 0 {
		errs = append(errs, errors.New("ad: the forest has no domains"))
	}
	for i, o := range domains {
		d, err := New("forest", o)
		if err != nil {
			errs = append(errs, fmt.Errorf("domain %d: %w", i+1, err))
			continue
		}
		d.name, d.inForest = name, true
		if len(f.domains) == 0 {
			f.log = d.opts.Logger
		} else if first := f.domains[0]; !sameNames(first.opts.Classes, d.opts.Classes) || !sameNames(first.opts.Attributes, d.opts.Attributes) {
			errs = append(errs, fmt.Errorf("ad: domain %s: Classes and Attributes must be those of domain %s", d.place(), first.place()))
		}
		if slices.ContainsFunc(f.domains, func(other *Directory) bool { return strings.EqualFold(other.place(), d.place()) }) {
			errs = append(errs, fmt.Errorf("ad: domain %s: is there twice", d.place()))
		}
		f.domains = append(f.domains, d)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

func sameNames(a, b []string) bool { return slices.EqualFunc(folded(a), folded(b), attr.EqualName) }

// place names the domain in errors as it is configured.
func (d *Directory) place() string {
	switch {
	case d.opts.Domain != "":
		return strings.TrimSuffix(d.opts.Domain, ".")
	case len(d.opts.Partitions) > 0:
		return cmp.Or(dnsName(d.opts.Partitions[0]), d.opts.Partitions[0])
	}
	return d.servers[0].addr
}

// Domains returns the connectors of the single domains, in the order in which they were
// given, for what is done in one domain: [Preflight], [NewProvisioner],
// [Directory.ResetPassword]. Do not import from them.
func (f *Forest) Domains() []*Directory { return slices.Clone(f.domains) }

// Info names the connector; its type is "ad".
func (f *Forest) Info() connector.Info {
	return connector.Info{Type: "ad", Version: version, Name: f.name}
}

// Capabilities declares what sessions can do: export, where one domain can be exported to.
func (f *Forest) Capabilities() connector.Capabilities {
	c := f.domains[0].Capabilities()
	c.Export = f.writable()
	return c
}

func (f *Forest) writable() bool {
	return slices.ContainsFunc(f.domains, func(d *Directory) bool { return !d.opts.ReadOnly })
}

// Open connects to all domains. One that cannot be opened does not keep the others from
// being read: an import then ends with an error that names the domain, after what the
// others had to tell, and without deletions. It fails where no domain can be opened, and
// where two are the same one or of different forests.
func (f *Forest) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := f.open(ctx, o)
	if err != nil {
		return nil, f.failure("open", err)
	}
	if f.writable() {
		return &forestWriter{s}, nil
	}
	return s, nil
}

func (f *Forest) open(ctx context.Context, o connector.OpenOptions) (*forestSession, error) {
	s := &forestSession{f: f, log: f.log}
	if o.Logger != nil {
		s.log = o.Logger
	}
	s.log = s.log.With("connector", f.name)
	last, _ := parseForestMark(o.Last) // nil where there is none of use
	var wg sync.WaitGroup
	for i, d := range f.domains {
		x := &domain{d: d, index: i}
		s.domains = append(s.domains, x)
		wg.Go(func() {
			own := o
			own.Logger = s.log.With("domain", d.place())
			x.s, x.down = d.open(ctx, own, last.of)
		})
	}
	wg.Wait()
	err := s.fit()
	if err == nil {
		s.survey(ctx)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		s.Close(ctx) //nolint:errcheck // the first error counts
		return nil, err
	}
	return s, nil
}

// fit checks that the domains belong together, and tells which cannot be reached.
func (s *forestSession) fit() error {
	var down []error
	var first *domain
	seen := map[string]bool{}
	for _, x := range s.domains {
		if x.s == nil {
			down = append(down, x.named(x.down))
			continue
		}
		for _, p := range x.s.parts {
			if seen[p.id] {
				return x.named(fmt.Errorf("%w: partition %s belongs to two of the configured domains", connector.ErrInvalid, p.dn))
			}
			seen[p.id] = true
		}
		switch {
		case first == nil:
			first = x
		case !sameDN(first.s.main.root.configNC, x.s.main.root.configNC) && !s.f.strange:
			return x.named(fmt.Errorf("%w: it is of another forest than %s; that takes a connector of its own", connector.ErrInvalid, first.name()))
		}
	}
	if first == nil {
		return errors.Join(down...)
	}
	for _, err := range down {
		s.log.Error("a domain cannot be read; the others are, and nothing is deleted meanwhile", "err", err)
	}
	return nil
}

// survey learns the domains of the forest, so that none is taken for part of the one above.
func (s *forestSession) survey(ctx context.Context) {
	for _, x := range s.domains {
		if x.s == nil {
			continue
		}
		if known, err := x.s.main.readCrossRefs(ctx); err == nil {
			for _, p := range known {
				s.contexts = append(s.contexts, p.DN)
			}
			return
		}
	}
}

// failure gives an error its context, once.
func (f *Forest) failure(op string, err error) error {
	if err == nil {
		return nil
	}
	if done, ok := err.(*connector.Error); ok && done.Connector != "" { //nolint:errorlint // only the outermost counts
		return err
	}
	code := codeOf(err)
	if op == "open" && code == connector.CodeConnectionDropped {
		code = connector.CodeConnectionFailed
	}
	return &connector.Error{Op: op, Connector: f.name, Code: code, Err: err}
}

var _ connector.Connector = (*Forest)(nil)
