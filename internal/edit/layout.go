package edit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// A span is a range of bytes of a text.
type span struct{ start, end int }

func (s span) of(text []byte) string { return string(text[s.start:s.end]) }

// A splice replaces a span of a text.
type splice struct {
	span
	text string
}

func insert(at int, text string) splice { return splice{span{at, at}, text} }

// apply returns text with the splices made. Only removals may overlap.
func apply(text []byte, splices []splice) []byte {
	slices.SortStableFunc(splices, func(a, b splice) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	at := 0
	for _, s := range splices {
		out = append(append(out, text[at:max(at, s.start)]...), s.text...)
		at = max(at, s.end)
	}
	return append(out, text[at:]...)
}

// A document is a text and where everything of it stands. A JSON text has one
// section, and root.
type document struct {
	text     []byte
	sections []section
	root     *entry // the object that a JSON text is
	unit     string // by how much what is inside brackets is indented
	spread   bool   // an empty object is filled on lines of its own
}

// A section is a table header and the keys below it; the first one is what
// comes before any header.
type section struct {
	path    []string
	array   bool // [[path]]
	inArray bool // belongs to an element of an array of tables
	header  span // its line, with the line's end
	at      int  // the header's first key
	entries []entry
}

// An entry is a key with its value.
type entry struct {
	span   // from the first key to the end of the value
	keys   []key
	value  span
	what   string  // the kind of the value, for errors
	inline bool    // the value is an inline table or an object
	table  []entry // what it holds

	strings bool   // the value is a list of strings
	items   []span // its elements
}

type key struct {
	span
	name string
}

func (e *entry) names() []string {
	names := make([]string, len(e.keys))
	for i, k := range e.keys {
		names[i] = k.name
	}
	return names
}

// common returns how many of e's keys path begins with.
func (e *entry) common(path []string) int {
	n := 0
	for n < len(path) && n < len(e.keys) && e.keys[n].name == path[n] {
		n++
	}
	return n
}

// A place is a table that holds entries: a section, or an inline table that
// stands in it.
type place struct {
	section *section
	inline  *entry // or nil
	depth   int    // the length of the table's path
}

func (p place) entries() []entry {
	if p.inline != nil {
		return p.inline.table
	}
	return p.section.entries
}

// A target is what stands at a path, or else the deepest table on the way.
type target struct {
	entry *entry // the key's own, or nil
	table bool   // the path is a table
	array bool   // the path is an array of tables
	at    int    // the offset of the key, or of the first one that makes the table

	place         // where the entry stands, or would
	dotted *entry // the last entry of place that shares the most of the path, when dotted keys make that table
	known  int    // how much of the path there is
}

// find looks for the key at path. It is an error when something on the way is
// no table.
func (d *document) find(path []string) (target, error) {
	t := target{place: place{&d.sections[0], d.root, 0}}
	for i := range d.sections {
		s := &d.sections[i]
		switch {
		case s.array && len(path) > len(s.path) && begins(path, s.path):
			return t, d.problem(s.at, fmt.Sprintf("is an array of tables: %q can't be reached through it", path[len(s.path)]), s.path)
		case len(s.path) >= len(path) && begins(s.path, path):
			if !t.table {
				t.table, t.at = true, s.at
			}
			t.array = t.array || s.array && len(s.path) == len(path)
		case !s.inArray && begins(path, s.path):
			p := place{s, d.root, len(s.path)}
			if len(s.path) > t.known {
				t.place, t.known, t.dotted = p, len(s.path), nil
			}
			if err := d.follow(&t, p, path); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

// follow looks for path among the entries of a table on its way.
func (d *document) follow(t *target, p place, path []string) error {
	entries := p.entries()
	for i := range entries {
		e := &entries[i]
		n := e.common(path[p.depth:])
		here := p.depth + n
		switch {
		case n == 0:
		case n < len(e.keys):
			if here >= t.known {
				t.place, t.known, t.dotted = p, here, e
			}
			if here == len(path) && !t.table {
				t.table, t.at = true, e.start
			}
		case here == len(path):
			t.place, t.known, t.entry, t.table, t.at = p, here, e, e.inline, e.start
		case e.inline:
			t.place, t.known, t.dotted = place{p.section, e, here}, here, nil
			return d.follow(t, t.place, path)
		default:
			return d.problem(e.start, fmt.Sprintf("is %s, not a table: %q can't be below it", e.what, path[here]), path[:here])
		}
	}
	return nil
}

// problem returns a problem at a key that stands at an offset.
func (d *document) problem(at int, message string, path []string) error {
	p := conf.At(conf.ErrType, message, path...)
	p.Line, p.Column = conf.Position(d.text, at)
	return p
}

// pad returns what stands inside the brackets of e, if they are in one line.
func (d *document) pad(e *entry) string {
	if e.inline && d.root == nil {
		return " "
	}
	return ""
}

// lineStart returns the offset of the first byte of the line of at.
func lineStart(text []byte, at int) int { return 1 + bytes.LastIndexByte(text[:at], '\n') }

// lineEnd returns the offset behind the line of at.
func lineEnd(text []byte, at int) int {
	if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// indentAt returns the blanks that the line of at begins with.
func indentAt(text []byte, at int) string {
	line := text[lineStart(text, at):at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// eolAt returns how the line before at ends, or the first one of the text.
func eolAt(text []byte, at int) string {
	i := bytes.LastIndexByte(text[:at], '\n')
	if i < 0 {
		i = bytes.IndexByte(text, '\n')
	}
	if i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func trimEnd(text []byte, eol string) []byte { return bytes.TrimSuffix(text, []byte(eol)) }

func blank(text []byte) bool { return len(bytes.Trim(text, " \t\r\n")) == 0 }
