package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hybridsync/hybridsync/credential"
)

// configSchema is the JSON Schema of the configuration file.
//
//go:embed hybridsync.schema.json
var configSchema string

// configCommand looks after the configuration: config check, diff [FILE], export, schema; where
// servers share a store, publish and history.
func configCommand(ctx context.Context, i *invocation) error {
	switch {
	case len(i.args) == 1 && i.args[0] == "check":
		return i.configCheck()
	case len(i.args) == 2 && i.args[0] == "diff":
		return i.configDiff(i.args[1])
	case len(i.args) == 1 && i.args[0] == "diff":
		return i.configDrift(ctx)
	case len(i.args) == 1 && i.args[0] == "publish":
		return i.configPublish(ctx)
	case len(i.args) == 1 && i.args[0] == "history":
		return i.configHistory(ctx)
	case len(i.args) == 1 && i.args[0] == "export":
		return i.configExport()
	case len(i.args) == 1 && i.args[0] == "schema":
		_, err := fmt.Fprint(i.out, configSchema)
		return err
	}
	return errors.New("config what? check, diff, diff FILE, export, schema, publish or history")
}

// configCheck checks all that can be checked without a directory or a store.
func (i *invocation) configCheck() error {
	c, err := loadConfig(i.path)
	if err != nil {
		return err
	}
	id, err := openIdentity(c, nil, credential.ManagerOptions{})
	if err != nil {
		return err
	}
	if id != nil {
		defer func() { _ = id.Close() }()
	}
	if _, _, err := connect(c, id, i.log); err != nil {
		return err
	}
	set, err := loadRules(c)
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(map[string]any{"ok": true, "rules": len(set.Rules()), "hash": c.shared(set).hash()})
	}
	_, err = fmt.Fprintf(i.out, "%s is good: %d connectors, %d rules. Connections and permissions: hybridsync check\n", i.path, len(c.names()), len(set.Rules()))
	return err
}

// configExport prints the configuration with its defaults and without secrets.
func (i *invocation) configExport() error {
	c, err := readConfig(i.path)
	if err != nil {
		return err
	}
	if i.json {
		return i.printJSON(c.flat())
	}
	text, err := c.yaml()
	if err == nil {
		_, err = fmt.Fprint(i.out, text)
	}
	return err
}

func (c *config) yaml() (string, error) {
	shown := *c
	shown.Store = withoutPassword(c.Store)
	b, err := yaml.MarshalWithOptions(&shown, yaml.OmitZero())
	return string(b), err
}

// withoutPassword hides the password of a URL.
func withoutPassword(text string) string {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			u.User = url.UserPassword(u.User.Username(), "hidden")
			return u.String()
		}
	}
	return text
}

// flat returns every key that is set with its value. Secrets are hidden.
func (c *config) flat() map[string]string {
	out := make(map[string]string)
	flatten(reflect.ValueOf(c).Elem(), "", out)
	if c.Store != "" {
		out["store"] = withoutPassword(c.Store)
	}
	return out
}

func flatten(v reflect.Value, path string, out map[string]string) {
	_, secret := reflect.TypeAssert[secretValue](v)
	switch {
	case v.IsZero():
	case !secret && v.Kind() == reflect.Struct:
		for k := range v.NumField() {
			if name := yamlName(v.Type().Field(k)); name != "" {
				flatten(v.Field(k), strings.TrimPrefix(path+"."+name, "."), out)
			}
		}
	case v.Kind() == reflect.Slice:
		for k := range v.Len() {
			at := fmt.Sprintf("%s[%d]", path, k)
			if d, ok := reflect.TypeAssert[directoryConfig](v.Index(k)); ok && d.Name != "" {
				at = path + "[" + d.Name + "]" // the order alone changes little
			}
			if d, ok := reflect.TypeAssert[domainConfig](v.Index(k)); ok && d.Name != "" {
				at = path + "[" + d.Name + "]"
			}
			flatten(v.Index(k), at, out)
		}
	default:
		out[path] = fmt.Sprint(v.Interface())
	}
}

// difference is one key that two configurations have different values for.
type difference struct {
	Key string `json:"key"`
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// configDiff shows what another file would change, and what follows from it.
func (i *invocation) configDiff(path string) error {
	old, err := readConfig(i.path)
	if err != nil {
		return err
	}
	other, err := readConfig(path)
	if err != nil {
		return err
	}
	list, follows := differences(old.flat(), other.flat()), consequences(old, other)
	if i.json {
		return i.printJSON(map[string]any{"differences": list, "consequences": follows})
	}
	i.showDifferences(list)
	for _, f := range follows {
		fmt.Fprintln(i.out, "note:", f)
	}
	if len(list) == 0 {
		fmt.Fprintln(i.out, "no difference; secrets that are written out are not compared")
	}
	return nil
}

func (i *invocation) showDifferences(list []difference) {
	for _, d := range list {
		switch {
		case d.Old == "":
			fmt.Fprintf(i.out, "+ %s: %s\n", d.Key, d.New)
		case d.New == "":
			fmt.Fprintf(i.out, "- %s: %s\n", d.Key, d.Old)
		default:
			fmt.Fprintf(i.out, "~ %s: %s -> %s\n", d.Key, d.Old, d.New)
		}
	}
}

func differences(old, other map[string]string) []difference {
	list := []difference{}
	keys := maps.Clone(old)
	maps.Copy(keys, other)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if old[key] != other[key] {
			list = append(list, difference{key, old[key], other[key]})
		}
	}
	return list
}

// consequences tells what a change of the configuration leads to.
func consequences(old, other *config) []string {
	list := []string{}
	note := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	note(old.Store != other.Store, "another store: a restart; the new one is filled by an initial cycle, or move the old one")
	note(old.Anchor != other.Anchor, "another source anchor is refused for a store that is in use")
	note(old.Rules != other.Rules, "other rules: every object is evaluated; try them with whatif before")
	note(old.Daemon != other.Daemon, "the section daemon takes effect with a restart")
	was := make(map[string]directoryConfig)
	for _, d := range old.Directories {
		was[d.Name] = d
	}
	for _, d := range other.Directories {
		had, ok := was[d.Name]
		delete(was, d.Name)
		note(!ok, "%s is new: it is imported in full, and the rules are others", d.Name)
		note(ok && !slices.EqualFunc(had.Filters, d.Filters, filterConfig.equal),
			"%s has other filters: every object is evaluated; whom they keep out leaves the tenant. Try them with whatif before", d.Name)
		note(ok && had.scope() != d.scope(), "%s has another scope: it is imported in full, and what is out of scope leaves the tenant", d.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		note(true, "%s is gone: its objects stay in the store; the rules are others", name)
	}
	return list
}
