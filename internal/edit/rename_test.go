package edit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/edit"
)

func TestRenameTOML(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc      string
		to, path []string
		want     string // or the error
	}{
		"a key":              {"# one\na = 1 # why\nb = 2\n", []string{"c"}, []string{"a"}, "# one\nc = 1 # why\nb = 2\n"},
		"in a table":         {"[t]\r\n  'a' = 1\r\n", []string{"c"}, []string{"t", "a"}, "[t]\r\n  c = 1\r\n"},
		"a dotted key":       {"t.a = 1\n", []string{"c"}, []string{"t", "a"}, "t.c = 1\n"},
		"to a dotted key":    {"a = 'x' # why\n", []string{"a", "b c"}, []string{"a"}, "a.\"b c\" = 'x' # why\n"},
		"in an inline table": {"t = { a = 1, b = 2 }\n", []string{"c"}, []string{"t", "a"}, "t = { c = 1, b = 2 }\n"},
		"an inline table":    {"t = { a = 1 }\n", []string{"u"}, []string{"t"}, "u = { a = 1 }\n"},
		"one that is there":  {"a = 1\nb = 2\n", []string{"b"}, []string{"a"}, "the edited text would not load, so nothing is changed: 2:1: b: key b is already defined"},
		"into another table": {"a = 1\n[b]\nc = 1\n", []string{"b", "d"}, []string{"a"}, "the edited text would not load, so nothing is changed: 2:2: b: table b already exists as defined by a dotted key"},
		"one that is not":    {"a = 1\n", []string{"b"}, []string{"c"}, "c: is no key with a value, so it can't be renamed"},
		"a table":            {"[a]\nb = 1\n", []string{"b"}, []string{"a"}, "a: is no key with a value, so it can't be renamed"},
		"below a value":      {"a = 1\n", []string{"b"}, []string{"a", "c"}, "1:1: a: is a number, not a table: \"c\" can't be below it"},
		"not TOML":           {"a = \n", []string{"b"}, []string{"a"}, "1:5: unexpected character U+000A at start of value"},
		"no key":             {"a = 1\n", nil, []string{"a"}, "a: an edit needs the key that it is for"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.RenameTOML([]byte(tc.doc), tc.to, tc.path...)
			if err != nil {
				require.EqualError(t, err, tc.want)
				assert.Nil(t, got)
				return
			}
			assert.Equal(t, tc.want, string(got))
		})
	}
}
