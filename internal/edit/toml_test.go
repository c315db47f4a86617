package edit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/edit"
)

// An edited is a text before and after an edit.
type edited struct {
	before string
	op     edit.Op
	after  string
}

func checkTOML(t *testing.T, cases map[string]edited) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.TOML([]byte(tc.before), tc.op)
			require.NoError(t, err)
			assert.Equal(t, tc.after, string(got))
			again, err := edit.TOML(got, tc.op)
			require.NoError(t, err)
			assert.Equal(t, tc.after, string(again), "a second time changes nothing")
		})
	}
}

// A changed value keeps its line, and whatever else is on it.
func TestChange(t *testing.T) {
	t.Parallel()
	checkTOML(t, map[string]edited{
		"comments, blank lines, order": {
			"# top\n\nport = 8081 # public\nname = \"a\"\n\n# end\n", edit.Set(8082, "port"),
			"# top\n\nport = 8082 # public\nname = \"a\"\n\n# end\n",
		},
		"the same value":            {"port=0x1F91\n", edit.Set(8081, "port"), "port=0x1F91\n"},
		"spacing":                   {"\tport  =\t8081\t# c\n", edit.Set(1, "port"), "\tport  =\t1\t# c\n"},
		"CRLF":                      {"a = 1\r\nb = 2\r\n", edit.Set(3, "a"), "a = 3\r\nb = 2\r\n"},
		"no newline at the end":     {"a = 1\nb = 2", edit.Set(3, "b"), "a = 1\nb = 3"},
		"CRLF, no newline at end":   {"a = 1\r\nb = 2", edit.Set(3, "b"), "a = 1\r\nb = 3"},
		"in a table":                {"a = 1\n[t]\na = 1\n", edit.Set(2, "t", "a"), "a = 1\n[t]\na = 2\n"},
		"in a table spelled oddly":  {"[ 't' . \"u\" ] # c\na = 1\n", edit.Set(2, "t", "u", "a"), "[ 't' . \"u\" ] # c\na = 2\n"},
		"a dotted key":              {"m . \"d\" = 1\n", edit.Set(2, "m", "d"), "m . \"d\" = 2\n"},
		"a dotted key in a table":   {"[s]\nm.d = 1\nm.c = 1\n", edit.Set(2, "s", "m", "c"), "[s]\nm.d = 1\nm.c = 2\n"},
		"a quoted key":              {"\"qwen3.5\" = 1\nqwen3.5 = 1\n", edit.Set(2, "qwen3.5"), "\"qwen3.5\" = 2\nqwen3.5 = 1\n"},
		"in an inline table":        {"env = { A = \"1\", B = '2' } # c\n", edit.Set("3", "env", "B"), "env = { A = \"1\", B = '3' } # c\n"},
		"two inline tables down":    {"a={b={c=1},d=1}\n", edit.Set(2, "a", "b", "c"), "a={b={c=2},d=1}\n"},
		"dotted in an inline table": {"a = { b.c = 1 }\n", edit.Set(2, "a", "b", "c"), "a = { b.c = 2 }\n"},
		"over several lines":        {"a = \"\"\"\none\ntwo\"\"\" # c\nb = 1\n", edit.Set("x", "a"), "a = \"\"\"\nx\"\"\" # c\nb = 1\n"},
		"a number to a string":      {"port = 8081\n", edit.Set("8081", "port"), "port = \"8081\"\n"},
		"a string to a number":      {"port = '8081'\n", edit.Set(int64(8081), "port"), "port = 8081\n"},
		"a list to a string":        {"a = [\n 1, # c\n]\nb = 1\n", edit.Set("x", "a"), "a = \"x\"\nb = 1\n"},
		"true":                      {"a = false\n", edit.Set(true, "a"), "a = true\n"},
		"a float":                   {"a = 1\n", edit.Set(10000.0, "a"), "a = 10000.0\n"},
		"a small float":             {"a = 1.5\n", edit.Set(1e-9, "a"), "a = 1e-09\n"},
		"beside arrays of tables":   {"a = 1\n[[t]]\na = 1\n[[t]]\na = 2\n", edit.Set(3, "a"), "a = 3\n[[t]]\na = 1\n[[t]]\na = 2\n"},
		"not a number, elsewhere":   {"a = 1\nb = nan\nc = 1979-05-27T07:32:00Z\n", edit.Set(3, "a"), "a = 3\nb = nan\nc = 1979-05-27T07:32:00Z\n"},
	})
}

// A changed string keeps its quotes where they can hold it.
func TestQuotes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, value, want string }{
		"basic":                          {`"a"`, `b`, `"b"`},
		"basic, escaped":                 {`"a"`, "\"\\\b\t\n\f\r\x00\x7fä", `"\"\\\b\t\n\f\r\u0000\u007Fä"`},
		"literal":                        {`'a'`, `b"\`, `'b"\'`},
		"literal, with a tab":            {`'a'`, "\t", "'\t'"},
		"literal can't hold its quote":   {`'a'`, `it's`, `"it's"`},
		"literal can't hold a line":      {`'a'`, "a\nb", `"a\nb"`},
		"empty literal":                  {`''`, `b`, `'b'`},
		"lines":                          {"\"\"\"a\"\"\"", "b\nc", "\"\"\"b\nc\"\"\""},
		"lines, beginning on the second": {"\"\"\"\na\"\"\"", "b\nc", "\"\"\"\nb\nc\"\"\""},
		"lines, value begins with one":   {"\"\"\"a\"\"\"", "\nb", "\"\"\"\n\nb\"\"\""},
		"lines, with quotes":             {"\"\"\"a\"\"\"", `"a" """" b\"`, `""""a" ""\"" b\\\""""`},
		"lines, with a carriage return":  {"\"\"\"a\"\"\"", "a\r\nb\rc", "\"\"\"a\\r\nb\\rc\"\"\""},
		"literal lines":                  {"'''\na'''", "'b'\n\"c\\", "'''\n'b'\n\"c\\'''"},
		"literal lines can't end so":     {"'''a'''", "b'", `"b'"`},
		"literal lines with three":       {"'''\na'''", "b'''\nc", "\"\"\"\nb'''\nc\"\"\""},
		"literal lines, control":         {"'''a'''", "a\x01", `"a\u0001"`},
		"from a number":                  {`1`, `it's "b"`, `"it's \"b\""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.TOML([]byte("k = "+tc.old+" # c\n"), edit.Set(tc.value, "k"))
			require.NoError(t, err)
			assert.Equal(t, "k = "+tc.want+" # c\n", string(got))
		})
	}
	checkTOML(t, map[string]edited{
		"lines in a CRLF file":       {"a = \"\"\"\r\nx\"\"\"\r\n", edit.Set("y\r\nz", "a"), "a = \"\"\"\r\ny\r\nz\"\"\"\r\n"},
		"a bare LF in a CRLF file":   {"a = \"\"\"\r\nx\"\"\"\r\n", edit.Set("y\nz", "a"), "a = \"\"\"\r\ny\\nz\"\"\"\r\n"},
		"literal in a CRLF file":     {"a = '''\r\nx'''\r\n", edit.Set("y\r\nz", "a"), "a = '''\r\ny\r\nz'''\r\n"},
		"literal, LF in a CRLF file": {"a = '''\r\nx'''\r\n", edit.Set("y\nz", "a"), "a = \"y\\nz\"\r\n"},
	})
}

// A key that is not there goes behind the last one of its table.
func TestAdd(t *testing.T) {
	t.Parallel()
	checkTOML(t, map[string]edited{
		"to an empty file":  {"", edit.Set(1, "a"), "a = 1\n"},
		"to comments only":  {"# c\n", edit.Set(1, "a"), "# c\na = 1\n"},
		"no newline at end": {"a = 1", edit.Set(2, "b"), "a = 1\nb = 2"},
		"CRLF":              {"a = 1\r\n", edit.Set(2, "b"), "a = 1\r\nb = 2\r\n"},
		"a table, CRLF":     {"a = 1\r\n", edit.Set(2, "t", "b"), "a = 1\r\n\r\n[t]\r\nb = 2\r\n"},
		"before what belongs to the next table": {
			"[a]\nx = 1 # one\n\n# about b\n[b]\ny = 1\n", edit.Set(2, "a", "z"),
			"[a]\nx = 1 # one\nz = 2\n\n# about b\n[b]\ny = 1\n",
		},
		"before a comment below the last key": {
			"[a]\nx = 1\n# z = 3\n\n[b]\n", edit.Set(2, "a", "z"),
			"[a]\nx = 1\nz = 2\n# z = 3\n\n[b]\n",
		},
		"below a value of several lines": {"a = [\n 1,\n] # c\n# d\n", edit.Set(2, "b"), "a = [\n 1,\n] # c\nb = 2\n# d\n"},
		"to a table without keys":        {"[a] # c\n\n[b]\nx=1\n", edit.Set(2, "a", "y"), "[a] # c\ny=2\n\n[b]\nx=1\n"},
		"indented":                       {"[a]\n  [a.b]\n    x = 1\n", edit.Set(2, "a", "b", "y"), "[a]\n  [a.b]\n    x = 1\n    y = 2\n"},
		"with tabs":                      {"[a]\n\tx\t=\t1\n", edit.Set(2, "a", "y"), "[a]\n\tx\t=\t1\n\ty\t=\t2\n"},
		"without spaces":                 {"a=1\n", edit.Set(2, "b"), "a=1\nb=2\n"},
		"aligned":                        {"name   = 'a'\nport   = 1\n", edit.Set(2, "device"), "name   = 'a'\nport   = 1\ndevice = 2\n"},
		"aligned, longer":                {"a   = 1\n", edit.Set(2, "device"), "a   = 1\ndevice = 2\n"},
		"a key that needs quotes":        {"[models.a]\nx = 1\n", edit.Set(2, "models", "qwen3.5 \"x\"", "y"), "[models.a]\nx = 1\n\n[models.\"qwen3.5 \\\"x\\\"\"]\ny = 2\n"},
		"at top level, above a header": {
			"[slot]\nport = 1\n", edit.Set(2, "a"), "a = 2\n\n[slot]\nport = 1\n",
		},
		"at top level, above a header's comment": {
			"# the file\n\n# the slot\n[slot]\nport = 1\n", edit.Set(2, "a"), "# the file\n\na = 2\n\n# the slot\n[slot]\nport = 1\n",
		},
		"at top level, below the first comment": {
			"#:schema ./slot.json\n[slot]\nport = 1\n", edit.Set(2, "a"), "#:schema ./slot.json\na = 2\n\n[slot]\nport = 1\n",
		},
		"dotted like its table": {
			"m.\"d\" = 1 # c\nm.e = 1\nport = 1\n\n[s]\n", edit.Set(2, "m", "c"), "m.\"d\" = 1 # c\nm.e = 1\nm.c = 2\nport = 1\n\n[s]\n",
		},
		"a table below a dotted one":     {"[s]\nm.d = 1\n", edit.Set(2, "s", "m", "x", "y"), "[s]\nm.d = 1\nm.x.y = 2\n"},
		"to a table within a dotted one": {"[f]\na.c = 1\n[f.a.t]\nx = 1\n", edit.Set(2, "f", "a", "t", "y"), "[f]\na.c = 1\n[f.a.t]\nx = 1\ny = 2\n"},
		"a table":                        {"port = 1\n", edit.Set(2, "model", "context_size"), "port = 1\n\n[model]\ncontext_size = 2\n"},
		"a table, below a blank line":    {"port = 1\n\n", edit.Set(2, "m", "c"), "port = 1\n\n[m]\nc = 2\n"},
		"a table, to a file of nothing":  {"", edit.Set(2, "m", "c"), "[m]\nc = 2\n"},
		"a table, spaced like the file":  {"port=1", edit.Set(2, "m", "c"), "port=1\n\n[m]\nc=2"},
		"a table that only others imply": {"[a.b]\nx = 1\n", edit.Set(2, "a", "y"), "[a.b]\nx = 1\n\n[a]\ny = 2\n"},
		"a sub-table of a table":         {"[slot]\nport = 1\n", edit.Set("x", "slot", "server", "extra_args"), "[slot]\nport = 1\n\n[slot.server]\nextra_args = \"x\"\n"},
		"to an inline table":             {"env = { A = \"1\" } # c\n", edit.Set("2", "env", "B"), "env = { A = \"1\", B = \"2\" } # c\n"},
		"to a dense inline table":        {"env={A=\"1\",B=\"2\"}\n", edit.Set("3", "env", "C"), "env={A=\"1\",B=\"2\",C=\"3\"}\n"},
		"to an empty inline table":       {"env = {}\n", edit.Set("2", "env", "B"), "env = { B = \"2\" }\n"},
		"to an inline table, comma last": {"env = { A = 1, }\n", edit.Set(2, "env", "B"), "env = { A = 1, B = 2, }\n"},
		"a table within an inline one":   {"a = { b = 1 }\n", edit.Set(2, "a", "c", "d", "e"), "a = { b = 1, c = { d = { e = 2 } } }\n"},
		"dotted within an inline one":    {"a = { b.c = 1 }\n", edit.Set(2, "a", "b", "d"), "a = { b.c = 1, b.d = 2 }\n"},
		"to an inline table of lines":    {"env = {\n  A = 1, # a\n  B = 2, # b\n}\n", edit.Set(3, "env", "C"), "env = {\n  A = 1, # a\n  B = 2, # b\n  C = 3,\n}\n"},
		"to lines without a last comma":  {"env = {\n  A = 1, # a\n  B = 2 # b\n}\n", edit.Set(3, "env", "C"), "env = {\n  A = 1, # a\n  B = 2, # b\n  C = 3\n}\n"},
		"to lines, bracket on the last":  {"env = { A = 1,\n        B = 2 }\n", edit.Set(3, "env", "C"), "env = { A = 1,\n        B = 2,\n        C = 3 }\n"},
		"to lines of a comment":          {"env = {\n  # none\n}\n", edit.Set(3, "env", "C"), "env = {\n  # none\n  C = 3\n}\n"},
		"a table as a value":             {"[server]\nx = 1\n", edit.Set(map[string]string{"B": "2", "A": "1"}, "server", "env"), "[server]\nx = 1\nenv = { A = \"1\", B = \"2\" }\n"},
		"a list":                         {"", edit.Set([]string{"a", "b\""}, "l"), "l = [\"a\", \"b\\\"\"]\n"},
		"not into an array's own table":  {"[[t]]\n[t.u]\na = 1\n", edit.Set(2, "x", "a"), "[[t]]\n[t.u]\na = 1\n\n[x]\na = 2\n"},
	})
}

// A removed key takes its lines along, and nothing else.
func TestRemove(t *testing.T) {
	t.Parallel()
	checkTOML(t, map[string]edited{
		"a key":                           {"# this is it\na = 1 # c\n\n# another\nb = 2\n", edit.Unset("a"), "# this is it\n\n# another\nb = 2\n"},
		"a value of several lines":        {"a = 1\nb = [\n  1, # one\n]\nc = 1\n", edit.Unset("b"), "a = 1\nc = 1\n"},
		"the last line":                   {"a = 1\nb = 2", edit.Unset("b"), "a = 1"},
		"the only line":                   {"a = 1", edit.Unset("a"), ""},
		"CRLF":                            {"a = 1\r\nb = 2\r\n", edit.Unset("a"), "b = 2\r\n"},
		"what is not there":               {"a = 1\n[t]\n", edit.Unset("t", "x", "y"), "a = 1\n[t]\n"},
		"the last key of a table":         {"[t] # c\na = 1\n\n[u]\n", edit.Unset("t", "a"), "[t] # c\n\n[u]\n"},
		"dotted":                          {"m.a = 1\nm.b = 2\nx = 1\n", edit.Unset("m", "a"), "m.b = 2\nx = 1\n"},
		"the only dotted one":             {"m.a = 1\nx = 1\n", edit.Unset("m", "a"), "x = 1\n"},
		"a table of dotted keys":          {"m.a = 1\nx = 1\nm.b.c = 2\n", edit.Unset("m"), "x = 1\n"},
		"a table":                         {"[a]\nx = 1\n\n# this is b\n[b]\n# inner\nx = 1\n# this was y\n\n[c]\nx = 1\n", edit.Unset("b"), "[a]\nx = 1\n\n# this is b\n# this was y\n\n[c]\nx = 1\n"},
		"a table between others":          {"[a]\nx = 1\n\n[b]\ny = 1\n\n[c]\nz = 1\n", edit.Unset("b"), "[a]\nx = 1\n\n[c]\nz = 1\n"},
		"the first table":                 {"[a]\nx = 1\n\n[b]\ny = 1\n", edit.Unset("a"), "[b]\ny = 1\n"},
		"the last table":                  {"[a]\nx = 1\n\n[b]\ny = 1\n", edit.Unset("b"), "[a]\nx = 1\n"},
		"a table's tables anywhere":       {"[a.x]\nk = 1\n[b]\n[a]\nk = 1\n[c]\n[[a.y]]\nk = 1\n[a.y.z]\n", edit.Unset("a"), "[b]\n[c]\n"},
		"tables that a blank line parts":  {"x = 1\n\n[a]\nx = 1\n\n[a.b]\nx = 1\n", edit.Unset("a"), "x = 1\n"},
		"a table, dotted and with tables": {"[f]\na.c = 1\nd = 1\n[f.a.t]\nx = 1\n", edit.Unset("f", "a"), "[f]\nd = 1\n"},
		"an array of tables":              {"[[t]]\na = 1\n[[t]]\n[t.u]\na = 1\n[v]\n", edit.Unset("t"), "[v]\n"},
		"an inline table":                 {"a = { b = 1 }\nc = 1\n", edit.Unset("a"), "c = 1\n"},
		"the first of an inline table":    {"a = { b = 1, c = 2 } # c\n", edit.Unset("a", "b"), "a = { c = 2 } # c\n"},
		"the last of an inline table":     {"a = { b = 1, c = 2 }\n", edit.Unset("a", "c"), "a = { b = 1 }\n"},
		"the last, comma last":            {"a = { b = 1, c = 2, }\n", edit.Unset("a", "c"), "a = { b = 1, }\n"},
		"the only one":                    {"a = { b = 1 }\n", edit.Unset("a", "b"), "a = {}\n"},
		"the only one, comma last":        {"a = { b = 1, }\n", edit.Unset("a", "b"), "a = {}\n"},
		"several dotted ones":             {"a = { b.c = 1, x = 1, b.d = 2 }\n", edit.Unset("a", "b"), "a = { x = 1 }\n"},
		"a line of an inline table":       {"a = {\n  b = 1, # one\n  # inner\n  c = 2, # two\n}\n", edit.Unset("a", "b"), "a = {\n  # inner\n  c = 2, # two\n}\n"},
		"the last line of one":            {"a = {\n  b = 1, # one\n  c = 2 # two\n}\n", edit.Unset("a", "c"), "a = {\n  b = 1 # one\n}\n"},
		"the only line of one":            {"a = {\n  b = 1\n}\n", edit.Unset("a", "b"), "a = {\n}\n"},
		"one beside the bracket":          {"a = { b = 1,\n  c = 2 }\n", edit.Unset("a", "c"), "a = { b = 1 }\n"},
		"one beside a comment":            {"a = { b = 1, # one\n  c = 2 }\n", edit.Unset("a", "c"), "a = { b = 1 # one\n   }\n"},
		"one with its comma below":        {"a = {\n  b = 1 # one\n  , c = 2 }\n", edit.Unset("a", "b"), "a = {\n   # one\n   c = 2 }\n"},
	})
}

// A map stands for the whole table.
func TestTable(t *testing.T) {
	t.Parallel()
	env := edit.Set(map[string]string{"A": "1", "B": "2"}, "env")
	none := edit.Set(map[string]string{}, "env")
	checkTOML(t, map[string]edited{
		"inline":            {"env = { C = \"3\", A = '0' } # c\n", env, "env = { A = '1', B = \"2\" } # c\n"},
		"with a header":     {"[env] # c\nA = '1' # one\nC = '3'\n", env, "[env] # c\nA = '1' # one\nB = \"2\"\n"},
		"dotted":            {"env.C = '3'\nx = 1\n", env, "env.A = \"1\"\nenv.B = \"2\"\nx = 1\n"},
		"with tables below": {"[env.A]\nx = 1\n[env.D]\n", env, "[env]\nA = \"1\"\nB = \"2\"\n"},
		"over a value":      {"env = 1 # c\n", env, "env = { A = \"1\", B = \"2\" } # c\n"},
		"empty, inline":     {"env = { C = \"3\" }\n", none, "env = {}\n"},
		"empty, header":     {"[env]\nC = '3'\n", none, "[env]\n"},
		"empty, dotted":     {"env.C = '3'\nx = 1\n", none, "x = 1\nenv = {}\n"},
		"empty, not there":  {"x = 1\n", none, "x = 1\nenv = {}\n"},
	})
}

// A list of strings changes element by element.
func TestList(t *testing.T) {
	t.Parallel()
	checkTOML(t, map[string]edited{
		"one changes": {"l = [\n  'a', # first\n  'b', # second\n] # c\n", edit.Set([]string{"a", "x"}, "l"), "l = [\n  'a', # first\n  'x', # second\n] # c\n"},
		"one more":    {"l = [\n  'a', # first\n] # c\n", edit.Set([]string{"a", "x"}, "l"), "l = [\n  'a', # first\n  \"x\",\n] # c\n"},
		"two less":    {"l = ['a', 'b', 'c']\n", edit.Set([]string{"a"}, "l"), "l = ['a']\n"},
		"none left":   {"l = ['a', 'b', 'c']\n", edit.Set([]string{}, "l"), "l = []\n"},
		"from none":   {"l = []\n", edit.Set([]string{"a", "b"}, "l"), "l = [\"a\", \"b\"]\n"},
		"of numbers":  {"l = [1, 2]\n", edit.Set([]string{"a"}, "l"), "l = [\"a\"]\n"},
	})
}

// Several edits are carried out in order.
func TestSeveral(t *testing.T) {
	t.Parallel()
	before := "# mine\n[profile.rocm]\nimage = \"x\"\n"
	got, err := edit.TOML([]byte(before), edit.Set("y", "profile", "new", "image"), edit.Set(true, "profile", "new", "mtp"),
		edit.Set("z", "profile", "new", "image"), edit.Unset("profile", "rocm"))
	require.NoError(t, err)
	assert.Equal(t, "# mine\n\n[profile.new]\nimage = \"z\"\nmtp = true\n", string(got))
	back, err := edit.TOML([]byte(before), edit.Set("y", "profile", "new", "image"), edit.Unset("profile", "new"))
	require.NoError(t, err)
	assert.Equal(t, before, string(back), "what was added and removed leaves nothing")
	_, err = edit.TOML([]byte("x = 1\n"), edit.Set(1, "a"), edit.Set(2, "a", "b"))
	require.EqualError(t, err, `a: is a number, not a table: "b" can't be below it`, "no line of the text is to blame")
	doc := []byte("a = 1\n")
	same, err := edit.TOML(doc)
	require.NoError(t, err)
	assert.Equal(t, doc, same)
}

type (
	word   string
	number int
)

// A word is a text: it writes itself in capitals.
type capitals string

func (c capitals) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(c))), nil }

// Values of a program's own types are written as what they are made from, or as
// they write themselves.
func TestNamedTypes(t *testing.T) {
	t.Parallel()
	got, err := edit.TOML(nil, edit.Set(word("x"), "a"), edit.Set(number(7), "b"), edit.Edit{Key: "c", Value: capitals("y")}.Op())
	require.NoError(t, err)
	assert.Equal(t, "a = \"x\"\nb = 7\nc = \"Y\"\n", string(got))
	got, err = edit.TOML(got, edit.Edit{Key: "e.f", Value: true}.Op("d"))
	require.NoError(t, err)
	assert.Equal(t, "a = \"x\"\nb = 7\nc = \"Y\"\n\n[d.e]\nf = true\n", string(got))
}

// Errors name key and line; nothing is returned.
func TestTOMLRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		op   edit.Op
		want string
	}{
		"through a number":         {"[slots]\n  port = 1\n", edit.Set(1, "slots", "port", "x"), `2:3: slots.port: is a number, not a table: "x" can't be below it`},
		"through a string, unset":  {"a = ''\n", edit.Unset("a", "b", "c"), `1:1: a: is a string, not a table: "b" can't be below it`},
		"through a list":           {"a = [{b = 1}]\n", edit.Set(1, "a", "0", "b"), `1:1: a: is a list, not a table: "0" can't be below it`},
		"through a boolean":        {"a = true\n", edit.Set(1, "a", "b"), `1:1: a: is true or false, not a table: "b" can't be below it`},
		"through a date":           {"a = {b = 1979-05-27}\n", edit.Set(1, "a", "b", "c"), `1:6: a.b: is a date or time, not a table: "c" can't be below it`},
		"through array of tables":  {"\n[[a.b]]\nc = 1\n", edit.Set(1, "a", "b", "c"), `2:3: a.b: is an array of tables: "c" can't be reached through it`},
		"below array of tables":    {"[[a]]\n[a.b]\nc = 1\n", edit.Unset("a", "b", "c"), `1:3: a: is an array of tables: "b" can't be reached through it`},
		"an array of tables":       {"[[a]]\n", edit.Set("x", "a"), `1:3: a: is an array of tables, which an edit can't set`},
		"an array of tables, map":  {"[[a]]\n", edit.Set(map[string]string{}, "a"), `1:3: a: is an array of tables, which an edit can't set`},
		"a table with a header":    {"x = 1\n[a]\n", edit.Set("x", "a"), `2:2: a: is a table: remove it before setting a single value`},
		"a table of tables":        {"[a.b]\n[a.c]\n", edit.Set("x", "a"), `1:2: a: is a table: remove it before setting a single value`},
		"a table of dotted keys":   {"x = 1\na.b = 1\n", edit.Set("x", "a"), `2:1: a: is a table: remove it before setting a single value`},
		"an inline table":          {"a = {}\n", edit.Set("x", "a"), `1:1: a: is a table: remove it before setting a single value`},
		"no path":                  {"", edit.Set(1), "an edit needs the key that it is for"},
		"a type":                   {"", edit.Set(uint8(1), "a"), "a: a value of type uint8 can't be written"},
		"null":                     {"", edit.Set(edit.Null{}, "a"), "a: TOML has no null: remove the key instead"},
		"not UTF-8":                {"", edit.Set("\xff", "a"), `a: "\xff" is not UTF-8, and can't be written`},
		"a key that is not UTF-8":  {"", edit.Set(1, "\xff"), `"\xff": "\xff" is not UTF-8, and can't be written`},
		"a text that is not TOML":  {"a = \n", edit.Set(1, "b"), "1:5: unexpected character U+000A at start of value"},
		"a key twice in the text":  {"a = 1\na = 2\n", edit.Set(1, "b"), "2:1: a: key a is already defined"},
		"a text that is not UTF-8": {"a = \"\xff\"\n", edit.Set(1, "b"), "1:6: byte 0xff is not UTF-8: save the file as UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := edit.TOML([]byte(tc.doc), edit.Set(7, "fine"), tc.op)
			require.Error(t, err)
			assert.True(t, strings.HasPrefix(err.Error(), strings.TrimSuffix(tc.want, "…")), "got %s", err)
			assert.Nil(t, got)
		})
	}
}
