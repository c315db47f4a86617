package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/hal0ai/hal0-go/internal/conf"
)

type tomlSyntax struct{}

func (tomlSyntax) parse(text []byte) (map[string]any, error) {
	doc, err := conf.ParseTOML("", text)
	if err != nil {
		return nil, err
	}
	return doc.Raw(), nil
}

// scan finds everything with go-toml's unstable parser: of this package's
// files, this one alone uses it.
func (tomlSyntax) scan(text []byte, _ []string) *document {
	d := &document{text: text, sections: make([]section, 1, 8), unit: "  "}
	var arrays [][]string
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.KeyValue:
			s := &d.sections[len(d.sections)-1]
			s.entries = append(s.entries, tomlEntry(text, n))
		case unstable.Table, unstable.ArrayTable:
			keys := tomlKeys(n.Key())
			s := section{array: n.Kind == unstable.ArrayTable, at: keys[0].start}
			s.header = span{lineStart(text, s.at), lineEnd(text, keys[len(keys)-1].end)}
			s.path = (&entry{keys: keys}).names()
			s.inArray = slices.ContainsFunc(arrays, func(a []string) bool { return begins(s.path, a) })
			if s.array && !s.inArray {
				s.inArray, arrays = true, append(arrays, s.path)
			}
			d.sections = append(d.sections, s)
		default: // a comment
		}
	}
	return d
}

func spanOf(r unstable.Range) span { return span{int(r.Offset), int(r.Offset + r.Length)} }

func tomlKeys(it unstable.Iterator) []key {
	var keys []key
	for it.Next() {
		n := it.Node()
		keys = append(keys, key{spanOf(n.Raw), string(n.Data)})
	}
	return keys
}

var tomlKinds = map[unstable.Kind]string{
	unstable.String: "a string", unstable.Bool: "true or false", unstable.Integer: "a number", unstable.Float: "a number",
	unstable.Array: "a list", unstable.InlineTable: "a table",
}

func tomlEntry(text []byte, n *unstable.Node) entry {
	e := entry{span: spanOf(n.Raw), keys: tomlKeys(n.Key())}
	v := n.Value()
	equals := e.keys[len(e.keys)-1].end
	equals += 1 + bytes.IndexByte(text[equals:], '=')
	e.value = span{equals + len(text[equals:]) - len(bytes.TrimLeft(text[equals:], " \t")), e.end}
	if e.what = tomlKinds[v.Kind]; e.what == "" {
		e.what = "a date or time"
	}
	switch v.Kind {
	case unstable.InlineTable:
		e.inline = true
		for it := v.Children(); it.Next(); {
			e.table = append(e.table, tomlEntry(text, it.Node()))
		}
	case unstable.Array:
		e.strings = true
		for it := v.Children(); it.Next(); {
			e.strings = e.strings && it.Node().Kind == unstable.String
			e.items = append(e.items, spanOf(it.Node().Raw))
		}
	default: // a scalar
	}
	return e
}

func (tomlSyntax) node(v any) (any, error) {
	if _, ok := v.(Null); ok {
		return nil, errors.New("TOML has no null: remove the key instead")
	}
	return node(v)
}

// node returns a value as a parser returns it.
func node(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64:
		return v, nil
	case int:
		return int64(v), nil
	case string:
		return v, checkText(v)
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list, checkText(v...)
	case map[string]string:
		table := make(map[string]any, len(v))
		var all []string
		for key, s := range v {
			table[key], all = s, append(all, key, s)
		}
		return table, checkText(all...)
	}
	return nil, fmt.Errorf("a value of type %T can't be written", v)
}

// add puts a key that is not there into the table that is to hold it: behind
// its last key, or into a new table at the end of the text.
func (tomlSyntax) add(d *document, t target, op Op) []splice {
	names := op.Path[t.known:]
	value := writeTOML(op.Value, "", "")
	switch {
	case t.inline != nil && t.dotted != nil:
		return d.list(t.inline).add(d.dottedKey(t, names) + spacing(d, t.dotted) + value)
	case t.inline != nil:
		for i := len(names) - 1; i > 0; i-- {
			value = "{ " + keyText(names[i]) + " = " + value + " }"
		}
		like := &entry{}
		if n := len(t.inline.table); n > 0 {
			like = &t.inline.table[n-1]
		}
		return d.list(t.inline).add(keyText(names[0]) + spacing(d, like) + value)
	case t.dotted != nil:
		return d.addLine(t.dotted, d.dottedKey(t, names), value)
	case len(names) > 1:
		return d.addTable(op.Path, value)
	case len(t.section.entries) > 0:
		return d.addLine(&t.section.entries[len(t.section.entries)-1], keyText(names[0]), value)
	}
	line := keyText(names[0]) + spacing(d, d.last()) + value
	if t.section.path != nil {
		at := t.section.header.end
		return []splice{insert(at, indentAt(d.text, t.section.at)+line+eolAt(d.text, at))}
	}
	return []splice{d.addFirst(line)}
}

// dottedKey returns the text of a key below the table that t's dotted key is
// in, which is spelled as it is there.
func (d *document) dottedKey(t target, names []string) string {
	shared := t.dotted.keys[t.known-t.depth-1]
	return span{t.dotted.start, shared.end}.of(d.text) + "." + dottedText(names)
}

// addLine adds a key on a line of its own below another one.
func (d *document) addLine(above *entry, key, value string) []splice {
	at := lineEnd(d.text, above.end)
	sep := spacing(d, above)
	if before, after, _ := strings.Cut(sep, "="); len(before) > 1 && strings.Trim(before, " ") == "" { // aligned
		column := utf8.RuneCount(d.text[above.start:above.value.start]) - utf8.RuneCountInString("="+after)
		sep = strings.Repeat(" ", max(1, column-utf8.RuneCountInString(key))) + "=" + after
	}
	return []splice{insert(at, indentAt(d.text, above.start)+key+sep+value+eolAt(d.text, at))}
}

// addTable adds a table with one key at the end of the text.
func (d *document) addTable(path []string, value string) []splice {
	end := len(d.text)
	eol := eolAt(d.text, end)
	last := len(path) - 1
	before, after, _ := strings.Cut(spacing(d, d.last()), "=")
	if len(before) > 1 {
		before = " "
	}
	text := "[" + dottedText(path[:last]) + "]" + eol + keyText(path[last]) + before + "=" + after + value + eol
	if end > 0 && !blank(d.text[lineStart(d.text, end-1):]) {
		text = eol + text
	}
	return []splice{insert(end, text)}
}

// addFirst adds the first key that is in no table: above the first header and
// the comment that belongs to it, but below a comment that the text begins with.
func (d *document) addFirst(line string) splice {
	if len(d.sections) == 1 {
		return insert(len(d.text), line+eolAt(d.text, len(d.text)))
	}
	header := d.sections[1].header.start
	at := header
	for at > 0 && bytes.HasPrefix(bytes.TrimLeft(d.text[lineStart(d.text, at-1):], " \t"), []byte("#")) {
		at = lineStart(d.text, at-1)
	}
	if at == 0 {
		at = header
	}
	eol := eolAt(d.text, at)
	return insert(at, line+eol+eol)
}

// last returns the last key of the text, or an empty entry.
func (d *document) last() *entry {
	for i := len(d.sections) - 1; i >= 0; i-- {
		if n := len(d.sections[i].entries); n > 0 {
			return &d.sections[i].entries[n-1]
		}
	}
	return &entry{}
}

// spacing returns what stands between the key and the value of like.
func spacing(d *document, like *entry) string {
	if len(like.keys) == 0 {
		return " = "
	}
	return span{like.keys[len(like.keys)-1].end, like.value.start}.of(d.text)
}

// linesOf returns the lines of the key or table at path, with all that is below
// it, but for what is in an inline table.
func (d *document) linesOf(path []string) []splice {
	var keys []splice
	var tables []span
	for i := range d.sections {
		s := &d.sections[i]
		switch {
		case len(s.path) >= len(path) && begins(s.path, path):
			lines := d.linesOfTable(s)
			if n := len(tables); n > 0 && blank(d.text[tables[n-1].end:lines.start]) {
				tables[n-1].end = lines.end
			} else {
				tables = append(tables, lines)
			}
		case !s.inArray && begins(path, s.path):
			for _, e := range s.entries {
				if begins(e.names(), path[len(s.path):]) {
					keys = append(keys, splice{span{lineStart(d.text, e.start), lineEnd(d.text, e.end)}, ""})
				}
			}
		}
	}
	for _, lines := range tables {
		keys = append(keys, splice{d.withBlank(lines), ""})
	}
	return keys
}

// linesOfTable returns the lines from a table's header to its last key.
func (d *document) linesOfTable(s *section) span {
	lines := s.header
	if n := len(s.entries); n > 0 {
		lines.end = lineEnd(d.text, s.entries[n-1].end)
	}
	return lines
}

// withBlank adds the blank line that sets lines apart: the one below, or the one
// above the last lines of the text.
func (d *document) withBlank(lines span) span {
	before := lineStart(d.text, max(0, lines.start-1))
	apart := lines.start > 0 && blank(d.text[before:lines.start])
	switch next := lineEnd(d.text, lines.end); {
	case apart && lines.end == len(d.text):
		lines.start = before
	case (apart || lines.start == 0) && lines.end < len(d.text) && blank(d.text[lines.end:next]):
		lines.end = next
	}
	return lines
}
