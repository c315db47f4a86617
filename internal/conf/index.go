package conf

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// An index knows where every key of a file is written.
type index struct {
	data  []byte
	lines []int // offset of each line's first byte
	root  *node
}

// A node is one key, or one element of a list, and what is below it.
type node struct {
	offset int
	// implied is set for a table that so far only a longer header mentioned.
	implied bool
	elems   int // of a list
	below   map[string]*node
}

func newIndex(data []byte) *index {
	ix := &index{data: data, lines: []int{0}, root: &node{}}
	for i, b := range data {
		if b == '\n' {
			ix.lines = append(ix.lines, i+1)
		}
	}
	return ix
}

// at returns the position of the key at path or of its nearest written
// ancestor; 0 and 0 when there is none.
func (ix *index) at(path []string) (line, column int) {
	n := ix.root
	for _, key := range path {
		child := n.below[key]
		if child == nil {
			break
		}
		n = child
	}
	if n == ix.root {
		return 0, 0
	}
	return ix.position(n.offset)
}

// position returns the line and the column of a byte, which may be the one
// after the last.
func (ix *index) position(offset int) (line, column int) {
	i, exact := slices.BinarySearch(ix.lines, offset)
	if !exact {
		i--
	}
	return i + 1, 1 + utf8.RuneCount(ix.data[ix.lines[i]:offset])
}

// characters turns a column that counts bytes into one that counts characters.
func (ix *index) characters(line, column int) int {
	if line < 1 || line > len(ix.lines) {
		return column
	}
	start := ix.lines[line-1]
	return 1 + utf8.RuneCount(ix.data[start:min(start+max(column-1, 0), len(ix.data))])
}

// Position returns the line and the column, in characters and from 1, of a byte
// of data, or of the one after its last.
func Position(data []byte, offset int) (line, column int) {
	return newIndex(data[:offset]).position(offset)
}

// child returns the node of a key, new ones at offset.
func (n *node) child(key string, offset int) *node {
	if c := n.below[key]; c != nil {
		return c
	}
	if n.below == nil {
		n.below = map[string]*node{}
	}
	c := &node{offset: offset}
	n.below[key] = c
	return c
}

// elem adds an element to a list.
func (n *node) elem(offset int) *node {
	n.elems++
	return n.child(strconv.Itoa(n.elems-1), offset)
}

// open returns the table that keys below n belong to: the latest element of an
// array of tables, else n itself.
func (n *node) open() *node {
	if n.elems > 0 {
		return n.below[strconv.Itoa(n.elems-1)]
	}
	return n
}

// indexTOML indexes a document that go-toml has accepted. It is this package's
// only user of go-toml's unstable API; a fuzz test holds it against the parser.
func indexTOML(data []byte) *index {
	ix := newIndex(data)
	var p unstable.Parser
	p.Reset(bytes.Clone(data))
	table := ix.root
	for p.NextExpression() {
		switch n := p.Expression(); n.Kind {
		case unstable.Table:
			table = ix.root.header(n.Key()).open()
		case unstable.ArrayTable:
			list := ix.root.header(n.Key())
			table = list.elem(list.offset)
		case unstable.KeyValue:
			table.keyValue(n)
		default: // a comment
		}
	}
	return ix
}

// header returns the node of a table header below n. Its position is where it
// is opened by name, not where a longer header implied it.
func (n *node) header(keys unstable.Iterator) *node {
	for keys.Next() {
		k := keys.Node()
		n = n.open()
		known := n.below[string(k.Data)] != nil
		n = n.child(string(k.Data), int(k.Raw.Offset))
		switch {
		case keys.IsLast() && n.implied:
			n.offset, n.implied = int(k.Raw.Offset), false
		case !keys.IsLast() && !known:
			n.implied = true
		}
	}
	return n
}

func (n *node) keyValue(kv *unstable.Node) {
	for keys := kv.Key(); keys.Next(); {
		k := keys.Node()
		n = n.child(string(k.Data), int(k.Raw.Offset))
	}
	n.value(kv.Value())
}

func (n *node) value(v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			n.keyValue(it.Node())
		}
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			e := it.Node()
			offset := n.offset // for a list in a list
			if e.Raw.Length > 0 {
				offset = int(e.Raw.Offset)
			}
			n.elem(offset).value(e)
		}
	default: // a scalar
	}
}
