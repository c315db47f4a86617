// Package conf turns a TOML or JSON file into typed values, and reports every
// problem of the file at once, each with its position.
//
// koanf and its TOML parser load, validator checks the rules. Positions are
// looked up only when there is something to report.
package conf

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	koanftoml "github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/pelletier/go-toml/v2"
)

// delimiter separates the keys of a path inside koanf. It can't be part of a
// key: control characters are refused.
const delimiter = "\x1f"

// A Document is a parsed file. Reading it is safe for concurrent use; Move and
// Decode are not.
type Document struct {
	file    string
	raw     map[string]any
	moved   map[string][]string // where a path stands in the file
	unknown ValidationErrors
	index   func() *index // made when first asked for
}

// ParseTOML parses a TOML file; file is what errors call it.
func ParseTOML(file string, data []byte) (*Document, error) {
	if err := checkText(file, data); err != nil {
		return nil, err
	}
	var raw map[string]any
	// What koanf merges layers with is not needed for one, and its flattening of
	// every path is quadratic in a long dotted key.
	keep := koanf.WithMergeFunc(func(src, _ map[string]any) error {
		raw = src
		return nil
	})
	if err := koanf.New(delimiter).Load(rawbytes.Provider(data), koanftoml.Parser(), keep); err != nil {
		return nil, tomlSyntax(file, data, err)
	}
	return &Document{file: file, raw: raw, index: sync.OnceValue(func() *index { return indexTOML(data) })}, nil
}

// checkText refuses what is not UTF-8 without a byte order mark.
func checkText(file string, data []byte) error {
	if strings.HasPrefix(string(data[:min(3, len(data))]), "\ufeff") {
		return syntax(file, data, 0, "begins with a byte order mark: save it as UTF-8 without one")
	}
	if utf8.Valid(data) {
		return nil
	}
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return syntax(file, data, at, fmt.Sprintf("byte 0x%02x is not UTF-8: save the file as UTF-8", data[at]))
}

func syntax(file string, data []byte, offset int, message string) error {
	line, column := newIndex(data).position(offset)
	return ValidationErrors{{File: file, Line: line, Column: column, Message: message, Class: ErrSyntax}}
}

func tomlSyntax(file string, data []byte, err error) error {
	p := ValidationError{File: file, Message: strings.TrimPrefix(err.Error(), "toml: "), Class: ErrSyntax, Err: err}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		p.Line, p.Column = de.Position()
		p.Column = newIndex(data).characters(p.Line, p.Column)
		p.Message = strings.TrimPrefix(de.Error(), "toml: ")
		if len(de.Key()) > 0 {
			p.Keys, p.Path = de.Key(), pathText(de.Key())
		}
	}
	return ValidationErrors{p}
}

// Raw returns the file's keys and values. Changing them changes what Decode
// sees.
func (d *Document) Raw() map[string]any { return d.raw }

// Has reports whether the file has the key.
func (d *Document) Has(path ...string) bool {
	_, ok := d.get(path)
	return ok
}

func (d *Document) get(path []string) (any, bool) {
	var v any = d.raw
	for _, key := range path {
		table, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = table[key]; !ok {
			return nil, false
		}
	}
	return v, true
}

// Value returns the value at path.
func (d *Document) Value(path ...string) (v any, ok bool) { return d.get(path) }

// Drop hides the value at path from Decode. A table that is left empty by it is
// gone.
func (d *Document) Drop(path ...string) {
	above := path[:len(path)-1]
	holder, _ := d.get(above)
	table, _ := holder.(map[string]any)
	delete(table, path[len(path)-1])
	if len(above) > 0 && len(table) == 0 {
		d.Drop(above...)
	}
}

// Move lets Decode find the value at path at to instead, in tables that are made
// where they are not there. Problems keep the path and position of the file. A
// table that is left empty by it is gone. Moving what is not there does nothing.
func (d *Document) Move(to, path []string) {
	v, ok := d.get(path)
	if !ok {
		return
	}
	from := d.written(path)
	d.Drop(path...)
	table := d.raw
	for _, key := range to[:len(to)-1] {
		below, ok := table[key].(map[string]any)
		if !ok {
			below = map[string]any{}
			table[key] = below
		}
		table = below
	}
	table[to[len(to)-1]] = v
	if d.moved == nil {
		d.moved = map[string][]string{}
	}
	d.moved[strings.Join(to, delimiter)] = from
}

// written returns a path as the file has it.
func (d *Document) written(path []string) []string {
	for i := len(path); i > 0 && d.moved != nil; i-- {
		if from, ok := d.moved[strings.Join(path[:i], delimiter)]; ok {
			return append(from[:len(from):len(from)], path[i:]...)
		}
	}
	return path
}

// At returns the line and column of a key, or of its nearest ancestor that is
// written: a missing key is blamed on its table, and one at top level on the
// beginning of the file. Both are 0 for the file itself.
func (d *Document) At(path ...string) (line, column int) {
	if len(path) == 0 {
		return 0, 0
	}
	line, column = d.index().at(d.written(path))
	return max(line, 1), max(column, 1)
}

// Problem returns a problem at a key of the file.
func (d *Document) Problem(class error, message string, path ...string) ValidationError {
	return d.Locate(At(class, message, path...))
}

// Locate gives a problem the file, and the position and spelling of its key
// there.
func (d *Document) Locate(p ValidationError) ValidationError {
	if p.Line > 0 {
		return p
	}
	p.File = d.file
	p.Line, p.Column = d.At(p.Keys...)
	p.Path = pathText(d.written(p.Keys))
	return p
}

// UnknownKeys returns the keys that the last Decode with [Keep] did not know.
func (d *Document) UnknownKeys() ValidationErrors { return d.unknown }
