package sqlstore

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// Dump writes the whole store as JSON, one record a line, in an order that depends on nothing
// but the content: connector-space objects, metaverse objects, references, the reference queue,
// pending exports, settings, versions of the configuration, runs and errors. The field "table" says what a line is about. The
// dump holds personal data and, in settings, the watermarks of connectors.
func (s *Store) Dump(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	err := s.view(ctx, func(r *reader) error {
		d := &dumper{r: r, enc: json.NewEncoder(out)}
		d.enc.SetEscapeHTML(false)
		for _, part := range []func() error{
			d.objects, d.marks, d.people, d.references, d.work, d.exports, d.settings, d.configurations, d.runs, d.errors,
		} {
			if err := part(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

type dumper struct {
	r   *reader
	enc *json.Encoder
}

const dumpPage = 500

type dumpValue struct {
	String    *string `json:"string,omitempty"`
	Int       *int64  `json:"integer,omitempty"`
	Bool      *bool   `json:"boolean,omitempty"`
	Binary    *string `json:"binary,omitempty"` // Base64
	Reference *string `json:"reference,omitempty"`
}

func dumpValues(values []attr.Value) []dumpValue {
	out := make([]dumpValue, len(values))
	for i, v := range values {
		text, n, b := v.Text(), v.Int(), v.Bool()
		switch v.Kind() {
		case attr.KindInt:
			out[i].Int = &n
		case attr.KindBool:
			out[i].Bool = &b
		case attr.KindBinary:
			out[i].Binary = &text
		case attr.KindReference:
			out[i].Reference = &text
		default:
			out[i].String = &text
		}
	}
	return out
}

// dumpSet writes attributes; JSON objects of maps come in key order.
func dumpSet(s *attr.Set) map[string][]dumpValue {
	out := make(map[string][]dumpValue, s.Len())
	for name, values := range s.All() {
		out[name] = dumpValues(values)
	}
	return out
}

type dumpMod struct {
	Attribute string      `json:"attribute"`
	Replace   bool        `json:"replace,omitempty"`
	Adds      []dumpValue `json:"adds,omitempty"`
	Deletes   []dumpValue `json:"deletes,omitempty"`
}

func dumpMods(mods []attr.Mod) []dumpMod {
	return convert(mods, func(m attr.Mod) dumpMod { return dumpMod{m.Name, m.Replace, dumpValues(m.Adds), dumpValues(m.Deletes)} })
}

type dumpLink struct {
	MV       metaverse.MVID            `json:"mv"`
	Kind     string                    `json:"kind"`
	Rule     string                    `json:"rule"`
	Sticky   bool                      `json:"sticky,omitempty"`
	Outbound []metaverse.ReferenceFlow `json:"outbound,omitempty"`
}

type dumpIndexEntry struct {
	Attribute string `json:"attribute"`
	Key       []byte `json:"key"`
}

func (d *dumper) values(q string, id int64) ([]dumpIndexEntry, error) {
	var out []dumpIndexEntry
	err := d.r.query(q, func(rows row) error {
		var object, a int64
		var e dumpIndexEntry
		if err := rows.Scan(&object, &a, &e.Key); err != nil {
			return err
		}
		err := d.r.named("value", id, namedColumn{&e.Attribute, nameAttribute, a})
		out = append(out, e)
		return err
	}, idList([]int64{id}))
	slices.SortFunc(out, func(a, b dumpIndexEntry) int {
		if c := attr.CompareNames(a.Attribute, b.Attribute); c != 0 {
			return c
		}
		return slices.Compare(a.Key, b.Key)
	})
	return out, err
}

func (d *dumper) objects() error {
	return d.r.each(sqlEachCS, func(id int64) error {
		found, err := d.r.CS([]metaverse.CSID{metaverse.CSID(id)})
		if err != nil {
			return err
		}
		o := found[0]
		line := struct {
			Table      string                 `json:"table"`
			ID         metaverse.CSID         `json:"id"`
			Connector  string                 `json:"connector"`
			Class      string                 `json:"class"`
			Anchor     string                 `json:"anchor,omitempty"`
			DN         string                 `json:"dn"`
			DNKey      string                 `json:"dnKey,omitempty"`
			Partition  string                 `json:"partition,omitempty"`
			State      string                 `json:"state"`
			Imported   bool                   `json:"imported"`
			Pending    string                 `json:"pendingImport,omitempty"`
			Link       *dumpLink              `json:"link,omitempty"`
			Values     []dumpIndexEntry       `json:"index,omitempty"`
			Attributes map[string][]dumpValue `json:"attributes"`
		}{
			Table: "cs", ID: o.ID, Connector: o.Connector, Class: o.Class, DN: o.DN, DNKey: o.DNKey, Partition: o.Partition,
			State: o.State.String(), Imported: o.Imported, Attributes: dumpSet(&o.Image),
		}
		if !o.Anchor.IsZero() {
			line.Anchor = o.Anchor.Text()
		}
		if o.Pending != metaverse.ImportNone {
			line.Pending = o.Pending.String()
		}
		if o.Link.MV != 0 {
			line.Link = &dumpLink{o.Link.MV, o.Link.Kind.String(), o.Link.Rule, o.Link.Sticky, o.Link.Outbound}
		}
		if line.Values, err = d.values(sqlCSValues, id); err != nil {
			return err
		}
		return d.enc.Encode(line)
	})
}

func (d *dumper) marks() error {
	return d.rows(sqlAllSeen, func(scan func(...any) error) (any, error) {
		line := struct {
			Table     string `json:"table"`
			Connector string `json:"connector"`
			CS        int64  `json:"cs"`
		}{Table: "seen"}
		var conn int64
		if err := scan(&conn, &line.CS); err != nil {
			return nil, err
		}
		return &line, d.r.named("seen", line.CS, namedColumn{&line.Connector, nameConnector, conn})
	})
}

// rows writes a line for each row.
func (d *dumper) rows(q string, line func(scan func(...any) error) (any, error)) error {
	return d.r.query(q, func(rows row) error {
		v, err := line(rows.Scan)
		if err != nil {
			return err
		}
		return d.enc.Encode(v)
	})
}

type dumpOrigin struct {
	Attribute string         `json:"attribute"`
	Rule      string         `json:"rule"`
	CS        metaverse.CSID `json:"cs"`
	Source    string         `json:"source,omitempty"`
}

func (d *dumper) people() error {
	return d.r.each(sqlEachMV, func(id int64) error {
		found, err := d.r.MV([]metaverse.MVID{metaverse.MVID(id)})
		if err != nil {
			return err
		}
		o := found[0]
		values, err := d.values(sqlMVValues, id)
		if err != nil {
			return err
		}
		return d.enc.Encode(struct {
			Table      string                 `json:"table"`
			ID         metaverse.MVID         `json:"id"`
			Class      string                 `json:"class"`
			Values     []dumpIndexEntry       `json:"index,omitempty"`
			Attributes map[string][]dumpValue `json:"attributes"`
			Origins    []dumpOrigin           `json:"origins"`
		}{"mv", o.ID, o.Class, values, dumpSet(&o.Attributes), convert(o.Origins, func(o metaverse.Origin) dumpOrigin {
			return dumpOrigin{o.Attribute, o.Rule, o.CS, o.Source}
		})})
	})
}

type dumpRef struct {
	Table     string `json:"table"`
	Kind      int64  `json:"kind,omitempty"`
	Source    int64  `json:"source"`
	Attribute string `json:"attribute"`
	Target    int64  `json:"target"`
	Delete    bool   `json:"delete,omitempty"`
	Sent      bool   `json:"sent,omitempty"`
}

func (d *dumper) refs(table, q string) error {
	return d.rows(q, func(scan func(...any) error) (any, error) {
		line := dumpRef{Table: table}
		var a int64
		if err := scan(&line.Kind, &line.Source, &a, &line.Target, &line.Delete, &line.Sent); err != nil {
			return nil, err
		}
		return &line, d.r.named(table, line.Source, namedColumn{&line.Attribute, nameAttribute, a})
	})
}

func (d *dumper) references() error {
	if err := d.refs("cs_ref", sqlAllCSRefs); err != nil {
		return err
	}
	return d.refs("mv_ref", sqlAllMVRefs)
}

func (d *dumper) work() error {
	return d.refs("ref_work", sqlAllRefWork)
}

func (d *dumper) exports() error {
	err := d.r.each(sqlEachExport, func(id int64) error {
		found, err := d.r.PendingExport([]metaverse.CSID{metaverse.CSID(id)})
		if err != nil {
			return err
		}
		e := found[0]
		return d.enc.Encode(struct {
			Table      string         `json:"table"`
			CS         metaverse.CSID `json:"cs"`
			Connector  string         `json:"connector"`
			Op         string         `json:"op,omitempty"`
			NewDN      string         `json:"newDN,omitempty"`
			Pending    []dumpMod      `json:"pending"`
			Sent       []dumpMod      `json:"sent"`
			DeleteSent bool           `json:"deleteSent,omitempty"`
			Unknown    bool           `json:"unknown,omitempty"`
			References bool           `json:"references,omitempty"`
			NotBefore  int64          `json:"notBefore,omitempty"` // nanoseconds since 1970
			Attempts   int            `json:"attempts,omitempty"`
		}{
			"pending_export", e.CS, e.Connector, opName(e), e.NewDN, dumpMods(e.Pending), dumpMods(e.Sent),
			e.DeleteSent, e.Unknown, e.References, stamp(e.NotBefore), e.Attempts,
		})
	})
	if err != nil {
		return err
	}
	return d.refs("export_ref", sqlAllExportRefs)
}

func opName(e *metaverse.PendingExport) string {
	if e.Op == 0 {
		return ""
	}
	return e.Op.String()
}

func (d *dumper) settings() error {
	return d.rows(sqlAllSettings, func(scan func(...any) error) (any, error) {
		line := struct {
			Table string `json:"table"`
			Key   string `json:"key"`
			Value string `json:"value"` // Base64
		}{Table: "setting"}
		var value []byte
		err := scan(&line.Key, &value)
		line.Value = base64.StdEncoding.EncodeToString(value)
		return &line, err
	})
}

func (d *dumper) configurations() error {
	return d.rows(sqlAllConfigurations, func(scan func(...any) error) (any, error) {
		line := struct {
			Table string `json:"table"`
			metaverse.Configuration
			Text string `json:"text"`
		}{Table: "configuration"}
		var at int64
		var text []byte
		err := scan(&line.Version, &line.Hash, &line.Author, &at, &text)
		line.At, line.Text = unstamp(at), string(text)
		return &line, err
	})
}

func (d *dumper) runs() error {
	return d.rows(sqlAllRuns, func(scan func(...any) error) (any, error) {
		line := struct {
			Table string          `json:"table"`
			Run   json.RawMessage `json:"run"`
		}{Table: "run"}
		var id int64
		var data string
		err := scan(&id, &data)
		line.Run = json.RawMessage(data)
		return &line, err
	})
}

func (d *dumper) errors() error {
	for after := metaverse.CSID(-1); ; {
		page, err := d.r.ObjectErrors("", after, dumpPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			e := &page[i]
			if err := d.enc.Encode(struct {
				Table     string         `json:"table"`
				CS        metaverse.CSID `json:"cs"`
				Connector string         `json:"connector"`
				Object    string         `json:"object"`
				Step      string         `json:"step"`
				Code      string         `json:"code"`
				Attribute string         `json:"attribute,omitempty"`
				Rule      string         `json:"rule,omitempty"`
				Message   string         `json:"message"`
				First     int64          `json:"first"` // nanoseconds since 1970
				Last      int64          `json:"last"`
				Count     int            `json:"count"`
			}{"object_error", e.CS, e.Connector, e.Object.String(), e.Step, e.Code, e.Attribute, e.Rule, e.Message, stamp(e.First), stamp(e.Last), e.Count}); err != nil {
				return err
			}
		}
		after = page[len(page)-1].CS
	}
}
