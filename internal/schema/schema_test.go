package schema_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/internal/schema"
	"github.com/hal0ai/hal0-go/internal/schematest"
)

type colour string

func (c *colour) UnmarshalText(text []byte) error {
	return enum.Set(c, func(s string) (colour, error) { return enum.Parse("colour", []colour{"red"}, s) }, text)
}

// A shelf has every kind of value that conf decodes.
type shelf struct {
	Name   string           `koanf:"name" validate:"required"`
	Notes  string           `koanf:"notes" conf:"multiline"`
	Kind   string           `koanf:"kind" validate:"omitempty,oneof=oak pine"`
	Colour colour           `koanf:"colour"`
	Height *int             `koanf:"height" validate:"omitnil,min=1,max=9"`
	Weight float64          `koanf:"weight" validate:"min=0"`
	Size   int64            `koanf:"size"`
	Open   *bool            `koanf:"open"`
	Tags   []string         `koanf:"tags"`
	Books  map[string]*book `koanf:"books" validate:"dive"`
	Best   book             `koanf:"best"`
	Hidden string
}

type book struct {
	Title string `koanf:"title" validate:"required"`
}

func notes() map[string]schema.Note {
	return map[string]schema.Note{
		"name":          {Text: "Its name.", Pattern: "^[a-z]+$", Not: "^x", Examples: []any{"a"}},
		"colour":        {Text: "Its colour.", Enum: []string{"red"}, Empty: true, Default: "red"},
		"size":          {Min: 2, Max: 3},
		"books":         {Keys: "^[a-z]$"},
		"books.*":       {Text: "A book."},
		"books.*.title": {Text: "Its title.", Pattern: "^T$", Empty: true},
		"tags.*":        {Text: "A tag."},
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	const line, lines = `"^[^\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]*$"`, `"^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"`
	s := schema.Of[shelf](schema.Rules{Unknown: conf.Reject, Notes: notes()})
	assert.JSONEq(t, `{"type":"object","additionalProperties":false,"required":["name"],"properties":{
		"name":{"type":"string","description":"Its name.","pattern":"^[a-z]+$","not":{"type":"string","pattern":"^x"},"minLength":1,"examples":["a"]},
		"notes":{"type":"string","pattern":`+lines+`},
		"kind":{"type":"string","enum":["oak","pine",""]},
		"colour":{"type":"string","description":"Its colour.","enum":["red",""],"default":"red"},
		"height":{"type":"integer","minimum":1,"maximum":9},
		"weight":{"type":"number","minimum":0},
		"size":{"type":"integer","minimum":2,"maximum":3},
		"open":{"type":"boolean"},
		"tags":{"type":"array","items":{"type":"string","description":"A tag.","pattern":`+line+`}},
		"books":{"type":"object","propertyNames":{"pattern":"^[a-z]$"},"additionalProperties":{"type":"object","description":"A book.",
			"additionalProperties":false,"required":["title"],"properties":{"title":{"type":"string","description":"Its title.","pattern":"^$|^T$","minLength":1}}}},
		"best":{"type":"object","additionalProperties":false,"required":["title"],"properties":{"title":{"type":"string","pattern":`+line+`,"minLength":1}}}
	}}`, string(s.JSON()))
}

// Null is allowed where the key may be absent, and only if the format has it.
func TestNull(t *testing.T) {
	t.Parallel()
	text := schema.Of[shelf](schema.Rules{Unknown: conf.Ignore, Null: true, Notes: notes()}).JSON()
	s := schematest.Compile(t, text)
	for doc, want := range map[string]bool{
		`{"name":"a","notes":null,"kind":null,"colour":null,"height":null,"open":null,"tags":null,"books":null,"best":null}`: true,
		`{"name":"a","books":{"a":null},"other":null}`: true,
		`{"name":null}`: false,
		`{"name":"a","books":{"a":{"title":null}}}`:           false,
		`{"name":"a","tags":[null]}`:                          false,
		`{"name":"xa"}`:                                       false,
		`{"name":"a","books":{"ab":{"title":"T"}}}`:           false,
		`{"name":"a","books":{"b":{"title":"T","pages":10}}}`: true,
	} {
		assert.Equal(t, want, s.JSON([]byte(doc)) == nil, doc)
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	assert.JSONEq(t, `{"properties":{"a":{"properties":{"b":{"not":{}}}}}}`, string(schema.At(schema.Never(), "a", "b").JSON()))
	assert.Contains(t, string((&schema.Schema{Title: "a < b & c"}).JSON()), "a < b & c", "for people to read")
}

// What a schema can't be made of is a mistake of this module's own.
func TestMistakes(t *testing.T) {
	t.Parallel()
	type odd struct {
		A string `koanf:"a" validate:"email"`
	}
	type unbounded struct {
		A int `koanf:"a" validate:"min=x"`
	}
	type narrow struct {
		A int8 `koanf:"a"`
	}
	require.PanicsWithValue(t, "a schema has no word for the rule email", func() { schema.Of[odd](schema.Rules{}) })
	require.PanicsWithValue(t, `a bound is no number: strconv.Atoi: parsing "x": invalid syntax`, func() { schema.Of[unbounded](schema.Rules{}) })
	require.PanicsWithValue(t, "a: conf decodes no int8", func() { schema.Of[narrow](schema.Rules{}) })
	require.PanicsWithValue(t, "a note is about no key: b", func() {
		schema.Of[narrowless](schema.Rules{Notes: map[string]schema.Note{"b": {}}})
	})
	require.PanicsWithValue(t, "a schema holds what JSON can't: json: unsupported type: func()", func() { (&schema.Schema{Default: func() {}}).JSON() })
}

type narrowless struct {
	A int `koanf:"a"`
}
