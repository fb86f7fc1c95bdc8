package rules

import "strings"

// ignoredReasons say why parts of an export are not used, by the end of their path.
var ignoredReasons = []struct{ path, reason string }{
	{"parameter-values/parameter", "it says how to connect, which is part of the connector's own configuration"},
	{"ma-run-data", "run profiles are part of the scheduler's configuration"},
	{"private-configuration", "it says how to connect, which is part of the connector's own configuration"},
	{"adma-configuration", "it says how to connect, which is part of the connector's own configuration"},
	{"MAConfig", "it says how to connect, which is part of the connector's own configuration"},
	{"password-sync", "password synchronisation is not done"},
	{"password-sync-allowed", "password synchronisation is not done"},
	{"password-change-history-size", "password synchronisation is not done"},
	{"custom-data", "it is state of the server that wrote the export"},
	{"directory-schema/class", "classes are read from the directory"},
	{"directory-schema/dit-content-rule", "classes are read from the directory"},
	{"class/attribute", "an attribute of the metaverse may be used in every class"},
	{"internal-id", "it repeats the id"},
	{"version", "it counts the changes of the server that wrote the export"},
	{"format-version", "it counts the changes of the format"},
	{"internal-version", "it counts the changes of the server that wrote the export"},
	{"creation-time", "it is history"},
	{"last-modification-time", "it is history"},
	{"precedence-after", "precedence is a number here"},
	{"precedence-before", "precedence is a number here"},
	{"encrypted-attributes", "secrets are not read"},
	{"join", "rules have taken its place"},
	{"projection", "rules have taken its place"},
	{"export-attribute-flow", "rules have taken its place"},
	{"component_mappings", "rules have taken its place"},
	{"description", "it has no effect"},
	{"ma-companyname", "it has no effect"},
	{"ma-listname", "it has no effect"},
}

// unknownReason is given for what the format is not known to have.
const unknownReason = "this element is not known"

// report lists what nobody asked for, as far up as possible.
func (r *exportReader) report(n *xmlNode, path string) {
	if !n.entered && !n.used {
		if !n.empty() {
			r.ignore(n.line, path, reasonFor(path))
		}
		return
	}
	for _, a := range n.attrs {
		r.ignore(n.line, path+"/@"+a.Name.Local, reasonFor(path+"/@"+a.Name.Local))
	}
	if !n.used && strings.TrimSpace(n.text) != "" {
		r.ignore(n.line, path+"/text()", unknownReason)
	}
	for _, c := range n.children {
		r.report(c, path+"/"+c.name)
	}
}

// empty reports whether the element says nothing.
func (n *xmlNode) empty() bool {
	if strings.TrimSpace(n.text) != "" || len(n.attrs) > 0 {
		return false
	}
	for _, c := range n.children {
		if !c.empty() {
			return false
		}
	}
	return true
}

func reasonFor(path string) string {
	for _, known := range ignoredReasons {
		if strings.Contains(path+"/", "/"+known.path+"/") {
			return known.reason
		}
	}
	switch {
	case strings.HasPrefix(path, "saved-mv-configuration/@"):
		return "it says where and when the export was made"
	case strings.Contains(path, "directory-schema/"):
		return "of schemas, names, kinds and multiplicity are used"
	}
	return unknownReason
}
