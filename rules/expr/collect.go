package expr

import "github.com/hybridsync/hybridsync/connector/attr"

// A collector gathers values into a set. NULL leaves no trace; sets are joined in.
type collector struct {
	c     *Call
	at    *site
	hint  int // values to expect
	list  []attr.Value
	dates bool
}

// add adds the values of v. It reports false after a failure.
func (k *collector) add(v *Value) bool {
	if v.kind&typeStored != 0 && !k.dates && len(k.list) < cap(k.list) && k.c.output >= valueSize {
		k.c.output -= valueSize // the usual case
		k.list = append(k.list, v.Attr())
		return true
	}
	switch v.kind {
	case typeNull, 0:
		return true
	case typeFail:
		return false
	case typeIgnore, typeAuthoritative, TypeEnum, typeLift:
		k.c.failf(k.at, CodeType, "a set cannot hold %s", v.kind)
		return false
	}
	dates := v.dates()
	if len(k.list) > 0 && dates != k.dates {
		k.c.failf(k.at, CodeType, "dates and other values cannot be in one set")
		return false
	}
	k.dates = dates
	n := v.Len()
	if err := k.c.Spend(n * valueSize); err != nil {
		k.c.fail(k.at, err)
		return false
	}
	if k.list == nil {
		k.list = make([]attr.Value, 0, max(k.hint, n))
	}
	switch v.kind {
	case typeList:
		k.list = append(k.list, v.list...)
	case TypeDate:
		k.list = append(k.list, attr.Int(v.num))
	default:
		k.list = append(k.list, v.Attr())
	}
	return true
}

// valueSize is what a value in a set costs besides its content.
const valueSize = 32

// set returns what has been collected.
func (k *collector) set() Value {
	v := Set(k.list)
	v.untyped = k.dates && v.kind == typeList
	return v
}
