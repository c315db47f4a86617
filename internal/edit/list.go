package edit

import (
	"bytes"
	"strings"
)

// A list is what stands between a pair of brackets, separated by commas: the
// entries of an inline table or object, or the elements of an array.
type list struct {
	text []byte
	span // with the brackets
	eol  string
	// items are the entries or elements. lines tells that each has its own line,
	// indented by indent.
	items  []span
	lines  bool
	indent string
	pad    string // inside the brackets of a list in one line
}

// list returns the list that e's value is.
func (d *document) list(e *entry) list {
	l := list{text: d.text, span: e.value, eol: eolAt(d.text, e.value.start), items: e.items, pad: d.pad(e)}
	for _, m := range e.table {
		l.items = append(l.items, m.span)
	}
	if n := len(l.items); n > 0 {
		before := d.text[lineStart(d.text, l.items[n-1].start):l.items[n-1].start]
		l.lines, l.indent = blank(before), string(before)
		return l
	}
	l.lines = bytes.IndexByte(l.inside(), '\n') >= 0 || d.spread
	l.indent = indentAt(d.text, l.start) + d.unit
	return l
}

func (l list) inside() []byte { return l.text[l.start+1 : l.end-1] }

// comma returns the offset of the comma that follows offset at, if one does,
// before the closing bracket. Nothing but blanks and comments may be between.
func (l list) comma(at int) (int, bool) {
	for at < l.end {
		switch l.text[at] {
		case ' ', '\t', '\r', '\n':
			at++
		case '#':
			at = lineEnd(l.text, at)
		default:
			return at, l.text[at] == ','
		}
	}
	return at, false
}

// add returns the changes that add an item at the end.
func (l list) add(item string) []splice {
	if len(l.items) == 0 {
		return l.first(item)
	}
	last := l.items[len(l.items)-1]
	comma, trailing := l.comma(last.end)
	end := last.end
	if trailing {
		end = comma + 1
	}
	next := lineEnd(l.text, end)
	switch {
	case l.lines && next < l.end && trailing:
		return []splice{insert(next, l.indent+item+","+l.eol)}
	case l.lines && next < l.end:
		return []splice{insert(end, ","), insert(next, l.indent+item+l.eol)}
	case l.lines && !trailing:
		return []splice{insert(end, ","+l.eol+l.indent+item)}
	case trailing:
		return []splice{insert(end, " "+item+",")}
	}
	return []splice{insert(end, l.between()+item)}
}

// first returns the changes that add an item to an empty list.
func (l list) first(item string) []splice {
	inside := span{l.start + 1, l.end - 1}
	switch {
	case !l.lines:
		return []splice{{inside, l.pad + item + l.pad}}
	case blank(l.inside()):
		return []splice{{inside, l.eol + l.indent + item + l.eol + indentAt(l.text, l.start)}}
	}
	return []splice{insert(lineStart(l.text, l.end-1), l.indent+item+l.eol)} // below a comment
}

// between returns what separates the items of a list in one line.
func (l list) between() string {
	if n := len(l.items); n > 1 {
		if s := string(l.text[l.items[n-2].end:l.items[n-1].start]); strings.Trim(s, " \t") == "," {
			return s
		}
	}
	return ", "
}

// remove returns the changes that remove item i with its comma: with its line
// and the comment there, if it has one to itself.
func (l list) remove(i int) []splice {
	it, last := l.items[i], i == len(l.items)-1
	comma, hasComma := l.comma(it.end)
	var out []splice
	if last && !hasComma && i > 0 {
		if c, ok := l.comma(l.items[i-1].end); ok {
			out = append(out, splice{span{c, c + 1}, ""})
		}
	}
	end := it.end
	sameLine := hasComma && bytes.IndexByte(l.text[it.end:comma], '\n') < 0
	if sameLine {
		end = comma + 1
	}
	switch {
	case l.ownLine(it, end) && (sameLine || !hasComma):
		return append(out, splice{span{lineStart(l.text, it.start), lineEnd(l.text, end)}, ""})
	case len(l.items) == 1 && blank(l.text[l.start+1:it.start]) && blank(l.text[end:l.end-1]) && (sameLine || !hasComma):
		return []splice{{span{l.start + 1, l.end - 1}, ""}}
	case !last && sameLine:
		return []splice{{span{it.start, end + len(l.text[end:]) - len(bytes.TrimLeft(l.text[end:], " \t"))}, ""}}
	case last && len(out) > 0 && blank(l.text[out[0].end:it.start]):
		return []splice{{span{out[0].start, it.end}, ""}}
	case last && sameLine && i > 0:
		if c, ok := l.comma(l.items[i-1].end); ok && blank(l.text[c+1:it.start]) {
			return []splice{{span{c + 1, end}, ""}}
		}
	}
	if hasComma {
		out = append(out, splice{span{comma, comma + 1}, ""})
	}
	return append(out, splice{it, ""})
}

// ownLine reports whether nothing else but a comment stands on the lines of an
// item that ends at end.
func (l list) ownLine(it span, end int) bool {
	first, next := lineStart(l.text, it.start), lineEnd(l.text, end)
	rest := bytes.TrimLeft(l.text[end:next], " \t")
	return first > l.start && next < l.end && blank(l.text[first:it.start]) && (blank(rest) || rest[0] == '#')
}
