package metaverse

// A Report tells what a change would do. Its lists are in a stable order and it holds neither
// times nor ids, so that two reports can be compared line by line. It holds names and
// attribute values of people.
type Report struct {
	Connectors []ConnectorReport `json:"connectors"`
	Metaverse  []MVReport        `json:"metaverse,omitempty"`
	// Errors are those that objects would get and do not have already.
	Errors []ErrorReport `json:"errors,omitempty"`
	// Exceeded lists the thresholds that the changes would exceed.
	Exceeded []Excess `json:"exceeded,omitempty"`
}

// A ConnectorReport tells what a change means for one connector.
type ConnectorReport struct {
	Connector string `json:"connector"`
	Objects   int64  `json:"objects"` // that the directory has
	// Changes counts pending exports by class and operation.
	Changes []ChangeCount `json:"changes,omitempty"`
	// Attributes counts by class and attribute the new or different pending changes.
	Attributes []AttributeCount `json:"attributes,omitempty"`
	// Deletes names the objects that would be deleted, up to a bound, in order of their
	// names; MoreDeletes counts the others.
	Deletes     []DeleteName `json:"deletes,omitempty"`
	MoreDeletes int64        `json:"moreDeletes,omitempty"`
	Links       LinkCounts   `json:"links"`
	Samples     []Sample     `json:"samples,omitempty"`
}

// A ChangeCount counts pending exports of one class and operation.
type ChangeCount struct {
	Class  string `json:"class"`
	Op     string `json:"op"`
	Before int64  `json:"before"` // pending without the change
	After  int64  `json:"after"`  // pending with it
	New    int64  `json:"new"`    // pending with it that are not, or differently, without
	Gone   int64  `json:"gone"`   // pending without it that are not with it
}

// An AttributeCount counts the objects of a class whose pending change of an attribute is new
// or different.
type AttributeCount struct {
	Class     string `json:"class"`
	Attribute string `json:"attribute"`
	Set       int64  `json:"set,omitempty"`     // objects that get values, or other ones
	Cleared   int64  `json:"cleared,omitempty"` // objects that lose all values
	// Adds and Deletes count single values of multi-valued and reference attributes.
	Adds    int64 `json:"adds,omitempty"`
	Deletes int64 `json:"deletes,omitempty"`
}

// A DeleteName names an object that would be deleted.
type DeleteName struct {
	DN    string `json:"dn"`
	Class string `json:"class"`
	Name  string `json:"name,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// LinkCounts counts what becomes of the objects of a connector space.
type LinkCounts struct {
	New          int64 `json:"new,omitempty"`          // objects that were not there
	Gone         int64 `json:"gone,omitempty"`         // objects that are not there any more
	Joined       int64 `json:"joined,omitempty"`       // that get a link
	Disconnected int64 `json:"disconnected,omitempty"` // that lose theirs
	Moved        int64 `json:"moved,omitempty"`        // that get another metaverse object
}

// A Sample is one object with a new or different pending export.
type Sample struct {
	DN    string      `json:"dn"`
	Class string      `json:"class"`
	State ExportState `json:"export"`
}

// An MVReport counts metaverse objects of one class.
type MVReport struct {
	Class   string `json:"class"`
	Before  int64  `json:"before"`
	After   int64  `json:"after"`
	New     int64  `json:"new"`
	Gone    int64  `json:"gone"`
	Changed int64  `json:"changed"`
	// Attributes counts the changed objects by attribute.
	Attributes map[string]int64 `json:"attributes,omitempty"`
}

// An ErrorReport counts new object errors of one kind.
type ErrorReport struct {
	Connector string   `json:"connector"`
	Step      string   `json:"step"`
	Code      string   `json:"code"`
	Rule      string   `json:"rule,omitempty"`
	Attribute string   `json:"attribute,omitempty"`
	Count     int64    `json:"count"`
	Samples   []string `json:"samples"`
}

// Empty reports whether the change has no effect at all.
func (r *Report) Empty() bool {
	for i := range r.Connectors {
		c := &r.Connectors[i]
		if c.Links != (LinkCounts{}) {
			return false
		}
		for _, n := range c.Changes {
			if n.New+n.Gone > 0 {
				return false
			}
		}
	}
	for i := range r.Metaverse {
		if m := &r.Metaverse[i]; m.New+m.Gone+m.Changed > 0 {
			return false
		}
	}
	return len(r.Errors) == 0
}
