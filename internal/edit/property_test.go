package edit_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/edit"
)

// replaced returns text with the part before "|" in change, which is there once,
// replaced by the part after it.
func replaced(t *testing.T, text, change string) string {
	t.Helper()
	from, to, ok := strings.Cut(change, "|")
	require.True(t, ok)
	if from == "" {
		return text
	}
	require.Equal(t, 1, strings.Count(text, from), "%q", from)
	return strings.Replace(text, from, to, 1)
}

// cases returns how many generated cases to run: 500, and 10,000 with
// HAL0_LONG=1 in the environment.
func cases() uint64 {
	if os.Getenv("HAL0_LONG") == "1" {
		return 10000
	}
	return 500
}

// A block is some lines of a generated document and the key that they are for;
// comments and blank lines have none.
type block struct {
	path  []string
	lines []string
}

// A generator writes random documents and edits for them.
type generator struct {
	*rand.Rand
	blocks []block
	leaves [][]string // keys with a value that is no table
	tables [][]string // tables that keys can be added to
	sealed [][]string // arrays of tables
}

func pick[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

func (g *generator) maybe() bool { return g.IntN(2) == 0 }

// name returns a key that no other call returned.
func (g *generator) name() string {
	n := fmt.Sprintf("k%d", len(g.leaves)+len(g.tables)+g.IntN(5)*1000+len(g.blocks)*10000)
	return n + pick(g, "", "", "", "_x", "-y", ".5", " ä", `"`, "'", "")
}

func written(g *generator, name string) string {
	if strings.ContainsAny(name, `. ä"'`) {
		if g.maybe() && !strings.Contains(name, "'") {
			return "'" + name + "'"
		}
		return `"` + strings.ReplaceAll(name, `"`, `\"`) + `"`
	}
	return pick(g, name, name, name, `"`+name+`"`, "'"+name+"'")
}

func (g *generator) text() string {
	var b strings.Builder
	for range g.IntN(5) {
		b.WriteString(pick(g, "a", "-b 512", " ", "ä", "'", `"`, `\`, "\t", "\n", "\r\n", "\x01", "#", "]", "}", ",", "=", `"""`, "'''"))
	}
	return b.String()
}

func (g *generator) value() any {
	switch g.IntN(8) {
	case 0:
		return g.maybe()
	case 1:
		return g.IntN(100000) - 50000
	case 2:
		return float64(g.IntN(1000)) / 8
	case 3:
		return []string{g.text(), g.text(), g.text()}[:g.IntN(4)]
	default:
		return g.text()
	}
}

// literal returns the text of some value, which may have several lines.
func (g *generator) literal() string {
	return pick(g, "1", "0xFF", "-1.5e3", "nan", "true", `"a"`, `'a # no comment'`, `"\u00e4]}"`, "1979-05-27T07:32:00Z", "07:32:00",
		`[1, 2]`, `["a", 'b']`, "[\n  \"a\", # one\n  'b',\n]", "[\n]", "[]", "[[1], {a = 1}]",
		"\"\"\"\n# no comment\nx = 1\\\n  \"\"\"", "'''\n[no.header]\n'''", `"""a"""`, `''`)
}

func (g *generator) comment() string { return pick(g, "", "", "", " # why", "\t#x = 1", "#'") }

func (g *generator) add(path []string, lines string) {
	g.blocks = append(g.blocks, block{path, strings.Split(lines, "\n")})
}

func (g *generator) filler() {
	for range g.IntN(3) {
		g.add(nil, pick(g, "", "# comment", "  # [not.a.table]", "# k = 1", ""))
	}
}

// entry writes one key of a table.
func (g *generator) entry(table []string, equals, indent string) {
	name := g.name()
	path := append(slices.Clone(table), name)
	key := indent + written(g, name)
	switch g.IntN(6) {
	case 0: // dotted, some in a row
		g.tables = append(g.tables, path)
		for range 1 + g.IntN(2) {
			sub := g.name()
			leaf := append(slices.Clone(path), sub)
			g.leaves = append(g.leaves, leaf)
			g.add(leaf, key+pick(g, ".", " . ")+written(g, sub)+equals+g.literal()+g.comment())
			if g.maybe() {
				g.filler()
			}
		}
	case 1: // inline
		g.tables = append(g.tables, path)
		var items []string
		for range g.IntN(4) {
			sub := g.name()
			g.leaves = append(g.leaves, append(slices.Clone(path), sub))
			items = append(items, written(g, sub)+equals+g.literal())
			g.blocks = append(g.blocks, block{}) // another name
		}
		g.add(path, key+equals+g.inline(items)+g.comment())
	default:
		g.leaves = append(g.leaves, path)
		g.add(path, key+equals+g.literal()+g.comment())
	}
}

func (g *generator) inline(items []string) string {
	trail := ""
	if len(items) > 0 {
		trail = pick(g, "", "", ",")
	}
	switch g.IntN(5) {
	case 0:
		return "{" + strings.Join(items, ",") + "}"
	case 1:
		return "{\n  " + strings.Join(items, ", # one\n  ") + trail + " # two\n}"
	case 2:
		return "{ " + strings.Join(items, ",\n      ") + trail + " }"
	case 3:
		return "{ # one\n" + strings.Join(items, "\n, ") + " # two\n" + trail + "}"
	}
	return "{ " + strings.Join(items, ", ") + trail + " }"
}

func (g *generator) section(path []string, header string) {
	indent, equals := pick(g, "", "", "  ", "\t"), pick(g, " = ", " = ", "=", "   = ", "\t=\t")
	if path != nil {
		g.add(path, header)
		if g.maybe() {
			g.filler()
		}
	}
	for range g.IntN(4) {
		g.entry(path, equals, indent)
		if g.IntN(3) == 0 {
			g.filler()
		}
	}
	g.filler()
}

// document writes a document.
func (g *generator) document() string {
	g.filler()
	g.section(nil, "")
	for range g.IntN(5) {
		name := g.name()
		path := []string{name}
		header := written(g, name)
		if g.maybe() {
			sub := g.name() + "s"
			path, header = append(path, sub), header+pick(g, ".", " . ")+written(g, sub)
		}
		if g.IntN(6) == 0 {
			g.sealed = append(g.sealed, path)
			for range 1 + g.IntN(2) {
				leaves, tables := len(g.leaves), len(g.tables)
				g.section(path, "[["+header+"]]"+g.comment())
				g.leaves, g.tables = g.leaves[:leaves], g.tables[:tables]
			}
			continue
		}
		g.tables = append(g.tables, path)
		g.section(path, pick(g, "", "  ")+"["+header+"]"+g.comment())
	}
	eol := pick(g, "\n", "\r\n")
	var lines []string
	for i := range g.blocks {
		lines = append(lines, g.blocks[i].lines...)
	}
	text := strings.Join(lines, eol)
	if len(lines) > 0 && g.maybe() {
		text += eol
	}
	return text
}

func (g *generator) op() edit.Op {
	all := slices.Concat(g.leaves, g.tables, g.sealed)
	table := pick(g, append(g.tables, nil, nil)...)
	fresh := slices.Concat(table, []string{g.name() + "z"})
	switch {
	case len(all) > 0 && g.IntN(3) == 0:
		return edit.Unset(pick(g, all...)...)
	case len(g.leaves) > 0 && g.maybe():
		return edit.Set(g.value(), pick(g, g.leaves...)...)
	case len(g.tables) > 0 && g.IntN(4) == 0:
		return edit.Set(map[string]string{g.name(): g.text(), "b": "x"}, pick(g, g.tables...)...)
	case g.IntN(4) == 0:
		return edit.Set(map[string]string{g.name(): g.text()}, fresh...)
	case g.maybe():
		return edit.Set(g.value(), append(fresh, g.name())...)
	}
	return edit.Set(g.value(), fresh...)
}

// The result says what the text said, but for the edit, and every line that it
// does not concern is there, byte for byte and in order.
func TestTOMLProperty(t *testing.T) {
	t.Parallel()
	for seed := range cases() {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
		before := g.document()
		op := g.op()
		after, err := edit.TOML([]byte(before), op)
		what := fmt.Sprintf("seed %d, %#v\n%s\n--- after\n%s", seed, op, before, after)
		require.NoError(t, err, what)
		var was, is map[string]any
		require.NoError(t, toml.Unmarshal([]byte(before), &was), what)
		require.NoError(t, toml.Unmarshal(after, &is), what)
		require.Equal(t, fmt.Sprint(model(was, op)), fmt.Sprint(model(is, op)), what)
		g.checkLines(t, op, before, string(after), what)
		again, err := edit.TOML(after, op)
		require.NoError(t, err, what)
		require.Equal(t, string(after), string(again), what)
	}
}

// checkLines checks that the lines that op does not concern are untouched.
func (g *generator) checkLines(t *testing.T, op edit.Op, before, after, what string) {
	t.Helper()
	concerns := func(path []string) bool {
		n := min(len(path), len(op.Path))
		return n > 0 && slices.Equal(path[:n], op.Path[:n]) && (len(path) >= len(op.Path) || !g.header(path))
	}
	removes := op.Value == nil && slices.ContainsFunc(slices.Concat(g.tables, g.sealed), func(p []string) bool { return slices.Equal(p, op.Path) })
	var kept []string
	gone, inTable := 0, false
	for _, b := range g.blocks {
		if g.header(b.path) && len(b.lines) == 1 {
			inTable = removes && concerns(b.path)
		}
		blankLine := len(b.lines) == 1 && b.lines[0] == ""
		switch {
		case concerns(b.path), inTable && b.path == nil, removes && blankLine: // a table takes comments between its keys along
			gone += len(b.lines)
		default:
			kept = append(kept, b.lines...)
		}
	}
	got := strings.Split(strings.ReplaceAll(after, "\r\n", "\n"), "\n")
	for _, line := range kept {
		i := slices.Index(got, line)
		require.GreaterOrEqual(t, i, 0, "the line %q is lost, moved or changed\n%s", line, what)
		got = got[i+1:]
	}
	eol := strings.Count(before, "\r\n") > 0
	if eol {
		require.Equal(t, strings.Count(after, "\n"), strings.Count(after, "\r\n"), "line ends\n%s", what)
	}
	lines := strings.Count(after, "\n") - strings.Count(before, "\n")
	require.LessOrEqual(t, lines, 4, what)
	if before != "" && op.Value != nil { // what is above a removed last line may be blank
		require.Equal(t, strings.HasSuffix(before, "\n"), strings.HasSuffix(after, "\n"), what)
	}
}

// header reports whether path is a table that may have a header.
func (g *generator) header(path []string) bool {
	return slices.ContainsFunc(g.blocks, func(b block) bool {
		return len(b.lines) == 1 && strings.HasPrefix(strings.TrimLeft(b.lines[0], " \t"), "[") && slices.Equal(b.path, path)
	}) && len(path) > 0
}

// model does to a parsed document what op says, and leaves tables above its key
// out when they are empty.
func model(tree map[string]any, op edit.Op) map[string]any {
	tree = maps.Clone(tree)
	key := op.Path[0]
	below, isTable := tree[key].(map[string]any)
	if !isTable {
		below = map[string]any{}
	}
	switch {
	case len(op.Path) > 1:
		if below = model(below, edit.Op{Path: op.Path[1:], Value: op.Value}); len(below) > 0 {
			tree[key] = below
		} else {
			delete(tree, key)
		}
	case op.Value == nil:
		delete(tree, key)
	default:
		tree[key] = plain(op.Value)
	}
	return tree
}

func plain(v any) any {
	switch v := reflect.ValueOf(v); v.Kind() {
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = v.Index(i).Interface()
		}
		return list
	case reflect.Map:
		table := map[string]any{}
		for _, k := range v.MapKeys() {
			table[k.String()] = v.MapIndex(k).Interface()
		}
		return table
	default:
		return v.Interface()
	}
}

// The same for JSON, over objects written in three ways.
func TestJSONProperty(t *testing.T) {
	t.Parallel()
	for seed := range cases() {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 2))}
		tree := g.object(nil, 0)
		before, err := json.Marshal(tree)
		require.NoError(t, err)
		if style := g.IntN(3); style > 0 {
			before, err = json.MarshalIndent(tree, "", strings.Repeat(" ", style))
			require.NoError(t, err)
		}
		op := g.op()
		after, err := edit.JSON(before, op)
		what := fmt.Sprintf("seed %d, %#v\n%s\n--- after\n%s", seed, op, before, after)
		require.NoError(t, err, what)
		var is map[string]any
		require.NoError(t, json.Unmarshal(after, &is), what)
		want, err := json.Marshal(model(tree, op))
		require.NoError(t, err)
		got, err := json.Marshal(model(is, op))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), what)
		lost := outside(strings.Split(string(before), "\n"), strings.Split(string(after), "\n"))
		assert.LessOrEqual(t, lost, 3+concernedLines(tree, op.Path), what)
	}
}

// outside returns how many lines of before are left without those that it
// begins and ends with in common with after.
func outside(before, after []string) int {
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	return len(before)
}

// concernedLines returns how many lines the value at path has at most.
func concernedLines(tree map[string]any, path []string) int {
	v, ok := tree[path[0]]
	below, isTable := v.(map[string]any)
	switch {
	case !ok:
		return 0
	case len(path) > 1 && isTable:
		return concernedLines(below, path[1:])
	}
	text, _ := json.MarshalIndent(v, "", " ")
	return 1 + strings.Count(string(text), "\n")
}

func (g *generator) object(path []string, depth int) map[string]any {
	tree := map[string]any{}
	for range g.IntN(5) {
		name := g.name()
		g.blocks = append(g.blocks, block{})
		here := append(slices.Clone(path), name)
		if g.IntN(3) == 0 && depth < 3 {
			tree[name] = g.object(here, depth+1)
			g.tables = append(g.tables, here)
			continue
		}
		g.leaves = append(g.leaves, here)
		tree[name] = pick[any](g, nil, true, 1.5, "a\n", []any{"x", "y"}, []any{1.0, nil}, []any{}, g.text())
	}
	return tree
}
