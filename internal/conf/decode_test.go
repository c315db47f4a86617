package conf_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
)

// A colour is a word of a closed set.
type colour string

var colours = []colour{"red", "green"}

func parseColour(s string) (colour, error) { return enum.Parse("colour", colours, s) }

func (c *colour) UnmarshalText(text []byte) error { return enum.Set(c, parseColour, text) }

// A thing has a field of every type that configuration uses.
type thing struct {
	Name   string            `koanf:"name" validate:"required"`
	Note   string            `koanf:"note" conf:"multiline"`
	Count  int               `koanf:"count"`
	Least  *int              `koanf:"least" validate:"omitnil,min=8"`
	Ratio  *float64          `koanf:"ratio" validate:"omitnil,max=1"`
	On     *bool             `koanf:"on"`
	Colour colour            `koanf:"colour"`
	Words  []string          `koanf:"words"`
	Env    map[string]string `koanf:"env"`
	Mode   string            `koanf:"mode" validate:"omitempty,oneof=slow fast"`
}

type shelf struct {
	Things map[string]*thing `koanf:"things" validate:"dive"`
}

// shelve decodes a document.
func shelve(t *testing.T, doc string) (shelf, error) {
	t.Helper()
	d, err := conf.ParseTOML("f.toml", []byte(doc))
	if err != nil {
		return shelf{}, err
	}
	var s shelf
	return s, d.Decode(&s, conf.Reject)
}

const good = "[things.a]\nname = 'a'\n"

func TestDecode(t *testing.T) {
	t.Parallel()
	s, err := shelve(t, good+`note = """two
lines"""
count = -1_000
least = 8
ratio = 1
on = false
colour = "green"
words = ["a", "b\tc"]
env = { A = "1", "b.c" = "2" }
mode = "fast"
`)
	require.NoError(t, err)
	assert.Equal(t, &thing{
		Name: "a", Note: "two\nlines", Count: -1000, Least: new(8), Ratio: new(1.0), On: new(false), Colour: "green",
		Words: []string{"a", "b\tc"}, Env: map[string]string{"A": "1", "b.c": "2"}, Mode: "fast",
	}, s.Things["a"])
}

// No value is converted, cut or rounded, and every problem has its line.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ doc, want string }{
		"unknown key":          {good + "nam = 1\n", `f.toml:3:1: things.a.nam: unknown key, did you mean "name"?`},
		"unknown, none close":  {good + "x = 1\n", "f.toml:3:1: things.a.x: unknown key, want one of colour, count, env, least, mode, name, note, on, ratio, words"},
		"case matters":         {good + "ON = true\n", `f.toml:3:1: things.a.ON: unknown key, did you mean "on"?`},
		"unknown table":        {good + "[things.a.deep.er]\nx = 1\n", "f.toml:3:11: things.a.deep: unknown key, want one of colour, count, env, least, mode, name, note, on, ratio, words"},
		"string for integer":   {good + "count = '1'\n", `f.toml:3:1: things.a.count: must be an integer, got the string "1"`},
		"bool for integer":     {good + "count = true\n", "f.toml:3:1: things.a.count: must be an integer, got true"},
		"float for integer":    {good + "count = 80.9\n", "f.toml:3:1: things.a.count: must be an integer, got 80.9"},
		"whole float":          {good + "count = 80.0\n", "f.toml:3:1: things.a.count: must be an integer, got 80"},
		"string for bool":      {good + "on = ''\n", `f.toml:3:1: things.a.on: must be true or false, got the string ""`},
		"integer for bool":     {good + "on = 1\n", "f.toml:3:1: things.a.on: must be true or false, got 1"},
		"infinite":             {good + "ratio = inf\n", "f.toml:3:1: things.a.ratio: must be a number, got +Inf"},
		"not a number":         {good + "ratio = nan\n", "f.toml:3:1: things.a.ratio: must be a number, got NaN"},
		"integer, inexact":     {good + "ratio = 9007199254740993\n", "f.toml:3:1: things.a.ratio: must be a number, got 9007199254740993"},
		"integer for string":   {"[things.a]\nname = 1\n", "f.toml:2:1: things.a.name: must be a string, got 1"},
		"date for string":      {"[things.a]\nname = 2026-01-01\n", "f.toml:2:1: things.a.name: must be a string, got the date or time 2026-01-01"},
		"table for string":     {"[things.a.name]\nx = 1\n", "f.toml:1:11: things.a.name: must be a string, got a table"},
		"table for list":       {good + "[things.a.words]\nx = 1\n", "f.toml:3:11: things.a.words: must be a list, got a table"},
		"string for list":      {good + "words = 'a'\n", `f.toml:3:1: things.a.words: must be a list, got the string "a"`},
		"list for table":       {good + "env = []\n", "f.toml:3:1: things.a.env: must be a table, got a list"},
		"string for table":     {"things = 'a'\n", `f.toml:1:1: things: must be a table, got the string "a"`},
		"element":              {good + "words = ['a',\n  2]\n", "f.toml:4:3: things.a.words[1]: must be a string, got 2"},
		"entry of a map":       {good + "env = { A = 1 }\n", "f.toml:3:9: things.a.env.A: must be a string, got 1"},
		"word outside its set": {good + "colour = 'blue'\n", `f.toml:3:1: things.a.colour: unknown colour "blue": want one of red, green`},
		"word close to one":    {good + "colour = 'gren'\n", `f.toml:3:1: things.a.colour: unknown colour "gren": want one of red, green, did you mean "green"?`},
		"integer for word":     {good + "colour = 3\n", "f.toml:3:1: things.a.colour: must be a string, got 3"},
		"explicit zero":        {good + "least = 0\n", "f.toml:3:1: things.a.least: must be at least 8, got 0"},
		"too much":             {good + "ratio = 1.5\n", "f.toml:3:1: things.a.ratio: must be at most 1, got 1.5"},
		"one of":               {good + "mode = 'idle'\n", `f.toml:3:1: things.a.mode: must be slow or fast, got "idle"`},
		"missing":              {"\n[things.'q.5']\ncount = 1\n", "f.toml:2:9: things.\"q.5\".name: is required"},
		"empty":                {"[things.a]\nname = ''\n", "f.toml:2:1: things.a.name: must not be empty"},
		"control character":    {"[things.a]\nname = \"a\\u0000\"\n", `f.toml:2:1: things.a.name: has the control character '\x00' at byte 1: remove it`},
		"line end in a word":   {"[things.a]\nname = \"a\\nb\"\n", `f.toml:2:1: things.a.name: has the control character '\n' at byte 1: remove it`},
		"escape in a note":     {good + "note = \"a\\u001b[31m\"\n", `f.toml:3:1: things.a.note: has the control character '\x1b' at byte 1: remove it`},
		"key with a line end":  {good + "env = { \"A\\nB\" = '1' }\n", `f.toml:3:9: things.a.env."A\nB": the key has a control character: remove it`},
		"inline table":         {"things.a = { name = 'a', nam = 1 }\n", `f.toml:1:26: things.a.nam: unknown key, did you mean "name"?`},
		"several, in order": {
			"zeta = 1\n[things.b]\nname = 1\non = 3\n[things.a]\nname = 'a'\ncount = 1.5\nfoo = 1\n",
			"f.toml:1:1: zeta: unknown key, want one of things\nf.toml:3:1: things.b.name: must be a string, got 1\nf.toml:4:1: things.b.on: must be true or false, got 3\n" +
				"f.toml:7:1: things.a.count: must be an integer, got 1.5\nf.toml:8:1: things.a.foo: unknown key, want one of colour, count, env, least, mode, name, note, on, ratio, words",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := shelve(t, tc.doc)
			require.EqualError(t, err, tc.want)
			require.ErrorIs(t, err, conf.ErrInvalid)
		})
	}
}

// A problem at one key leaves the others decoded.
func TestDecodeKeepsTheRest(t *testing.T) {
	t.Parallel()
	s, err := shelve(t, "[things.a]\nname = 'a'\ncount = 'x'\non = true\n[things.b]\nname = 'b'\n")
	require.ErrorIs(t, err, conf.ErrType)
	assert.Equal(t, &thing{Name: "a", On: new(true)}, s.Things["a"])
	assert.Equal(t, &thing{Name: "b"}, s.Things["b"])
}

func TestClasses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		want error
	}{
		"syntax":   {"[", conf.ErrSyntax},
		"unknown":  {good + "x = 1\n", conf.ErrUnknownKey},
		"type":     {good + "on = 1\n", conf.ErrType},
		"value":    {good + "least = 1\n", conf.ErrValue},
		"enum":     {good + "colour = 'blue'\n", enum.ErrUnknown},
		"required": {"[things.a]\n", conf.ErrRequired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := shelve(t, tc.doc)
			require.ErrorIs(t, err, tc.want)
			var one conf.ValidationError
			require.ErrorAs(t, err, &one)
			assert.Equal(t, "f.toml", one.File)
			var byPointer *conf.ValidationError
			require.ErrorAs(t, err, &byPointer)
			assert.Equal(t, one, *byPointer)
		})
	}
}

func TestUnknownKeysCanBeKeptOrIgnored(t *testing.T) {
	t.Parallel()
	doc, err := conf.ParseTOML("f.toml", []byte("[things.a]\nname = 'a'\nx = 1\n"))
	require.NoError(t, err)
	var s shelf
	require.NoError(t, doc.Decode(&s, conf.Ignore))
	assert.Empty(t, doc.UnknownKeys())
	require.NoError(t, doc.Decode(&s, conf.Keep))
	require.Len(t, doc.UnknownKeys(), 1)
	assert.Equal(t, []string{"things", "a", "x"}, doc.UnknownKeys()[0].Keys)
}

func TestProblems(t *testing.T) {
	t.Parallel()
	assert.Empty(t, conf.Problems(nil))
	other := errors.New("disk on fire")
	require.ErrorIs(t, conf.Problems(other).Err(), other)
	assert.Equal(t, "disk on fire", conf.Problems(other).Err().Error())
	one := conf.At(conf.ErrValue, "is odd", "list", "3", "a b")
	assert.Equal(t, `list[3]."a b": is odd`, conf.Problems(one).Err().Error())
}
