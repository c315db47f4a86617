package edit_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/edit"
)

const manifestText = `{
  "_schema": "hal0.manifest.v1",
  "other" : [1.50, null, {"x": 1e3}],
  "toolbox_images": {
    "flm": {
      "tag": "ghcr.io/a/b:1",
      "digest": null
    }
  }
}
`

func TestJSON(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]edited{
		"a string":            {manifestText, edit.Set("sha256:<a>", "toolbox_images", "flm", "digest"), `"digest": null|"digest": "sha256:<a>"`},
		"null":                {`{"a": 1}`, edit.Set(edit.Null{}, "a"), `{"a": null}`},
		"null to null":        {`{"a":null}`, edit.Set(edit.Null{}, "a"), `{"a":null}`},
		"a number":            {`{"a": true }`, edit.Set(int64(9007199254740993), "a"), `{"a": 9007199254740993 }`},
		"a float":             {`{"a" :[1,{}] }`, edit.Set(0.5, "a"), `{"a" :0.5 }`},
		"true":                {"{\r\n\t\"a\": 0\r\n}", edit.Set(true, "a"), "{\r\n\t\"a\": true\r\n}"},
		"an object for one":   {`{"a": 0}`, edit.Set(map[string]string{"x": "1"}, "a"), `{"a": {"x":"1"}}`},
		"a key with escapes":  {`{"\u0061": 0}`, edit.Set(1, "a"), `{"\u0061": 1}`},
		"add":                 {manifestText, edit.Set("n", "toolbox_images", "flm", "_notes"), "\"digest\": null\n|\"digest\": null,\n      \"_notes\": \"n\"\n"},
		"add at the top":      {manifestText, edit.Set(1, "version"), "  }\n}\n|  },\n  \"version\": 1\n}\n"},
		"add an object":       {manifestText, edit.Set("x:1", "toolbox_images", "new", "tag"), "    }\n  }\n|    },\n    \"new\": {\n      \"tag\": \"x:1\"\n    }\n  }\n"},
		"add a map":           {manifestText, edit.Set(map[string]string{"b": "2", "a": "1"}, "toolbox_images", "new"), "    }\n  }\n|    },\n    \"new\": {\n      \"a\": \"1\",\n      \"b\": \"2\"\n    }\n  }\n"},
		"add an empty map":    {`{"a":0}`, edit.Set(map[string]string{}, "b"), `{"a":0, "b":{}}`},
		"add to one line":     {`{"a":0,"b":1}`, edit.Set("x", "c", "d"), `{"a":0,"b":1,"c":{"d":"x"}}`},
		"add to nothing":      {`{}`, edit.Set("x", "c"), `{"c": "x"}`},
		"add to an empty one": {"{\n\t\"a\": {}\n}", edit.Set("x", "a", "c"), "{\n\t\"a\": {\n\t\t\"c\": \"x\"\n\t}\n}"},
		"add to blank lines":  {"{\r\n}\r\n", edit.Set("x", "c"), "{\r\n  \"c\": \"x\"\r\n}\r\n"},
		"add a list":          {`{}`, edit.Set([]string{"a", "<"}, "c"), `{"c": ["a", "<"]}`},
		"change a list":       {"{\n  \"c\": [\n    \"a\",\n    \"b\"\n  ]\n}", edit.Set([]string{"a", "x", "y"}, "c"), "{\n  \"c\": [\n    \"a\",\n    \"x\",\n    \"y\"\n  ]\n}"},
		"a value below":       {"{\"a\":\n  1}", edit.Set(2, "b"), "{\"a\":\n  1, \"b\": 2}"},
		"change a map":        {`{"e": {"x": "1", "y": 2}}`, edit.Set(map[string]string{"x": "1", "z": "3"}, "e"), `{"e": {"x": "1", "z": "3"}}`},
		"remove":              {manifestText, edit.Unset("other"), "  \"other\" : [1.50, null, {\"x\": 1e3}],\n|"},
		"remove the last":     {manifestText, edit.Unset("toolbox_images", "flm", "digest"), ",\n      \"digest\": null\n|\n"},
		"remove the only one": {`{ "a": 1 }`, edit.Unset("a"), `{}`},
		"remove from a line":  {`{"a": 1, "b": 2, "c": 3}`, edit.Unset("b"), `{"a": 1, "c": 3}`},
		"remove its end":      {`{"a": 1, "b": 2}`, edit.Unset("b"), `{"a": 1}`},
		"remove a lone line":  {"{\n  \"a\": 1\n}", edit.Unset("a"), "{\n}"},
		"remove an object":    {manifestText, edit.Unset("toolbox_images"), ",\n  \"toolbox_images\": {\n    \"flm\": {\n      \"tag\": \"ghcr.io/a/b:1\",\n      \"digest\": null\n    }\n  }\n|\n"},
		"remove nothing":      {manifestText, edit.Unset("toolbox_images", "x", "y"), "|"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := tc.after
			if tc.before == manifestText {
				want = replaced(t, manifestText, tc.after)
			}
			got, err := edit.JSON([]byte(tc.before), tc.op)
			require.NoError(t, err)
			assert.Equal(t, want, string(got))
			again, err := edit.JSON(got, tc.op)
			require.NoError(t, err)
			assert.Equal(t, want, string(again), "a second time changes nothing")
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		op   edit.Op
		want string
	}{
		"through a string": {"{\n \"a\": \"\"}", edit.Set(1, "a", "b"), `2:2: a: is a string, not a table: "b" can't be below it`},
		"through null":     {`{"a": null}`, edit.Set(1, "a", "b"), `1:2: a: is null, not a table: "b" can't be below it`},
		"through a list":   {`{"a": [{}]}`, edit.Unset("a", "0"), `1:2: a: is a list, not a table: "0" can't be below it`},
		"over an object":   {`{"a": {}}`, edit.Set(1, "a"), `1:2: a: is a table: remove it before setting a single value`},
		"not a number":     {`{}`, edit.Set(math.NaN(), "a"), `a: JSON can't write a number that is not finite`},
		"not an object":    {`[]`, edit.Set(1, "a"), `1:1: must be a JSON object, beginning with {`},
		"a key twice":      {`{"a":1,"a":2}`, edit.Set(1, "b"), `1:8: key "a" is written twice`},
		"not UTF-8":        {`{}`, edit.Set([]string{"\xff"}, "a"), `a: "\xff" is not UTF-8, and can't be written`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.JSON([]byte(tc.doc), tc.op)
			require.EqualError(t, err, tc.want)
			assert.Nil(t, got)
		})
	}
}
