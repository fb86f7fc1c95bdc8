package entratest

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// extension is one directory extension property.
type extension struct {
	ID          string   `json:"id"`
	App         string   `json:"app"` // object id of the application
	Name        string   `json:"name"`
	DataType    string   `json:"dataType"`
	Targets     []string `json:"targetObjects"`
	MultiValued bool     `json:"isMultiValued"`
}

// property makes the property that the extension adds to its targets.
func (x extension) property() property {
	p := property{name: x.Name}
	switch x.DataType {
	case "Boolean":
		p.typ = typeBool
	case "Integer", "LargeInteger":
		p.typ = typeInt
	case "DateTime":
		p.typ = typeTime
	case "Binary":
		p.max = 344 // base64 of 256 bytes
	default:
		p.max = 256
	}
	if x.MultiValued {
		p.typ = typeStrings
	}
	return p
}

// define adds the extension's property to its target kinds.
func (s *state) define(x extension) {
	s.extensions = append(s.extensions, x)
	for _, target := range x.Targets {
		k := s.cat.kind(strings.ToLower(target[:1]) + target[1:])
		if k != nil && k.byName[x.Name] == nil {
			k.add(x.property())
		}
	}
}

var extensionName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,99}$`)

func extensionTypes() []string {
	return []string{"Binary", "Boolean", "DateTime", "Integer", "LargeInteger", "String"}
}

func extensionTargets() []string {
	return []string{"User", "Group", "AdministrativeUnit", "Application", "Device", "Organization"}
}

func createExtension(s *state, r *request) (*answer, *failure) {
	app, f := s.get(s.cat.kind("application"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	ms, f := r.decode()
	if f != nil {
		return nil, f
	}
	x := extension{ID: newGUID(), App: app.id}
	name := ""
	for _, m := range ms {
		var ok bool
		switch m.name {
		case "name":
			name, ok = stringOf(m.raw)
		case "dataType":
			x.DataType, ok = stringOf(m.raw)
		case "targetObjects":
			x.Targets, ok = stringsOf(m.raw)
		case "isMultiValued":
			x.MultiValued, ok = boolOf(m.raw)
		}
		if !ok {
			return nil, misused(codeBadRequest, "Invalid value specified for property '%s' of resource 'extensionProperty'.", m.name)
		}
	}
	valid := extensionName.MatchString(name) && slices.Contains(extensionTypes(), x.DataType) && len(x.Targets) > 0 &&
		!slices.ContainsFunc(x.Targets, func(t string) bool { return !slices.Contains(extensionTargets(), t) })
	if !valid {
		return nil, invalidValue("extensionProperty", "Name, data type or targets are not valid.")
	}
	x.Name = "extension_" + strings.ReplaceAll(app.str("appId"), "-", "") + "_" + name
	if slices.ContainsFunc(s.extensions, func(e extension) bool { return e.Name == x.Name }) {
		return nil, badRequest("An extension property exists with the name %s.", x.Name)
	}
	s.define(x)
	return jsonAnswer(http.StatusCreated, raw(x.view(app))), nil
}

func (x extension) view(app *object) map[string]any {
	return map[string]any{
		"id": x.ID, "appDisplayName": app.str("displayName"), "name": x.Name, "dataType": x.DataType,
		"isMultiValued": x.MultiValued, "isSyncedFromOnPremises": false, "targetObjects": x.Targets,
	}
}

func listExtensions(s *state, r *request) (*answer, *failure) {
	app, f := s.get(s.cat.kind("application"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	list := []map[string]any{}
	for _, x := range s.extensions {
		if x.App == app.id {
			list = append(list, x.view(app))
		}
	}
	return jsonAnswer(http.StatusOK, raw(map[string]any{"value": list})), nil
}

// deleteExtension answers DELETE of an extension property. Values stay on the
// objects, as in the service, but can no longer be read or written.
func deleteExtension(s *state, r *request) (*answer, *failure) {
	app, f := s.get(s.cat.kind("application"), r.vars[0], r.now)
	if f != nil {
		return nil, f
	}
	i := slices.IndexFunc(s.extensions, func(x extension) bool { return x.ID == r.vars[1] && x.App == app.id })
	if i < 0 {
		return nil, notFound(r.vars[1])
	}
	name := s.extensions[i].Name
	s.extensions = slices.Delete(s.extensions, i, i+1)
	for _, k := range s.cat.kinds {
		if p := k.byName[name]; p != nil {
			delete(k.byName, name)
			k.props = slices.DeleteFunc(k.props, func(q *property) bool { return q == p })
		}
	}
	return noContent(), nil
}
