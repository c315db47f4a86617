// Package edit changes single keys of a TOML or JSON file and leaves every byte
// that does not concern them as it is: comments, order, blank lines, quoting
// and line ends survive.
package edit

import "errors"

// An Op sets or removes one key.
type Op struct {
	// Path is the key in segments, from the document's root.
	Path []string
	// Value is a string, bool, int, int64, float64, []string or
	// map[string]string; nil removes the key.
	Value any
}

// Set sets the key at path to value, adding key and tables that are not there.
func Set(value any, path ...string) Op { return Op{Path: path, Value: value} }

// Unset removes the key or table at path; one that is not there is fine.
func Unset(path ...string) Op { return Op{Path: path} }

// TOML returns doc with ops carried out in order. doc must be valid TOML.
func TOML(doc []byte, ops ...Op) ([]byte, error) { return nil, errors.New("not written yet") }

// JSON returns doc with ops carried out in order. doc must hold one JSON object.
func JSON(doc []byte, ops ...Op) ([]byte, error) { return nil, errors.New("not written yet") }
