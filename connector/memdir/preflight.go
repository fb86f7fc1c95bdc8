package memdir

import (
	"context"

	"github.com/hybridsync/hybridsync/connector"
)

// Preflight implements [connector.Preflighter]. It holds what is needed against the schema
// and the options.
func (c preflighter) Preflight(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	if err := c.usable(ctx); err != nil {
		return nil, c.d.failure("preflight", err)
	}
	var found []connector.Finding
	lacks := func(code connector.Code, object, message, remedy string) {
		found = append(found, connector.Finding{Severity: connector.Failure, Code: code, Object: object, Message: message, Remedy: remedy})
	}
	o := c.d.opts
	if n.Delta && o.FullOnly {
		lacks(connector.CodePermission, "", "the directory has no delta imports", "set Options.FullOnly to false, or run full imports")
	}
	if n.Export && o.ReadOnly {
		lacks(connector.CodePermission, "", "the directory is read-only", "set Options.ReadOnly to false, or do not export")
	}
	if o.Schema == nil {
		return found, nil
	}
	for _, name := range n.Classes {
		if _, ok := o.Schema.Class(name); !ok {
			lacks(connector.CodeUnmappableType, name, "the schema has no such class", "add the class to Options.Schema")
		}
	}
	for _, name := range n.Attributes {
		if _, ok := o.Schema.Attribute(name); !ok {
			lacks(connector.CodeSchemaViolation, name, "the schema has no such attribute", "add the attribute to Options.Schema")
		}
	}
	for _, name := range n.Write {
		a, ok := o.Schema.Attribute(name)
		if !ok || a.ReadOnly {
			lacks(connector.CodeSchemaViolation, name, "the attribute cannot be written", "make the attribute writable in Options.Schema")
		}
	}
	return found, nil
}
