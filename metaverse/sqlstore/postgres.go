package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A postgres is a database on a PostgreSQL server.
type postgres struct {
	opts   Options
	config *pgx.ConnConfig // never changed
	steps  []string        // to the schema that this program knows
	schema int64           // number of the schema that holds the tables
	texts  sync.Map        // pgKey to *pgStatement
}

// IsURL reports whether a name given to [Open] is the URL of a PostgreSQL server, as opposed to
// the path of a file.
func IsURL(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// applicationName is what administrators see in pg_stat_activity.
const applicationName = "hybridsync"

// errURL stands for the errors of the parser, which show the URL.
var errURL = errors.New("the URL of the database cannot be understood; its form is postgres://user@host:5432/database?sslmode=verify-full")

func openPostgres(ctx context.Context, dsn string, o Options, steps []string) (*postgres, error) {
	config, err := parsePostgres(dsn, &o)
	if err != nil {
		return nil, err
	}
	d := &postgres{opts: o, config: config, steps: steps}
	c, err := d.dial(ctx, forUpdates)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	if err := d.migrate(ctx, c); err != nil {
		return nil, err
	}
	return d, nil
}

// parsePostgres reads the URL. TLS with a verified server is the default, but for servers on
// this machine.
func parsePostgres(dsn string, o *Options) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		// A file of certificates that is missing is worth telling; nothing else can be
		// told apart from the password.
		if missing, ok := errors.AsType[*os.PathError](err); ok {
			return nil, fmt.Errorf("sqlstore: %w", missing)
		}
		return nil, fmt.Errorf("sqlstore: %w", errURL)
	}
	local := isLocal(config.Host)
	if !strings.Contains(dsn, "sslmode=") && os.Getenv("PGSSLMODE") == "" && !local {
		separator := "?"
		if strings.Contains(dsn, "?") {
			separator = "&"
		}
		return parsePostgres(dsn+separator+"sslmode=verify-full", o)
	}
	if !local && (config.TLSConfig == nil || config.TLSConfig.InsecureSkipVerify && config.TLSConfig.VerifyPeerCertificate == nil) {
		o.Logger.Warn("the connection to the database is not protected: the server is not verified; use sslmode=verify-full", "host", config.Host)
	}
	set := func(name, value string) {
		if _, ok := config.RuntimeParams[name]; !ok {
			config.RuntimeParams[name] = value
		}
	}
	set("application_name", applicationName)
	set("statement_timeout", milliseconds(o.StatementTimeout))
	set("lock_timeout", milliseconds(max(o.BusyTimeout, time.Millisecond)))
	// Plans are made for the batch at hand: a plan made while a table was empty would be
	// kept when it has a million rows.
	set("plan_cache_mode", "force_custom_plan")
	// A server must not take a vanished client's connection for alive for hours.
	set("tcp_keepalives_idle", "10")
	set("tcp_keepalives_interval", "5")
	set("tcp_keepalives_count", "3")
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	return config, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// dial connects, without the password in errors.
func (d *postgres) dial(ctx context.Context, p purpose) (*pgx.Conn, error) {
	config := d.config.Copy()
	switch p {
	case forViews:
		config.RuntimeParams["default_transaction_read_only"] = "on"
	case forUpdates:
		// Whoever is suspended within an Update must not keep others from writing.
		config.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(idleWriter)
	case forLease:
		config.RuntimeParams["lock_timeout"] = milliseconds(leasePatience)
		config.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(leasePatience)
	}
	if d.opts.Password != nil {
		password, err := d.opts.Password(ctx)
		if err != nil {
			return nil, fmt.Errorf("sqlstore: the password of the database: %w", err)
		}
		config.Password = password
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, d.explain(err)
	}
	return c, nil
}

// idleWriter is how long an Update may do something else than talk to the server.
const idleWriter = 20 * time.Second

// leasePatience is how long a transaction for the lease waits for an Update.
const leasePatience = 2 * time.Second

func (d *postgres) analyze(ctx context.Context) error {
	c, err := d.dial(ctx, forUpdates)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	for _, t := range copyTables() {
		if _, err := c.Exec(ctx, "ANALYZE "+t.name); err != nil {
			return classify(err)
		}
	}
	return nil
}

// endWriter ends the connection of whoever holds the writers' lock.
func (d *postgres) endWriter(ctx context.Context) error {
	c, err := d.dial(ctx, forLease)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	var ended int
	err = c.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_locks WHERE locktype = 'advisory' AND granted
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = $1::bigint::oid AND objid = ($2::bigint & 4294967295)::oid`,
		lockClass, d.schema).Scan(&ended)
	d.opts.Logger.Warn("the connection of a process that held the lease for too long was ended", "connections", ended)
	return classify(err)
}

// explain says what a failed connection means, without showing secrets.
func (d *postgres) explain(err error) error {
	var pe *pgconn.PgError
	where := d.name()
	if !errors.As(err, &pe) {
		var dns *net.DNSError
		var op *net.OpError
		switch {
		case errors.As(err, &dns):
			return fmt.Errorf("sqlstore: %s: %w: %w", where, errUnreachable, dns)
		case errors.As(err, &op):
			return fmt.Errorf("sqlstore: %s: %w: %w", where, errUnreachable, op)
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("sqlstore: %s: %w: no answer within %v", where, errUnreachable, d.config.ConnectTimeout)
		}
		return fmt.Errorf("sqlstore: %s: %w: %s", where, errUnreachable, withoutSecrets(err, d.config.Password))
	}
	switch pe.Code {
	case "28P01", "28000":
		return fmt.Errorf("sqlstore: %s: %w: the server does not accept the user or the password: %w", where, ErrAccess, pe)
	case "3D000":
		return fmt.Errorf("sqlstore: %s: %w: the database does not exist; create it with: CREATE DATABASE %s OWNER %s: %w", where, ErrAccess, d.config.Database, d.config.User, pe)
	case "42501":
		return fmt.Errorf("sqlstore: %s: %w: the role lacks a privilege: %w", where, ErrAccess, pe)
	}
	return fmt.Errorf("sqlstore: %s: %w: %w", where, errUnreachable, pe)
}

func withoutSecrets(err error, secret string) string {
	if secret == "" {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), secret, "xxxxx")
}

func (d *postgres) name() string {
	return fmt.Sprintf("postgres://%s@%s/%s", d.config.User, net.JoinHostPort(d.config.Host, strconv.Itoa(int(d.config.Port))), d.config.Database)
}

func (d *postgres) connect(ctx context.Context, p purpose) (conn, error) {
	c, err := d.dial(ctx, p)
	if err != nil {
		return nil, err
	}
	return &pgConn{db: d, c: c, purpose: p}, nil
}

func (d *postgres) backup(context.Context, string) error {
	return fmt.Errorf("sqlstore: a store on PostgreSQL is backed up with pg_dump --format=custom, or with the server's own continuous archiving: %w", errors.ErrUnsupported)
}

func (d *postgres) close(writer conn) error {
	if writer != nil {
		return writer.close()
	}
	return nil
}

var _ database = (*postgres)(nil)
