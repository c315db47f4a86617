package schema

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// A Note is what a key's type and tags don't tell.
type Note struct {
	Text     string // for people
	Default  any    // what applies when the key is absent
	Examples []any

	Enum     []string // the words that are allowed
	Pattern  string   // what a string must match
	Not      string   // and what it must not
	Empty    bool     // "" is as good as absent, whatever Enum or Pattern say
	Min, Max int      // bounds of a number; 0 for none
	Keys     string   // what the keys of a map must match
}

// Rules say how a document is read.
type Rules struct {
	// Unknown is what conf does with keys that are not known.
	Unknown conf.Unknown
	// Null tells that null is as good as absent, as it is in JSON.
	Null bool
	// Notes are by the path of their key, "slots.port_range_end"; "*" stands for a
	// key that the file chooses. There must be such a key.
	Notes map[string]Note
}

// Of returns the schema of what conf decodes into a T.
func Of[T any](r Rules) *Schema {
	b := builder{rules: r, used: map[string]bool{}}
	s := b.object(reflect.TypeFor[T](), "")
	for path := range r.Notes {
		if !b.used[path] {
			panic("a note is about no key: " + path) // tests make every schema
		}
	}
	return s
}

type builder struct {
	rules Rules
	used  map[string]bool
}

// object returns the schema of a struct whose keys are below path.
func (b *builder) object(t reflect.Type, path string) *Schema {
	s := &Schema{Type: "object", Properties: map[string]*Schema{}}
	if b.rules.Unknown == conf.Reject {
		s.AdditionalProperties = false
	}
	for f := range t.Fields() {
		key := f.Tag.Get("koanf")
		if key == "" {
			continue
		}
		p := b.value(f.Type, strings.TrimPrefix(path+"."+key, "."), f.Tag.Get("conf") == "multiline")
		if required := p.rules(f.Tag.Get("validate")); required {
			s.Required = append(s.Required, key)
		} else {
			b.nullable(p)
		}
		s.Properties[key] = p
	}
	return s
}

// nullable allows null too, where the document is read so.
func (b *builder) nullable(s *Schema) {
	if !b.rules.Null {
		return
	}
	s.Type = []any{s.Type, "null"}
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
}

// value returns the schema of one value.
func (b *builder) value(t reflect.Type, path string, multiline bool) *Schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	n := b.rules.Notes[path]
	b.used[path] = true
	s := b.typed(t, path, multiline)
	s.Description, s.Default, s.Examples = n.Text, n.Default, n.Examples
	n.bound(s)
	return s
}

func (b *builder) typed(t reflect.Type, path string, multiline bool) *Schema {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return text(multiline)
	}
	switch t.Kind() {
	case reflect.Struct:
		return b.object(t, path)
	case reflect.Map:
		entry := b.value(t.Elem(), path+".*", false)
		b.nullable(entry)
		return &Schema{Type: "object", AdditionalProperties: entry, PropertyNames: &Schema{Pattern: conf.LinePattern}}
	case reflect.Slice:
		return &Schema{Type: "array", Items: b.value(t.Elem(), path+".*", multiline)}
	case reflect.String:
		return text(multiline)
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.Int, reflect.Int64:
		return &Schema{Type: "integer"}
	default:
		panic(fmt.Sprintf("%s: conf decodes no %s", path, t)) // tests make every schema
	}
}

func text(multiline bool) *Schema {
	if multiline {
		return &Schema{Type: "string", Pattern: conf.LinesPattern}
	}
	return &Schema{Type: "string", Pattern: conf.LinePattern}
}

// bound applies the rules of a note.
func (n Note) bound(s *Schema) {
	if n.Enum != nil {
		s.words(n.Enum, n.Empty)
	}
	if n.Pattern != "" {
		s.Pattern = n.Pattern
		if n.Empty {
			s.Pattern = "^$|" + n.Pattern
		}
	}
	if n.Not != "" {
		s.Not = &Schema{Type: "string", Pattern: n.Not}
	}
	if n.Min != 0 {
		s.Minimum = new(n.Min)
	}
	if n.Max != 0 {
		s.Maximum = new(n.Max)
	}
	if n.Keys != "" {
		s.PropertyNames.Pattern = n.Keys
	}
}

func (s *Schema) words(words []string, empty bool) {
	s.Enum, s.Pattern = nil, ""
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	if empty {
		s.Enum = append(s.Enum, "")
	}
}

// rules applies a `validate` tag and reports whether the key is required.
func (s *Schema) rules(tag string) (required bool) {
	empty := false
	for rule := range strings.SplitSeq(tag, ",") {
		name, param, _ := strings.Cut(rule, "=")
		switch name {
		case "", "omitnil", "dive":
		case "omitempty":
			empty = true
		case "required":
			required = true
			if s.Type == "string" {
				s.MinLength = 1
			}
		case "min":
			s.Minimum = new(number(param))
		case "max":
			s.Maximum = new(number(param))
		case "oneof":
			s.words(strings.Fields(param), empty)
		default:
			panic("a schema has no word for the rule " + rule) // tests make every schema
		}
	}
	return required
}

func number(param string) int {
	n, err := strconv.Atoi(param)
	if err != nil {
		panic("a bound is no number: " + err.Error()) // tests make every schema
	}
	return n
}
