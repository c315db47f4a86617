// Package schematest holds JSON Schemas against the loaders that they describe,
// for tests.
package schematest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// A Schema is a compiled JSON Schema.
type Schema struct{ compiled *jsonschema.Schema }

// Compile compiles the text of a schema, which must be one by the rules of its
// dialect.
func Compile(tb testing.TB, text []byte) Schema {
	tb.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(tb, err)
	c := jsonschema.NewCompiler()
	require.NoError(tb, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json")
	require.NoError(tb, err)
	require.Equal(tb, 2020, s.DraftVersion)
	return Schema{s}
}

// errFormat is a document that is not of its format, which no schema is about.
var errFormat = errors.New("malformed")

// TOML returns what is wrong with a document.
func (s Schema) TOML(text []byte) error {
	doc, err := conf.ParseTOML("", text)
	if err != nil {
		return fmt.Errorf("%w: %w", errFormat, err)
	}
	return s.compiled.Validate(plain(doc.Raw()))
}

// JSON returns what is wrong with a document.
func (s Schema) JSON(text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: %w", errFormat, err)
	}
	return s.compiled.Validate(doc)
}

// plain brings values of TOML to those that JSON has, as editors do: a date is a
// string; what is no number is nothing.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		table := map[string]any{}
		for key, below := range v {
			table[key] = plain(below)
		}
		return table
	case []any:
		list := make([]any, len(v))
		for i, below := range v {
			list[i] = plain(below)
		}
		return list
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case string, int64, bool:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// A Case is a document that a loader and a schema are held against.
type Case struct {
	Doc string
	// Bad tells that the loader refuses it. Beyond says why the schema can't know.
	Bad    bool
	Beyond string
}

// Run checks each case: the loader and the schema agree, but for what is beyond
// the schema, which then accepts what the loader refuses.
func Run(t *testing.T, cases map[string]Case, load, check func(doc []byte) error) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cases[name]
			refused := load([]byte(c.Doc))
			require.Equal(t, c.Bad || c.Beyond != "", refused != nil, "the loader: %v", refused)
			said := check([]byte(c.Doc))
			require.NotErrorIs(t, said, errFormat)
			assert.Equal(t, c.Bad, said != nil, "the schema: %v", said)
		})
	}
}

// Fuzz checks, beginning with the cases, that whatever loads is fine by the
// schema.
func Fuzz(f *testing.F, cases map[string]Case, load, check func(doc []byte) error) {
	f.Helper()
	for _, c := range cases {
		f.Add([]byte(c.Doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if load(doc) != nil {
			return
		}
		if err := check(doc); err != nil {
			t.Fatalf("it loads, but the schema says %v", err)
		}
	})
}

// Described checks that a schema tells of every key and of itself.
func Described(t *testing.T, s Schema) {
	t.Helper()
	assert.NotEmpty(t, s.compiled.Title)
	described(t, s.compiled, "")
}

func described(t *testing.T, s *jsonschema.Schema, path string) {
	t.Helper()
	assert.NotEmpty(t, s.Description, "at %q", path)
	for key, p := range s.Properties {
		described(t, p, path+"."+key)
	}
	if entry, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		described(t, entry, path+".*")
	}
	for _, one := range s.AnyOf {
		if path != "" { // at the root they only say what is required
			described(t, one, path)
		}
	}
}
