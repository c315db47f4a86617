// Package schema describes what package conf reads as JSON Schema, in the
// dialect of 2020-12.
//
// A schema is made from the type that conf decodes into: its `koanf`,
// `validate` and `conf` tags say what is a key, a type and a rule. What they don't
// say is in a [Note] for each key.
//
// Editors do not all follow references between parts of a schema, and offer no
// keys beside "allOf", so there are neither.
package schema

import (
	"bytes"
	"encoding/json"
)

// A Schema is one JSON Schema, or a part of one. The zero value accepts
// everything.
type Schema struct {
	Dialect     string `json:"$schema,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	Deprecated  bool   `json:"deprecated,omitempty"`
	Type        any    `json:"type,omitempty"` // a name, or a list of names
	Default     any    `json:"default,omitempty"`
	Examples    []any  `json:"examples,omitempty"`

	Enum      []any   `json:"enum,omitempty"`
	Pattern   string  `json:"pattern,omitempty"`
	MinLength int     `json:"minLength,omitempty"`
	Minimum   *int    `json:"minimum,omitempty"`
	Maximum   *int    `json:"maximum,omitempty"`
	Items     *Schema `json:"items,omitempty"`

	Properties map[string]*Schema `json:"properties,omitempty"`
	// PatternProperties and AdditionalProperties are of the keys that Properties
	// does not have; the latter is a *Schema or false.
	PatternProperties    map[string]*Schema `json:"patternProperties,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"`
	PropertyNames        *Schema            `json:"propertyNames,omitempty"`
	Required             []string           `json:"required,omitempty"`
	// DependentSchemas are what an object must be that has the key.
	DependentSchemas map[string]*Schema `json:"dependentSchemas,omitempty"`

	AnyOf []*Schema `json:"anyOf,omitempty"`
	Not   *Schema   `json:"not,omitempty"`
}

// Dialect is the name of the dialect, for a document's Schema.Dialect.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// Never returns the schema that accepts nothing.
func Never() *Schema { return &Schema{Not: &Schema{}} }

// At returns the schema of an object whose value at path is as s says, if it has
// one.
func At(s *Schema, path ...string) *Schema {
	for i := len(path) - 1; i >= 0; i-- {
		s = &Schema{Properties: map[string]*Schema{path[i]: s}}
	}
	return s
}

// JSON returns the schema's text, always the same.
func (s *Schema) JSON() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		panic("a schema holds what JSON can't: " + err.Error()) // tests write every one
	}
	return b.Bytes()
}
