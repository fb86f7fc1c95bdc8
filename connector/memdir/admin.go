package memdir

import (
	"fmt"
	"iter"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

// What was tried, as errors name it.
const (
	opPut    = "put"
	opModify = "modify"
	opRename = "rename"
	opDelete = "delete"
	opExport = "export"
)

// Put creates objects, or replaces them with all their attributes where the anchor or,
// without one, the DN exists. Objects without an anchor get one. References among the
// objects of one call may go in any direction. It is all or nothing: the error names the
// first object that cannot be, and then none is stored. Values are kept, not copied.
func (d *Directory) Put(objects ...connector.Object) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.newPlan(opPut)
	entries := make([]*entry, len(objects))
	for i := range objects {
		e, err := p.admit(&objects[i])
		if err != nil {
			return err
		}
		entries[i] = e
	}
	attrs := make([]attr.Set, len(objects))
	for i := range objects {
		o := &objects[i]
		var mods []attr.Mod
		for name, values := range o.Attributes.All() {
			mods = append(mods, attr.Mod{Name: name, Adds: values})
		}
		var err error
		if attrs[i], err = p.attributes(entries[i], o.Class, &attr.Set{}, mods, true); err != nil {
			return err
		}
	}
	for i, e := range entries {
		d.put(e, &objects[i], attrs[i])
	}
	return nil
}

// admit finds or makes the entry of an object that is put and checks all but attributes.
func (p *plan) admit(o *connector.Object) (*entry, error) {
	if err := p.class(o.Key(), o.Class); err != nil {
		return nil, err
	}
	if e := p.d.lookup(o.Key()); e != nil {
		if o.DN == "" {
			return e, nil
		}
		return e, p.dn(o.Key(), e, o.DN)
	}
	if err := p.dn(o.Key(), nil, o.DN); err != nil {
		return nil, err
	}
	e := &entry{class: o.Class, anchor: o.Anchor, dn: o.DN, partition: o.Partition}
	if e.anchor.IsZero() {
		e.anchor = p.d.newAnchor()
	} else if p.new[e.anchor] != nil {
		return nil, p.refuse(o.Key(), "", connector.CodeDuplicateAnchor, connector.ErrConflict)
	}
	p.new[e.anchor] = e
	if e.dn != "" {
		p.dns[p.d.dnKey(e.dn)] = e
	}
	return e, nil
}

func (d *Directory) put(e *entry, o *connector.Object, attrs attr.Set) {
	before := ""
	if d.byAnchor[e.anchor] == nil {
		d.insert(e)
	} else {
		if o.DN != "" && o.DN != e.dn {
			d.relocate(e, o.DN)
		}
		if o.Class != e.class {
			before, e.class = e.class, o.Class
		}
		e.partition = o.Partition
	}
	d.assign(e, attrs, before)
}

// Modify changes attributes of an object, as [attr.Set.Apply] does, all or none.
func (d *Directory) Modify(k connector.Key, mods ...attr.Mod) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.newPlan(opModify)
	e := d.lookup(k)
	if e == nil {
		return p.missing(k)
	}
	attrs, err := p.attributes(e, e.class, &e.attrs, mods, false)
	if err != nil {
		return err
	}
	d.assign(e, attrs, "")
	return nil
}

// Rename gives an object another DN, which may be elsewhere, and takes along what lies
// below it.
func (d *Directory) Rename(k connector.Key, newDN string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.newPlan(opRename)
	e := d.lookup(k)
	if e == nil {
		return p.missing(k)
	}
	if err := p.dn(k, e, newDN); err != nil {
		return err
	}
	if newDN != e.dn {
		d.relocate(e, newDN)
	}
	return nil
}

// Delete removes an object and all references to it. An object with others below it is
// not removed.
func (d *Directory) Delete(k connector.Key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.newPlan(opDelete)
	e := d.lookup(k)
	if e == nil {
		return p.missing(k)
	}
	if err := p.leaf(k, e); err != nil {
		return err
	}
	d.erase(e)
	return nil
}

func (p *plan) missing(k connector.Key) error {
	return p.refuse(k, "", connector.CodeMissingObject, connector.ErrNotFound)
}

// leaf checks that nothing lies below an object.
func (p *plan) leaf(k connector.Key, e *entry) error {
	if e.dn != "" && p.d.children[p.d.dnKey(e.dn)] > 0 {
		return p.refuse(k, "", connector.CodeConstraintViolation, errNotEmpty)
	}
	return nil
}

// Get returns an object with all its attributes, write-only ones included. The caller may
// change it. The error matches [connector.ErrNotFound] if there is none.
func (d *Directory) Get(k connector.Key) (*connector.Object, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	e := d.lookup(k)
	if e == nil {
		return nil, fmt.Errorf("memdir: %w: %v", connector.ErrNotFound, k)
	}
	return d.show(e, nil), nil
}

// Len returns the number of objects.
func (d *Directory) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.byAnchor)
}

// All iterates over the objects in order of creation. The directory may be used meanwhile:
// objects that come or go during the iteration may or may not be seen.
func (d *Directory) All() iter.Seq[*connector.Object] {
	return func(yield func(*connector.Object) bool) {
		for after := uint64(0); ; {
			page, last := d.objectsAfter(after, allPage)
			for _, o := range page {
				if !yield(o) {
					return
				}
			}
			if last == 0 {
				return
			}
			after = last
		}
	}
}

const allPage = 500

// objectsAfter returns up to n objects created after the one with the given number, and the
// number to go on after, 0 when there are no more.
func (d *Directory) objectsAfter(after uint64, n int) (page []*connector.Object, last uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, e := range d.order[d.position(after):] {
		if e.gone {
			continue
		}
		if len(page) == n {
			return page, last
		}
		page, last = append(page, d.show(e, nil)), e.number
	}
	return page, 0
}
