package conf_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// What is not TOML at all says where, in characters and not in bytes.
func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ doc, want string }{
		"byte order mark":   {"\ufeffa = 1\n", "f.toml:1:1: begins with a byte order mark: save it as UTF-8 without one"},
		"not UTF-8":         {"a = 1\nb = \"\xff\"\n", "f.toml:2:6: byte 0xff is not UTF-8: save the file as UTF-8"},
		"no value":          {"a =\n", "f.toml:1:4: "},
		"after a wide word": {"a = \"ü\" x\n", "f.toml:1:9: "},
		"key twice":         {"a = 1\na = 2\n", "f.toml:2:1: a: "},
		"table twice":       {"[a]\n[b]\n[a]\n", "f.toml:3:2: a: "},
		"NUL":               {"a = \"\x00\"\n", "f.toml:1:6: "},
		"never closed":      {"a = \"b\n", "f.toml:1:7: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := conf.ParseTOML("f.toml", []byte(tc.doc))
			require.ErrorIs(t, err, conf.ErrSyntax)
			assert.True(t, strings.HasPrefix(err.Error(), tc.want), err.Error())
			assert.Greater(t, len(err.Error()), len("f.toml:1:1: ")+3, "it has words")
		})
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	doc, err := conf.ParseTOML("f.toml", []byte("a = 1\n[slot]\nname = 7\n"))
	require.NoError(t, err)
	doc.Move([]string{"name"}, []string{"slot", "name"})
	doc.Move([]string{"nothing"}, []string{"slot", "nothing"})
	assert.True(t, doc.Has("name"))
	assert.False(t, doc.Has("slot"), "a table that is left empty is gone")
	assert.False(t, doc.Has("nothing"))
	var out struct {
		A    int    `koanf:"a"`
		Name string `koanf:"name"`
	}
	require.EqualError(t, doc.Decode(&out, conf.Reject), "f.toml:3:1: slot.name: must be a string, got 7", "spelled and placed as in the file")
}

// What is moved twice is found where it was at first, and so is what is below it.
func TestMoveAgain(t *testing.T) {
	t.Parallel()
	doc, err := conf.ParseTOML("f.toml", []byte("[slot.model]\nsize = 1\ntags = { a = 1 }\n[other]\nx = 1\n"))
	require.NoError(t, err)
	doc.Move([]string{"model"}, []string{"slot", "model"})
	doc.Move([]string{"model", "large", "bytes"}, []string{"model", "size"})
	doc.Drop("other", "x")
	doc.Drop("none", "x")
	assert.Equal(t, map[string]any{"model": map[string]any{"large": map[string]any{"bytes": int64(1)}, "tags": map[string]any{"a": int64(1)}}}, doc.Raw())
	assert.Equal(t, "f.toml:2:1: slot.model.size: x", doc.Problem(nil, "x", "model", "large", "bytes").Error())
	assert.Equal(t, "f.toml:3:10: slot.model.tags.a: x", doc.Problem(nil, "x", "model", "tags", "a").Error())
}

// A key that is missing is blamed on what is there.
func TestAt(t *testing.T) {
	t.Parallel()
	doc, err := conf.ParseTOML("f.toml", []byte("# c\n[a.b]\nc = 1\n[[l]]\nx = 1\n[[l]]\nx = 2\n"))
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		path      []string
		line, col int
	}{
		"a key":              {[]string{"a", "b", "c"}, 3, 1},
		"missing in a table": {[]string{"a", "b", "d"}, 2, 4},
		"an implied table":   {[]string{"a"}, 2, 2},
		"second of a list":   {[]string{"l", "1", "x"}, 7, 1},
		"missing at the top": {[]string{"z"}, 1, 1},
		"the file":           {nil, 0, 0},
	} {
		line, col := doc.At(tc.path...)
		assert.Equal(t, [2]int{tc.line, tc.col}, [2]int{line, col}, name)
	}
}

func TestClosest(t *testing.T) {
	t.Parallel()
	words := []string{"chat", "embed", "rerank", "embedding", "port"}
	for word, want := range map[string]string{
		"chta": "chat", "Embed": "embed", "embeding": "embedding", "rernk": "rerank", "prot": "port", "rera": "rerank",
		"emb": "", "x": "", "": "", "voice": "", "chat": "chat",
	} {
		assert.Equal(t, want, conf.Closest(word, words), word)
	}
	assert.Empty(t, conf.Closest("slot3", []string{"slot1", "slot2"}), "two are equally close")
}

func TestJSON(t *testing.T) {
	t.Parallel()
	doc, err := conf.ParseJSON("f.json", []byte("{\n  \"a\": {\"b\": [1, {\"ü\": 2, \"c\": null}]},\n  \"n\": 9007199254740993\n}\n"))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{
		"a": map[string]any{"b": []any{int64(1), map[string]any{"ü": int64(2)}}}, "n": int64(9007199254740993),
	}, doc.Raw(), "integers stay exact, and null is the same as nothing")
	line, col := doc.At("a", "b", "1", "c")
	assert.Equal(t, [2]int{2, 27}, [2]int{line, col}, "in characters")

	for name, tc := range map[string]struct{ doc, want string }{
		"empty":            {"", "f.json:1:1: ends too early: a value or a closing brace is missing"},
		"a list":           {"[]", "f.json:1:1: must be a JSON object, beginning with {"},
		"not closed":       {"{\"a\": 1", "f.json:1:8: ends too early: a value or a closing brace is missing"},
		"twice":            {"{\"a\": 1,\n \"a\": 2}", `f.json:2:2: key "a" is written twice`},
		"something more":   {"{} {}", "f.json:1:4: something follows the closing brace: a file holds one object"},
		"too large":        {`{"a": 1e999}`, "f.json:1:7: the number 1e999 is too large"},
		"too large whole":  {`{"a": 99999999999999999999}`, "f.json:1:7: the number 99999999999999999999 is too large"},
		"a word":           {"{\n\"b\": 1,\n\"a\": tru}", "f.json:3:6: invalid character '}' in literal true (expecting 'e')"},
		"no colon":         {"{\n\"b\": [1, 2],\n\"a\" 1}", "f.json:3:5: invalid character '1' after object key"},
		"a comma too many": {"{\n\"b\": [1, 2],\n}", "f.json:3:1: invalid character '}' looking for beginning of object key string"},
		"too deep":         {strings.Repeat(`{"a":`, 102), "f.json:1:506: is nested deeper than 100 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := conf.ParseJSON("f.json", []byte(tc.doc))
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, conf.ErrSyntax)
		})
	}
}

// FuzzPositions holds the index of positions against the parser: every key of
// every document that parses has a position, and that is where it is written.
func FuzzPositions(f *testing.F) {
	for _, doc := range []string{
		"a = 1\n[b.c]\nd.e = 2\n[[l]]\nx = 1\n[[l]]\nx = [1, {y = 2}]\n",
		"[a]\n'q.5' = 1\n\"ü\" = 2\n", "a.b = 1\na.c = { d.e = 1 }\n", "a = [[1], [2, [3]]]\n", "[a.b]\n[a]\nx = 1\n", "[[a]]\n[[a.b]]\nx=1\n[[a.b]]\nx=2\n",
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var raw map[string]any
		bare := toml.Unmarshal(data, &raw)
		doc, err := conf.ParseTOML("f.toml", data)
		if (bare == nil) != (err == nil) && !strings.HasPrefix(string(data), "\ufeff") {
			t.Fatalf("go-toml says %v, we say %v", bare, err)
		}
		if err == nil {
			positions(t, doc, strings.Split(string(data), "\n"), doc.Raw(), nil)
		}
	})
}

// positions checks the keys of a table and what is below them.
func positions(t *testing.T, doc *conf.Document, lines []string, v any, path []string) {
	t.Helper()
	below := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		below = v
	case []any:
		for i, e := range v {
			below[strconv.Itoa(i)] = e
		}
	}
	for _, key := range slices.Sorted(maps.Keys(below)) {
		at := append(slices.Clone(path), key)
		line, col := doc.At(at...)
		if line < 1 || line > len(lines) || col < 1 || col > len([]rune(lines[line-1]))+1 {
			t.Fatalf("%q is said to be at %d:%d", at, line, col)
		}
		rest := string([]rune(lines[line-1])[col-1:])
		if _, table := v.(map[string]any); table && !strings.HasPrefix(rest, key) && !strings.HasPrefix(rest, "'") && !strings.HasPrefix(rest, `"`) {
			t.Fatalf("%q is said to be at %d:%d, where %q stands", at, line, col, rest)
		}
		positions(t, doc, lines, below[key], at)
	}
}

// FuzzJSON: whatever a file says, it is an object or a problem with a place.
func FuzzJSON(f *testing.F) {
	for _, doc := range []string{`{"a":[1,{"b":null}],"c":"\ud800"}`, `{"a":1,"a":2}`, "{}\x00", `[`, `{"a":1e400}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := conf.ParseJSON("f.json", data)
		if err != nil {
			var p conf.ValidationError
			require.ErrorAs(t, err, &p)
			assert.Positive(t, p.Line)
			assert.NotEmpty(t, p.Message)
			return
		}
		assert.NotNil(t, doc.Raw())
	})
}

// The position of a key costs nothing until somebody asks.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "[things.t%d]\nname = \"a\"\ncount = %d\nwords = [\"a\", \"b\"]\n", i, i)
	}
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			doc, err := conf.ParseTOML("f.toml", data)
			require.NoError(b, err)
			var s shelf
			require.NoError(b, doc.Decode(&s, conf.Reject))
		}
	})
	b.Run("position", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			doc, err := conf.ParseTOML("f.toml", data)
			require.NoError(b, err)
			if line, _ := doc.At("things", "t199", "count"); line != 799 {
				b.Fatal(line)
			}
		}
	})
}
