package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/hybridsync/hybridsync/connector"
)

// A pgConn is a connection to a PostgreSQL server.
type pgConn struct {
	db      *postgres
	c       *pgx.Conn
	purpose purpose
	open    bool   // a transaction has begun
	id      string // of the transaction
	queue   pgQueue
}

// lockClass begins the two numbers of the advisory lock that a writer holds; the other one is that
// of the schema.
const lockClass = applicationID

// begin lets one Update run at a time, in whatever process, so that ids and names go on from
// each other and nothing has to be undone because of a conflict. What is read after the lock was
// taken is the newest state.
func (c *pgConn) begin(ctx context.Context) error {
	c.queue.reset()
	begin := "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
	switch c.purpose {
	case forUpdates:
		begin = fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(%d, %d)", lockClass, c.db.schema)
	case forLease:
		begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
	}
	begin += "; SELECT version, pg_current_xact_id_if_assigned() FROM store WHERE application = 'hybridsync'"
	if c.purpose != forViews {
		begin = strings.Replace(begin, "_if_assigned", "", 1)
	}
	results, err := c.c.PgConn().Exec(ctx, begin).ReadAll()
	if err != nil {
		return c.failure(ctx, err)
	}
	c.open = true
	last := results[len(results)-1]
	if len(last.Rows) != 1 {
		return fmt.Errorf("sqlstore: %s: %w: its tables are gone", c.db.name(), ErrNotStore)
	}
	version, err := strconv.Atoi(string(last.Rows[0][0]))
	if err != nil {
		return err
	}
	c.id = string(last.Rows[0][1])
	return stillVersion(version, len(c.db.steps))
}

// failure returns the context's error where that is the reason.
func (c *pgConn) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return classify(err)
}

// commitTime bounds a commit. It goes on when the context ends: the outcome would not be known
// otherwise.
const commitTime = 30 * time.Second

func (c *pgConn) commit(ctx context.Context) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTime)
	defer cancel()
	results, err := c.c.PgConn().Exec(ctx, "COMMIT").ReadAll()
	switch {
	case err == nil && results[0].CommandTag.String() == "COMMIT":
		c.open = false
		return nil
	case err == nil:
		return errors.New("sqlstore: the server has rolled the transaction back")
	case isLost(err):
		return c.db.outcome(ctx, c.id, err)
	}
	return classify(err)
}

// outcome asks for the fate of a transaction whose commit was not answered.
func (d *postgres) outcome(ctx context.Context, id string, lost error) error {
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		status, err := d.status(ctx, id)
		switch {
		case err == nil && status == "committed":
			return nil
		case err == nil && status == "aborted":
			return classify(lost) // nothing was written: it may be tried again
		case err != nil && !isLost(err):
			return fmt.Errorf("%w: %w", errOutcome, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errOutcome, classify(lost))
		}
	}
}

func (d *postgres) status(ctx context.Context, id string) (status string, err error) {
	c, err := d.dial(ctx, forViews)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	err = c.QueryRow(ctx, "SELECT coalesce(pg_xact_status($1::text::xid8), 'aborted')", id).Scan(&status)
	return status, err
}

func (c *pgConn) rollback() error {
	c.queue.reset()
	if !c.open {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	defer cancel()
	c.open = false
	_, err := c.c.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
	return err
}

// statement returns a statement for arguments like these.
func (c *pgConn) statement(q string, n, width int, args []any) (pgKey, *pgStatement, error) {
	if n == 0 {
		width = 0
	}
	kinds := make([]byte, 0, width+4)
	for j := range width {
		kind := byte(pgBytes)
		for i := range n { // a column may begin with NULLs
			if kind = kindOf(args[i*width+j]); kind != pgBytes {
				break
			}
		}
		kinds = append(kinds, kind)
	}
	for _, a := range args[n*width:] {
		kinds = append(kinds, kindOf(a))
	}
	key := pgKey{q, string(kinds), width}
	if s, ok := c.db.texts.Load(key); ok {
		return key, s.(*pgStatement), nil
	}
	s, err := pgTranslate(q, string(kinds), width)
	if err != nil {
		return key, nil, err
	}
	c.db.texts.Store(key, s)
	return key, s, nil
}

func (c *pgConn) params(s *pgStatement, n int, args []any) []any {
	out := pgColumns(s.kinds, s.width, n, func(i, j int) any { return args[i*s.width+j] })
	return append(out, pgParams(args[n*s.width:], false)...)
}

func (c *pgConn) query(ctx context.Context, q string, n, width int, args []any) (rows, error) {
	_, s, err := c.statement(q, n, width, args)
	if err != nil {
		return nil, err
	}
	if c.queue.dirty(s.reads) {
		if err := c.flush(ctx); err != nil {
			return nil, err
		}
	}
	found, err := c.c.Query(ctx, s.text, c.params(s, n, args)...)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	return &pgRows{Rows: found, ctx: ctx, c: c}, nil
}

func (c *pgConn) exec(ctx context.Context, q string, n, width int, args []any) (int64, error) {
	_, s, err := c.statement(q, n, width, args)
	if err != nil {
		return 0, err
	}
	if err := c.flush(ctx); err != nil {
		return 0, err
	}
	tag, err := c.c.Exec(ctx, s.text, c.params(s, n, args)...)
	if err != nil {
		return 0, c.failure(ctx, err)
	}
	return tag.RowsAffected(), nil
}

func (c *pgConn) write(ctx context.Context, q string, n, width int, args []any) error {
	if n == 0 {
		if columnar, ok := pgColumnar(q); ok {
			q, n, width = columnar, 1, len(args)
		}
	}
	key, s, err := c.statement(q, n, width, args)
	if err != nil {
		return err
	}
	if len(args) != n*s.width && s.width > 0 {
		return fmt.Errorf("sqlstore: arguments besides the rows: %s", q)
	}
	c.queue.put(key, s, n, args)
	if c.queue.size > maxQueue {
		return c.flush(ctx)
	}
	return nil
}

// flush sends what was put off, all at once.
func (c *pgConn) flush(ctx context.Context) error {
	entries := c.queue.entries
	if len(entries) == 0 {
		return nil
	}
	c.queue.reset()
	batch := &pgx.Batch{}
	for _, e := range entries {
		batch.Queue(e.text, e.params()...)
	}
	results := c.c.SendBatch(ctx, batch)
	for _, e := range entries {
		tag, err := results.Exec()
		if err != nil {
			_ = results.Close()
			return c.failure(ctx, conflict(err))
		}
		if e.writes == "cs" && e.keys != nil && tag.RowsAffected() != int64(len(e.rows)) {
			_ = results.Close()
			return errors.New("sqlstore: an object belongs to another connector than it is written for")
		}
	}
	if err := results.Close(); err != nil {
		return c.failure(ctx, err)
	}
	return nil
}

// conflict says what a value that is taken means.
func conflict(err error) error {
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "23505" && (pe.ConstraintName == "cs_anchor" || pe.ConstraintName == "cs_dn") {
		return fmt.Errorf("sqlstore: %w: anchor or DN is taken: %w", connector.ErrConflict, pe)
	}
	return err
}

// maxRows bounds the rows of one statement.
const maxRows = 10_000

func (c *pgConn) group(left int, _ bool) int { return min(left, maxRows) }

func (c *pgConn) adopt(ctx context.Context) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	_, err := c.c.Exec(ctx, "SELECT setval(pg_get_serial_sequence('object_error', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM object_error), false)")
	return err
}

func (c *pgConn) deferring() bool { return true }

// integrity is left to the server's own tools: data checksums, pg_amcheck.
func (c *pgConn) integrity(context.Context, func(string) error) error { return nil }

func (c *pgConn) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.c.Close(ctx)
}

func (c *pgConn) discard() { _ = c.close() }

// pgRows are the rows that a query has found.
type pgRows struct {
	pgx.Rows
	ctx context.Context // of the query that the rows belong to
	c   *pgConn
}

func (r *pgRows) Close() error {
	r.Rows.Close()
	return nil
}

func (r *pgRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return r.c.failure(r.ctx, err)
	}
	return nil
}

// Scan takes the destinations that package database/sql takes.
func (r *pgRows) Scan(dest ...any) error {
	targets := make([]any, len(dest))
	var bools map[*bool]*int64
	for i, d := range dest {
		switch d := d.(type) {
		case *sql.RawBytes:
			targets[i] = (*pgtype.DriverBytes)(d)
		case *bool:
			if bools == nil {
				bools = make(map[*bool]*int64)
			}
			n := new(int64)
			bools[d], targets[i] = n, n
		default:
			targets[i] = d
		}
	}
	if err := r.Rows.Scan(targets...); err != nil {
		return err
	}
	for b, n := range bools {
		*b = *n != 0
	}
	for _, d := range dest {
		if s, ok := d.(*string); ok && strings.Contains(*s, pgEscape) {
			*s = goString(*s)
		}
	}
	return nil
}

var (
	_ conn = (*pgConn)(nil)
	_ rows = (*pgRows)(nil)
)
