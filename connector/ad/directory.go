package ad

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hybridsync/hybridsync/connector"
)

// version is that of this implementation, see [connector.Info].
const version = "1"

const (
	exportBatch       = 200
	exportConcurrency = 4
	// watermarkLife is what a directory keeps deletions for unless it is told otherwise.
	watermarkLife = 60 * 24 * time.Hour
)

// A Directory is the connector of one Active Directory domain, or of several partitions
// that one domain controller holds. It is safe for concurrent use.
type Directory struct {
	name    string
	opts    Options
	servers []server // of URLs; none with a domain
	roots   *x509.CertPool
	// rangeStep is how many values to ask for at a time; 0 leaves it to the server. Tests
	// set it for servers that do not enforce MaxValRange.
	rangeStep int
	sleep     func(context.Context, time.Duration) error // between attempts
	inForest  bool                                       // one of the domains of a Forest

	mu      sync.Mutex
	known   *schema  // as last read
	held    []string // ids of its partitions, of one of a Forest
	used    string   // URL of the domain controller that was connected to last
	sited   bool     // the site was asked for
	ownSite string   // the answer, "" where there is none
}

// New returns the connector called name, which rules refer to. It reports every problem
// with the options at once and dials nothing.
func New(name string, opts Options) (*Directory, error) {
	opts = opts.withDefaults()
	err := opts.validate()
	if name == "" {
		err = errors.Join(errors.New("ad: the connector has no name"), err)
	}
	roots, rootsErr := opts.roots()
	if err := errors.Join(err, rootsErr); err != nil {
		return nil, err
	}
	d := &Directory{name: name, opts: opts, roots: roots, sleep: sleep}
	for _, u := range opts.URLs {
		s, err := parseURL(u)
		if err != nil {
			return nil, err
		}
		d.servers = append(d.servers, s)
	}
	return d, nil
}

// Info names the connector; its type is "ad".
func (d *Directory) Info() connector.Info {
	return connector.Info{Type: "ad", Version: version, Name: d.name}
}

// Capabilities declares what sessions can do.
func (d *Directory) Capabilities() connector.Capabilities {
	return connector.Capabilities{
		FullImport: true, DeltaImport: true, ReadObjects: true, Export: !d.opts.ReadOnly, Preflight: true,
		References:        connector.ReferenceByDN,
		Rename:            true,
		ReferencesLast:    true,
		ExportBatch:       exportBatch,
		ExportConcurrency: exportConcurrency,
		WatermarkLife:     watermarkLife,
	}
}

// Open connects to the first domain controller that can be reached and prepares a session:
// schema, partitions and scope are looked up now.
func (d *Directory) Open(ctx context.Context, o connector.OpenOptions) (connector.Session, error) {
	s, err := d.open(ctx, o, nil)
	if err != nil {
		return nil, d.failure("open", err)
	}
	if d.opts.ReadOnly {
		return s, nil
	}
	return &writer{s}, nil
}

// open opens a session. Where o.Last is that of several domains, part finds in it what
// belongs to the domain of the partitions.
func (d *Directory) open(ctx context.Context, o connector.OpenOptions, part func([]partition) connector.Watermark) (*session, error) {
	log := o.Logger
	if log == nil {
		log = d.opts.Logger
	}
	l, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{d: d, log: log.With("connector", d.name), main: l}
	if err := s.prepare(ctx, o, part); err != nil {
		l.close()
		return nil, err
	}
	s.log.LogAttrs(ctx, slog.LevelDebug, "session opened", slog.String("server", l.root.host))
	return s, nil
}

var _ connector.Connector = (*Directory)(nil)
