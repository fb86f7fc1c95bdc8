package main

import (
	"context"
	"slices"

	"github.com/hybridsync/hybridsync/connector/attr"
	"github.com/hybridsync/hybridsync/metaverse"
)

// state is everything that a store holds, in memory.
type state struct {
	cs         map[metaverse.CSID]*metaverse.CSObject
	order      map[string][]metaverse.CSID // by connector
	csRefs     map[metaverse.CSID]map[string][]metaverse.CSID
	mv         []*metaverse.MVObject
	byID       map[metaverse.MVID]*metaverse.MVObject
	linked     map[metaverse.MVID][]metaverse.CSID
	mvRefs     map[metaverse.MVID]map[string][]metaverse.MVID
	exports    []*metaverse.PendingExport // by connector and id
	exportRefs map[metaverse.CSID][]metaverse.ExportRef
	errors     []metaverse.ObjectError
}

// page is how many objects are read at a time.
const page = 1000

func readState(ctx context.Context, store metaverse.Store, connectors []string) (*state, error) {
	s := &state{
		cs: make(map[metaverse.CSID]*metaverse.CSObject), order: make(map[string][]metaverse.CSID),
		csRefs: make(map[metaverse.CSID]map[string][]metaverse.CSID), byID: make(map[metaverse.MVID]*metaverse.MVObject),
		linked: make(map[metaverse.MVID][]metaverse.CSID), mvRefs: make(map[metaverse.MVID]map[string][]metaverse.MVID),
		exportRefs: make(map[metaverse.CSID][]metaverse.ExportRef),
	}
	err := store.View(ctx, func(rd metaverse.Reader) error {
		for _, name := range connectors {
			if err := s.readSpace(rd, name); err != nil {
				return err
			}
		}
		if err := s.readMetaverse(rd); err != nil {
			return err
		}
		return s.readErrors(rd)
	})
	return s, err
}

func (s *state) readSpace(rd metaverse.Reader, name string) error {
	for after := metaverse.CSID(0); ; {
		objects, err := rd.ScanCS(name, after, page)
		if err != nil {
			return err
		}
		if len(objects) == 0 {
			break
		}
		for _, o := range objects {
			after = o.ID
			s.cs[o.ID] = o
			s.order[name] = append(s.order[name], o.ID)
			if err := s.readReferences(rd, o.ID); err != nil {
				return err
			}
		}
	}
	for after := metaverse.CSID(0); ; {
		exports, err := rd.ScanPendingExports(name, after, page)
		if err != nil || len(exports) == 0 {
			return err
		}
		for _, e := range exports {
			after = e.CS
			s.exports = append(s.exports, e)
			if err := s.readExportRefs(rd, e.CS); err != nil {
				return err
			}
		}
	}
}

func (s *state) readExportRefs(rd metaverse.Reader, id metaverse.CSID) error {
	for after := (metaverse.ExportRef{}); ; {
		refs, err := rd.ExportRefs(id, false, after, page)
		if err != nil || len(refs) == 0 {
			return err
		}
		s.exportRefs[id] = append(s.exportRefs[id], refs...)
		after = refs[len(refs)-1]
	}
}

func (s *state) readReferences(rd metaverse.Reader, id metaverse.CSID) error {
	names, err := rd.CSRefNames(id)
	if err != nil || len(names) == 0 {
		return err
	}
	s.csRefs[id] = make(map[string][]metaverse.CSID, len(names))
	for _, name := range names {
		if s.csRefs[id][attr.Fold(name)], err = rd.CSRefs(id, name, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) readMetaverse(rd metaverse.Reader) error {
	for after := metaverse.MVID(0); ; {
		objects, err := rd.ScanMV(after, page)
		if err != nil || len(objects) == 0 {
			return err
		}
		ids := make([]metaverse.MVID, len(objects))
		for i, o := range objects {
			after, ids[i], s.byID[o.ID] = o.ID, o.ID, o
		}
		links, err := rd.LinkedCS(ids)
		if err != nil {
			return err
		}
		for i, o := range objects {
			s.mv = append(s.mv, o)
			s.linked[o.ID] = links[i]
			s.mvRefs[o.ID] = make(map[string][]metaverse.MVID)
			for _, origin := range o.Origins {
				if origin.Source == "" {
					continue
				}
				if s.mvRefs[o.ID][attr.Fold(origin.Attribute)], err = rd.MVRefs(o.ID, origin.Attribute, 0, 0); err != nil {
					return err
				}
			}
		}
	}
}

func (s *state) readErrors(rd metaverse.Reader) error {
	for after := metaverse.CSID(-1); ; {
		errs, err := rd.ObjectErrors("", after, page)
		if err != nil || len(errs) == 0 {
			return err
		}
		s.errors = append(s.errors, errs...)
		after = errs[len(errs)-1].CS
	}
}

// linksOf returns the linked connector-space objects, in the order of connectors.
func (s *state) linksOf(id metaverse.MVID, connectors []string) []*metaverse.CSObject {
	var list []*metaverse.CSObject
	for _, cs := range s.linked[id] {
		list = append(list, s.cs[cs])
	}
	slices.SortStableFunc(list, func(a, b *metaverse.CSObject) int {
		return slices.Index(connectors, a.Connector) - slices.Index(connectors, b.Connector)
	})
	return list
}
