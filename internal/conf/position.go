package conf

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// An index holds the byte offset of every key of a document, by its joined
// path.
type index map[string]int

func joined(path []string) string { return strings.Join(path, delimiter) }

// lineColumn returns the position of a byte offset, from 1, the column in
// characters.
func lineColumn(data []byte, offset int) (line, column int) {
	before := data[:min(offset, len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return 1 + bytes.Count(before, []byte{'\n'}), 1 + utf8.RuneCount(before[start:])
}

// indexTOML finds the keys of a TOML document that is known to parse. It is the
// only user of go-toml's unstable API; a fuzz test holds it against the parser.
func indexTOML(data []byte) index {
	ix := tomlIndex{at: index{}, count: map[string]int{}}
	ix.p.Reset(data)
	var table []string
	for ix.p.NextExpression() {
		switch n := ix.p.Expression(); n.Kind {
		case unstable.Table:
			table = ix.keys(nil, n.Key())
		case unstable.ArrayTable:
			table = ix.element(ix.keys(nil, n.Key()))
		case unstable.KeyValue:
			ix.value(ix.keys(table, n.Key()), n.Value())
		default:
		}
	}
	return ix.at
}

type tomlIndex struct {
	p     unstable.Parser
	at    index
	count map[string]int // elements seen of each array of tables
}

// element begins another element of an array of tables.
func (ix *tomlIndex) element(array []string) []string {
	key := joined(array)
	i := ix.count[key]
	ix.count[key]++
	element := with(array, strconv.Itoa(i))
	ix.at[joined(element)] = ix.at[key]
	return element
}

func (ix *tomlIndex) value(path []string, v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			ix.value(ix.keys(path, it.Node().Key()), it.Node().Value())
		}
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			element := with(path, strconv.Itoa(i))
			ix.at[joined(element)] = ix.at[joined(path)]
			if r := it.Node().Raw; r.Length > 0 {
				ix.at[joined(element)] = int(r.Offset)
			}
			ix.value(element, it.Node())
			i++
		}
	default:
	}
}

// keys extends base by a dotted key, stepping into the newest element of an
// array of tables on the way, and notes each prefix that is new.
func (ix *tomlIndex) keys(base []string, it unstable.Iterator) []string {
	path := base[:len(base):len(base)]
	for it.Next() {
		if n := ix.count[joined(path)]; n > 0 && len(path) > 0 {
			path = with(path, strconv.Itoa(n-1))
		}
		path = with(path, string(it.Node().Data))
		if key := joined(path); !ix.has(key) {
			ix.at[key] = int(it.Node().Raw.Offset)
		}
	}
	return path
}

func (ix *tomlIndex) has(key string) bool { _, ok := ix.at[key]; return ok }

func with(path []string, key string) []string { return append(path[:len(path):len(path)], key) }

// indexJSON finds the keys of a JSON document that is known to parse.
func indexJSON(data []byte) index {
	ix := index{}
	w := jsonWalk{dec: json.NewDecoder(bytes.NewReader(data)), data: data, key: func(path []string, offset int) error {
		ix[joined(path)] = offset
		return nil
	}}
	_, _ = w.value(nil, 0) // it parsed before
	return ix
}
