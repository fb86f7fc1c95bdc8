package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
)

// A File is what a YAML file of rules holds.
type File struct {
	Rules []Rule
	// Metaverse is the schema that the rules are written for; nil means
	// [DefaultMetaverse].
	Metaverse *MetaverseSchema
	// Parameters names what %Name% may be besides [StandardParameters].
	Parameters []string

	comments yaml.CommentMap
}

// CompileOptions returns the options under which the file's rules are meant to be
// compiled.
func (f *File) CompileOptions() *CompileOptions {
	return &CompileOptions{Metaverse: f.Metaverse, Parameters: f.Parameters}
}

// fileVersion is the version of the format that is read and written.
const fileVersion = 1

// maxFile is the largest file of rules, in octets.
const maxFile = 64 << 20

// ErrTooLarge says that a file is larger than any rule set has reason to be.
var ErrTooLarge = errors.New("the file is too large")

// ParseYAML reads rules from YAML. It is strict: unknown keys, keys that come twice,
// anchors, aliases and tags are errors, each with line and column. It does not check what
// the rules say: [Compile] does.
func ParseYAML(r io.Reader) (*File, error) {
	src, err := readLimited(r, maxFile)
	if err != nil {
		return nil, err
	}
	if err := plainYAML(src); err != nil {
		return nil, err
	}
	comments := yaml.CommentMap{}
	var doc yamlFile
	dec := yaml.NewDecoder(bytes.NewReader(src), yaml.Strict(), yaml.CommentToMap(comments))
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("yaml: the file is empty")
		}
		return nil, fmt.Errorf("yaml: %s", yaml.FormatError(err, false, true))
	}
	if err := dec.Decode(new(yamlFile)); !errors.Is(err, io.EOF) {
		return nil, errors.New("yaml: the file holds more than one document")
	}
	f, err := doc.file()
	if err != nil {
		return nil, err
	}
	f.comments = comments
	return f, nil
}

// readLimited reads everything, unless it is more than limit octets.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = ErrTooLarge
	}
	return b, err
}

// maxYAMLDepth bounds nesting; the format itself needs a tenth of it.
const maxYAMLDepth = 64

// plainYAML refuses the parts of YAML that make small files large or deep.
func plainYAML(src []byte) error {
	depth, indent := 0, 0
	for _, t := range lexer.Tokenize(string(src)) {
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType:
			return fmt.Errorf("yaml: %d:%d: anchors, aliases and tags are not taken", t.Position.Line, t.Position.Column)
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType, token.MappingValueType:
			indent = t.Position.IndentNum
		}
		if depth > maxYAMLDepth || indent > 8*maxYAMLDepth {
			return fmt.Errorf("yaml: %d:%d: nested too deeply", t.Position.Line, t.Position.Column)
		}
	}
	return nil
}

// MarshalYAML writes a file in the form that [ParseYAML] reads. Comments of a file that
// was read stay with the keys that they stood at, as far as these still exist.
func MarshalYAML(f *File) ([]byte, error) {
	doc, err := newYAMLFile(f)
	if err != nil {
		return nil, err
	}
	// Block text is easier to read, but not every text survives it; and comments may have
	// lost their place.
	blocks, single := yaml.UseLiteralStyleIfMultiline(true), yaml.UseSingleQuote(true)
	attempts := [][]yaml.EncodeOption{
		{blocks, single, yaml.WithComment(f.comments)},
		{blocks, single},
		{single},
		{yaml.JSON()}, // which is YAML, too
	}
	for _, options := range attempts {
		out, err := yaml.MarshalWithOptions(doc, append(options, yaml.IndentSequence(true))...)
		if err != nil {
			continue
		}
		again, err := ParseYAML(bytes.NewReader(out))
		if err == nil && sameFile(f, again) {
			return out, nil
		}
	}
	return nil, errors.New("yaml: the rules hold text that cannot be written as YAML")
}

func sameFile(a, b *File) bool {
	return slices.EqualFunc(a.Rules, b.Rules, func(x, y Rule) bool {
		x, y = cloneRule(&x), cloneRule(&y)
		tidyRule(&x)
		tidyRule(&y)
		return reflect.DeepEqual(x, y)
	}) && slices.Equal(a.Parameters, b.Parameters) && reflect.DeepEqual(a.Metaverse, b.Metaverse)
}

// tidyRule removes differences without meaning between nil and empty.
func tidyRule(r *Rule) {
	if len(r.Scope) == 0 {
		r.Scope = nil
	}
	if len(r.Join) == 0 {
		r.Join = nil
	}
	if len(r.Flows) == 0 {
		r.Flows = nil
	}
	for i := range r.Flows {
		if len(r.Flows[i].Source) == 0 {
			r.Flows[i].Source = nil
		}
	}
	for i := range r.Scope {
		if len(r.Scope[i]) == 0 {
			r.Scope[i] = nil
		}
	}
	for i := range r.Join {
		if len(r.Join[i]) == 0 {
			r.Join[i] = nil
		}
	}
}
