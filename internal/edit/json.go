package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hal0ai/hal0-go/internal/conf"
)

type jsonSyntax struct{}

func (jsonSyntax) parse(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // every digit counts, and so does null
	var tree any
	err := dec.Decode(&tree)
	table, ok := tree.(map[string]any)
	if err == nil && ok && utf8.Valid(text) && blank(text[dec.InputOffset():]) && colons(text) == members(table) {
		return table, nil
	}
	if _, err = conf.ParseJSON("", text); err == nil { // says what is wrong, but is slow
		err = errors.New("is not JSON")
	}
	return nil, err
}

// colons returns how many keys a valid text has, each as often as it is written.
func colons(text []byte) int {
	n, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++
		case ':':
			if !quoted {
				n++
			}
		}
	}
	return n
}

// members returns how many keys a value has, with all below it.
func members(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, w := range v {
			n += members(w)
		}
	case []any:
		for _, w := range v {
			n += members(w)
		}
	}
	return n
}

// scan finds what stands on the way to path and beside it: what other objects
// and lists hold does not matter. text has been parsed.
func (jsonSyntax) scan(text []byte, path []string) *document {
	w := jsonWalk{text: text}
	root := &entry{}
	w.value(root, path, true)
	d := &document{text: text, sections: make([]section, 1), root: root, unit: "  "}
	d.spread = bytes.IndexByte(text[root.value.start:root.value.end], '\n') >= 0
	if len(root.table) > 0 && d.spread {
		first := root.table[0].start
		if before := text[lineStart(text, first):first]; blank(before) && len(before) > 0 {
			d.unit = string(before)
		}
	}
	return d
}

// A jsonWalk goes through a valid text.
type jsonWalk struct {
	text []byte
	at   int
}

// next moves to what comes next, behind blanks, commas and colons.
func (w *jsonWalk) next() byte {
	for strings.IndexByte(" \t\r\n,:", w.text[w.at]) >= 0 {
		w.at++
	}
	return w.text[w.at]
}

// value takes the next value into e, with what it holds if it is on the way to
// path, which begins below it.
func (w *jsonWalk) value(e *entry, path []string, onWay bool) {
	c := w.next()
	e.value.start = w.at
	switch {
	case c == '{' && onWay:
		w.members(e, path)
	case c == '[' && onWay:
		w.elements(e)
	case c == '{' || c == '[':
		w.skip()
	case c == '"':
		w.quoted()
	default:
		w.word()
	}
	e.what, e.inline = jsonKind(c), c == '{'
	e.value.end, e.end = w.at, w.at
}

// jsonKind names the kind of a value by its first byte.
func jsonKind(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// quoted moves behind a string.
func (w *jsonWalk) quoted() {
	for w.at++; w.text[w.at] != '"'; w.at++ {
		if w.text[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
}

// word moves behind a number, true, false or null.
func (w *jsonWalk) word() {
	for w.at < len(w.text) && strings.IndexByte(" \t\r\n,]}", w.text[w.at]) < 0 {
		w.at++
	}
}

// skip moves behind an object or a list.
func (w *jsonWalk) skip() {
	for depth := 0; ; {
		switch w.text[w.at] {
		case '"':
			w.quoted()
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if w.at++; depth == 0 {
			return
		}
	}
}

func (w *jsonWalk) members(e *entry, path []string) {
	for w.at++; w.next() != '}'; {
		at := span{start: w.at}
		w.quoted()
		at.end = w.at
		name := decodeText(w.text[at.start:at.end])
		m := entry{span: at, keys: []key{{at, name}}}
		if len(path) > 0 && path[0] == name {
			w.value(&m, path[1:], true)
		} else {
			w.value(&m, nil, false)
		}
		e.table = append(e.table, m)
	}
	w.at++
}

func decodeText(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // is valid
	return s
}

func (w *jsonWalk) elements(e *entry) {
	e.strings = true
	for w.at++; w.next() != ']'; {
		var item entry
		w.value(&item, nil, false)
		e.strings = e.strings && w.text[item.value.start] == '"'
		e.items = append(e.items, item.value)
	}
	w.at++
}

func (jsonSyntax) node(v any) (any, error) {
	switch v := v.(type) {
	case Null:
		return nil, nil //nolint:nilnil // the value null
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errors.New("JSON can't write a number that is not finite")
		}
	case int, int64:
	default:
		return node(v)
	}
	return json.Number(encode(v)), nil
}

func (jsonSyntax) write(v any, _, _ string) string {
	switch v := v.(type) {
	case Null:
		return "null"
	case []string:
		items := make([]string, len(v))
		for i, s := range v {
			items[i] = encode(s)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return encode(v)
}

// encode writes a value that [node] has accepted.
func encode(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // such values always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// add puts a key into the object that is to hold it, with the objects on the way
// that are not there.
func (s jsonSyntax) add(d *document, t target, op Op) []splice {
	names := op.Path[t.known:]
	l := d.list(t.inline)
	m := jsonMember{colon: ": ", eol: l.eol, unit: d.unit, lines: l.lines}
	if n := len(t.inline.table); n > 0 {
		if c := spacing(d, &t.inline.table[n-1]); !strings.Contains(c, "\n") {
			m.colon = c
		}
	}
	table, ok := op.Value.(map[string]string)
	if !ok {
		return l.add(m.nest(names, l.indent, s.write(op.Value, "", "")))
	}
	var members []string
	inside := l.indent + strings.Repeat(m.unit, len(names))
	for _, key := range slices.Sorted(maps.Keys(table)) {
		members = append(members, m.nest([]string{key}, inside, encode(table[key])))
	}
	return l.add(m.nest(names, l.indent, m.object(members, inside)))
}

// A jsonMember is how the members of an object are written.
type jsonMember struct {
	colon, eol, unit string
	lines            bool
}

// nest writes value below names, one object for each but the first.
func (m jsonMember) nest(names []string, indent, value string) string {
	for i, name := range slices.Backward(names) {
		if value = encode(name) + m.colon + value; i > 0 {
			value = m.object([]string{value}, indent+strings.Repeat(m.unit, i))
		}
	}
	return value
}

// object writes an object whose members are indented by indent.
func (m jsonMember) object(members []string, indent string) string {
	switch {
	case len(members) == 0:
		return "{}"
	case !m.lines:
		return "{" + strings.Join(members, ", ") + "}"
	}
	return "{" + m.eol + indent + strings.Join(members, ","+m.eol+indent) + m.eol + strings.TrimSuffix(indent, m.unit) + "}"
}
