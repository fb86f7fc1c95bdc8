package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/hybridsync/hybridsync/credential"
)

// secretValue is a text of the configuration that is never printed. What it refers to is read
// when it is needed, so that a password that is changed in its file is taken from then on.
type secretValue struct {
	ref string // as it is written
	dir string // that file names are relative to
}

// UnmarshalYAML implements the YAML library's interface.
func (s *secretValue) UnmarshalYAML(b []byte) error {
	if err := yaml.Unmarshal(b, &s.ref); err != nil {
		return errors.New("is not a text")
	}
	return nil
}

// IsZero reports whether nothing is written.
func (s secretValue) IsZero() bool { return s.ref == "" }

// read returns the secret.
func (s secretValue) read() (credential.Secret, error) {
	text, err := expand(s.ref, s.dir)
	if err != nil {
		return credential.Secret{}, err
	}
	return credential.NewSecret(text), nil
}

// hidden stands for secrets that are written out in the configuration.
const hidden = "(hidden)"

// MarshalYAML shows references and hides secrets that are written out.
func (s secretValue) MarshalYAML() (any, error) { return s.String(), nil }

// String shows references and hides secrets that are written out.
func (s secretValue) String() string {
	if s.ref == "" || reference.ReplaceAllString(s.ref, "") == "" && variable.MatchString(s.ref) || fileReference.MatchString(s.ref) {
		return s.ref
	}
	return hidden
}

// GoString implements [fmt.GoStringer].
func (s secretValue) GoString() string { return s.String() }

var (
	variable      = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	fileReference = regexp.MustCompile(`^\$\{file:([^{}]|\$\{[A-Za-z_][A-Za-z0-9_]*\})+\}$`)
	reference     = regexp.MustCompile(`\$\{[^{}]+\}`)
)

// maxReferred bounds a file that the configuration refers to.
const maxReferred = 64 << 10

// expand replaces ${NAME} by environment variables and ${file:NAME} by the content of files,
// without the end of the last line. What is not there is an error.
func expand(text, dir string) (string, error) {
	var missing []error
	out := variable.ReplaceAllStringFunc(text, func(ref string) string {
		name := ref[2 : len(ref)-1]
		value, ok := os.LookupEnv(name)
		if !ok {
			missing = append(missing, fmt.Errorf("environment variable %s is not set", name))
		}
		return value
	})
	if len(missing) > 0 || !strings.Contains(text, "${file:") {
		return out, errors.Join(missing...)
	}
	// Only what the configuration itself says is a reference, not what came out of a variable.
	if !fileReference.MatchString(text) {
		return "", fmt.Errorf("${file:NAME} stands alone")
	}
	name := strings.TrimSuffix(strings.TrimPrefix(out, "${file:"), "}")
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return referred(name)
}

func referred(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxReferred+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxReferred {
		return "", fmt.Errorf("%s is larger than %d bytes", name, maxReferred)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// texts calls fn with every text of a configuration, and where it is.
func texts(v reflect.Value, path string, fn func(path string, v reflect.Value)) {
	switch {
	case v.Type() == reflect.TypeFor[secretValue](), v.Kind() == reflect.String:
		fn(path, v)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if name := yamlName(v.Type().Field(i)); name != "" {
				texts(v.Field(i), strings.TrimPrefix(path+"."+name, "."), fn)
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			texts(v.Index(i), fmt.Sprintf("%s[%d]", path, i), fn)
		}
	}
}

// yamlName returns the key of a field, "" for one that has none.
func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}
