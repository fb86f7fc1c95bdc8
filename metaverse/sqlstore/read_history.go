package sqlstore

import (
	"database/sql"
	"encoding/json"
	"math"
	"strings"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/metaverse"
)

func (r *reader) Setting(key string) ([]byte, error) {
	var out []byte
	err := r.query(sqlSetting, func(rows row) error {
		var value sql.RawBytes
		err := rows.Scan(&value)
		out = append([]byte{}, value...)
		return err
	}, key)
	return out, err
}

func (r *reader) Settings(prefix string) (map[string][]byte, error) {
	out := make(map[string][]byte)
	err := r.query(sqlSettings, func(rows row) error {
		var key string
		var value sql.RawBytes
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		if !strings.HasPrefix(key, prefix) { // keys are in order
			return errStop
		}
		out[key] = append([]byte{}, value...)
		return nil
	}, prefix)
	if err != nil && err != errStop { //nolint:errorlint // our own, never wrapped
		return nil, err
	}
	return out, nil
}

func (r *reader) Runs(connectorName string, before int64, limit int) ([]metaverse.RunRecord, error) {
	if limit <= 0 {
		return nil, r.ready()
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	q, args := sqlRuns, []any{before, int64(limit)}
	if connectorName != "" {
		conn, ok := r.dict.id(nameConnector, connectorName)
		if !ok {
			return nil, r.ready()
		}
		q, args = sqlRunsOf, append([]any{conn}, args...)
	}
	var out []metaverse.RunRecord
	err := r.query(q, func(rows row) error {
		var id int64
		var data sql.RawBytes
		if err := rows.Scan(&id, &data); err != nil {
			return err
		}
		var rec metaverse.RunRecord
		if err := json.Unmarshal(data, &rec); err != nil {
			return corrupt("run", id, err)
		}
		rec.ID = id
		out = append(out, rec)
		return nil
	}, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ObjectErrors returns whole objects: a page ends before an object whose errors do not fit,
// unless it is the first of the page. Errors of unknown objects come all at once.
func (r *reader) ObjectErrors(connectorName string, after metaverse.CSID, limit int) ([]metaverse.ObjectError, error) {
	if limit <= 0 {
		return nil, r.ready()
	}
	unknown, known := sqlUnknownErrors, sqlErrors
	var args []any
	if connectorName != "" {
		conn, ok := r.dict.id(nameConnector, connectorName)
		if !ok {
			return nil, r.ready()
		}
		unknown, known, args = sqlUnknownErrorsOf, sqlErrorsOf, []any{conn}
	}
	var out []metaverse.ObjectError
	if after < 0 {
		err := r.query(unknown, func(rows row) error {
			e, err := r.scanError(rows)
			out = append(out, e)
			return err
		}, args...)
		if err != nil || len(out) >= limit {
			return out, err
		}
		after = 0
	}
	var object []metaverse.ObjectError // errors of one object, collected until the next begins
	flush := func() error {
		if len(out) > 0 && len(out)+len(object) > limit {
			return errStop
		}
		out, object = append(out, object...), object[:0]
		return nil
	}
	err := r.query(known, func(rows row) error {
		e, err := r.scanError(rows)
		if err != nil {
			return err
		}
		if len(object) > 0 && object[0].CS != e.CS {
			if err := flush(); err != nil {
				return err
			}
			if len(out) >= limit {
				return errStop
			}
		}
		object = append(object, e)
		return nil
	}, append(args, int64(after))...)
	if err == nil {
		err = flush()
	}
	if err != nil && err != errStop { //nolint:errorlint // our own, never wrapped
		return nil, err
	}
	return out, nil
}

// scanError reads a row of errorColumns.
func (r *reader) scanError(rows row) (metaverse.ObjectError, error) {
	var e metaverse.ObjectError
	var conn, first, last int64
	var anchor sql.RawBytes
	err := rows.Scan(&e.CS, &conn, &e.Step, &e.Code, &e.Attribute, &e.Rule, &e.Message, &first, &last, &e.Count, &anchor, &e.Object.DN)
	if err != nil {
		return e, corrupt("object_error", int64(e.CS), err)
	}
	e.First, e.Last, e.Object.Anchor = unstamp(first), unstamp(last), connector.NewAnchor(anchor)
	return e, r.named("object_error", int64(e.CS), namedColumn{&e.Connector, nameConnector, conn})
}
