package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"github.com/hybridsync/hybridsync/connector"
	"github.com/hybridsync/hybridsync/connector/attr"
)

const codeExtensions connector.Code = "directory-extensions"

// extensionProperty is a directory extension as Graph describes it.
type extensionProperty struct {
	Name        string   `json:"name"`
	DataType    string   `json:"dataType"`
	Targets     []string `json:"targetObjects"`
	MultiValued bool     `json:"isMultiValued"`
}

// Extensions returns the directory extensions of users and groups that an application,
// named by its client id, has defined in the tenant, for use in [Options.Extensions]. It
// takes the permission Application.Read.All, or Application.ReadWrite.OwnedBy for an
// application of its own.
func (t *Tenant) Extensions(ctx context.Context, clientID string) ([]Extension, error) {
	defined, err := t.defined(ctx, clientID)
	if err != nil {
		return nil, t.failure("schema", err)
	}
	var out []Extension
	for _, p := range defined {
		x := Extension{Name: p.Name, Kind: extensionKinds()[p.DataType], MultiValued: p.MultiValued}
		for _, target := range p.Targets {
			if c := strings.ToLower(target); c == classUser || c == classGroup {
				x.Classes = append(x.Classes, c)
			}
		}
		if x.Kind != attr.Invalid && len(x.Classes) > 0 {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Extension) int { return attr.CompareNames(a.Name, b.Name) })
	return out, nil
}

// DefineExtensions defines those of the directory extensions that there are not yet, and
// fails for one that is defined in another way. The application's id in their names says
// whose they shall be. It takes the permission Application.ReadWrite.OwnedBy, or .All for an
// application that is not the credential's own. An object holds at most 100 values of
// extensions, of all applications together.
func (t *Tenant) DefineExtensions(ctx context.Context, extensions ...Extension) error {
	var errs []error
	for app, list := range byApplication(extensions) {
		defined, err := t.defined(ctx, app)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, x := range list {
			if err := t.define(ctx, app, x, defined); err != nil {
				errs = append(errs, fmt.Errorf("extension %s: %w", x.Name, err))
			}
		}
	}
	return t.failure("schema", errors.Join(errs...))
}

// define defines one extension unless it is there.
func (t *Tenant) define(ctx context.Context, app string, x Extension, defined []extensionProperty) error {
	want := x.property()
	for _, p := range defined {
		if !strings.EqualFold(p.Name, x.Name) {
			continue
		}
		lacks := slices.ContainsFunc(want.Targets, func(target string) bool { return !slices.Contains(p.Targets, target) })
		if extensionKinds()[p.DataType] != extensionKinds()[want.DataType] || p.MultiValued != want.MultiValued || lacks {
			return fmt.Errorf("%w: it is defined as %s, multi-valued %v, of %s", connector.ErrConflict, p.DataType, p.MultiValued, strings.Join(p.Targets, ", "))
		}
		return nil
	}
	want.Name = x.Name[len("extension_")+32+len("_"):]
	body, err := json.Marshal(want)
	if err != nil {
		return err
	}
	// A definition whose answer is lost is refused the second time, which is no harm: what
	// counts is that it is there.
	_, err = t.client.do(ctx, t.log(), t.client.plain(abstractions.POST, extensionsPath(app), body), nil)
	if !isStatus(err, http.StatusBadRequest) {
		return err
	}
	again, readErr := t.defined(ctx, app)
	if readErr == nil && slices.ContainsFunc(again, func(p extensionProperty) bool { return strings.EqualFold(p.Name, x.Name) }) {
		return nil
	}
	return err
}

func (t *Tenant) log() *slog.Logger { return t.o.Logger }

// property describes the extension to Graph.
func (x *Extension) property() extensionProperty {
	p := extensionProperty{Name: x.Name, MultiValued: x.MultiValued, DataType: map[attr.Kind]string{
		attr.Invalid: "String", attr.KindString: "String", attr.KindInt: "LargeInteger", attr.KindBool: "Boolean", attr.KindBinary: "Binary",
	}[x.Kind]}
	for _, c := range []struct{ class, target string }{{classUser, "User"}, {classGroup, "Group"}} {
		if len(x.Classes) == 0 || slices.Contains(x.Classes, c.class) {
			p.Targets = append(p.Targets, c.target)
		}
	}
	return p
}

// extensionKinds are the kinds of values by the names that Graph has for them. Dates come and
// go as text.
func extensionKinds() map[string]attr.Kind {
	return map[string]attr.Kind{
		"String": attr.KindString, "DateTime": attr.KindString, "Integer": attr.KindInt, "LargeInteger": attr.KindInt,
		"Boolean": attr.KindBool, "Binary": attr.KindBinary,
	}
}

// byApplication groups extensions by the client id in their names.
func byApplication(extensions []Extension) map[string][]Extension {
	out := make(map[string][]Extension)
	for _, x := range extensions {
		if !extensionPattern.MatchString(x.Name) {
			out[""] = append(out[""], x)
			continue
		}
		id := strings.ToLower(x.Name[len("extension_"):][:32])
		app := strings.Join([]string{id[:8], id[8:12], id[12:16], id[16:20], id[20:]}, "-")
		out[app] = append(out[app], x)
	}
	return out
}

func extensionsPath(app string) string {
	return "/applications(appId='" + app + "')/extensionProperties"
}

// defined reads the extensions of an application.
func (t *Tenant) defined(ctx context.Context, app string) ([]extensionProperty, error) {
	if !guidPattern.MatchString(app) {
		return nil, fmt.Errorf("%w: the client id is not a GUID, or a name is not of the form extension_<32 hexadecimal digits>_<name>", connector.ErrInvalid)
	}
	fetch := func(ctx context.Context, token string) ([]extensionProperty, string, error) {
		build := t.client.get(extensionsPath(app))
		if token != "" {
			var err error
			if build, err = t.client.link(token); err != nil {
				return nil, "", fmt.Errorf("%w: %w", connector.ErrProtocol, err)
			}
		}
		a, err := t.client.do(ctx, t.log(), build, nil)
		if err != nil {
			return nil, "", err
		}
		var page struct {
			Next  string              `json:"@odata.nextLink"`
			Value []extensionProperty `json:"value"`
		}
		if json.Unmarshal(a.body, &page) != nil {
			return nil, "", errJSON
		}
		return page.Value, page.Next, nil
	}
	var all []extensionProperty
	for page, err := range connector.Pages(ctx, fetch, nil) {
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}

// checkExtensions reports extensions in use that are not defined: Graph refuses every read
// and write that names one.
func (s *session) checkExtensions(ctx context.Context, n connector.Needs) ([]connector.Finding, error) {
	used := slices.Clone(s.t.o.Extensions)
	for _, name := range n.Write {
		if extensionPattern.MatchString(name) {
			used = append(used, Extension{Name: name})
		}
	}
	var out []connector.Finding
	apps := byApplication(used)
	for _, app := range slices.Sorted(maps.Keys(apps)) {
		defined, err := s.t.defined(ctx, app)
		switch {
		case isStatus(err, http.StatusForbidden):
			out = append(out, connector.Finding{
				Severity: connector.Notice, Code: codeExtensions, Object: app,
				Message: "it cannot be told whether the application's directory extensions are defined",
				Remedy:  "grant the application permission Application.Read.All of Microsoft Graph, with admin consent",
			})
			continue
		case err != nil && !isStatus(err, http.StatusNotFound):
			return nil, err
		}
		var missing []string
		for _, x := range apps[app] {
			if !slices.ContainsFunc(defined, func(p extensionProperty) bool { return strings.EqualFold(p.Name, x.Name) }) && !slices.Contains(missing, x.Name) {
				missing = append(missing, x.Name)
			}
		}
		if len(missing) > 0 {
			out = append(out, connector.Finding{
				Severity: connector.Failure, Code: codeExtensions, Object: strings.Join(missing, ", "),
				Message: "directory extensions are used that the tenant does not have",
				Remedy:  "define them, with DefineExtensions for example",
			})
		}
	}
	return out, nil
}
