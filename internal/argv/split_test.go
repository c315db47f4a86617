package argv_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/argv"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty":               {"", []string{}},
		"spaces":              {" \t\n ", []string{}},
		"words":               {" -fa on\t-b\n512 ", []string{"-fa", "on", "-b", "512"}},
		"single quotes":       {`'a "b" \c'`, []string{`a "b" \c`}},
		"double quotes":       {`"a 'b' \"c\" \\ \x"`, []string{`a 'b' "c" \ \x`}},
		"backslashes":         {`a\ b \"c \\`, []string{"a b", `"c`, `\`}},
		"backslash newline":   {"-b \\\n512", []string{"-b", "512"}},
		"empty words":         {`'' ""`, []string{"", ""}},
		"parts make one word": {`--x='a b'"c d"\ e`, []string{"--x=a bc d e"}},
		"no comments":         {"-b 1 # -c 2 #x", []string{"-b", "1", "#", "-c", "2", "#x"}},
		"no expansion":        {"$HOME `id` *.gguf ~ {a,b}", []string{"$HOME", "`id`", "*.gguf", "~", "{a,b}"}},
		"no operators":        {"a; b|c && d > e", []string{"a;", "b|c", "&&", "d", ">", "e"}},
		"newline in quotes":   {"'a\n\tb'", []string{"a\n\tb"}},
		"beyond ASCII":        {"--alias 'größe 大'", []string{"--alias", "größe 大"}},
		"replacement rune":    {"\uFFFD", []string{"\uFFFD"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := argv.Split(tc.text)
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestSplitErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text   string
		offset int
		quote  byte
		want   string
	}{
		"single quote":            {"-fa 'on", 4, '\'', "the quote ' at character 5 is never closed"},
		"double quote":            {`-a "it's`, 3, '"', `the quote " at character 4 is never closed`},
		"after others":            {`'a' "b" \' 'c`, 11, '\'', "the quote ' at character 12 is never closed"},
		"characters, not bytes":   {`ä "ö`, 3, '"', `the quote " at character 3 is never closed`},
		"escaped double quote":    {`"a\"`, 0, '"', `the quote " at character 1 is never closed`},
		"backslash in double":     {`x "a\`, 2, '"', `the quote " at character 3 is never closed`},
		"backslash in single":     {`x 'a\' '`, 7, '\'', "the quote ' at character 8 is never closed"},
		"backslash":               {`-a b\`, 4, '\\', `the backslash \ at character 5 escapes nothing: nothing follows it`},
		"NUL":                     {"-a b\x00", 4, 0, "the control character U+0000 at character 5 cannot be in a flag: remove it"},
		"carriage return":         {"-a\r\n", 2, 0, "the control character U+000D at character 3 cannot be in a flag: remove it"},
		"escape sequence, quoted": {"'\x1b[31m'", 1, 0, "the control character U+001B at character 2 cannot be in a flag: remove it"},
		"beyond ASCII":            {"ä\u0085", 2, 0, "the control character U+0085 at character 2 cannot be in a flag: remove it"},
		"not UTF-8":               {"ä\xff", 2, 0, "the byte 0xff at character 2 is not UTF-8: remove it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words, err := argv.Split(tc.text)
			var bad *argv.QuoteError
			require.ErrorAs(t, err, &bad)
			require.EqualError(t, err, tc.want)
			assert.Equal(t, tc.offset, bad.Offset)
			assert.Equal(t, tc.quote, bad.Quote)
			assert.Nil(t, words)
		})
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		words []string
		want  string
	}{
		"none":              {nil, ""},
		"plain":             {[]string{"-b", "512", "--spec-draft-p-min", "0.0", "/a/b:c,d=e@f%+_"}, "-b 512 --spec-draft-p-min 0.0 /a/b:c,d=e@f%+_"},
		"empty word":        {[]string{"--alias", ""}, "--alias ''"},
		"space":             {[]string{"a b"}, "'a b'"},
		"quote":             {[]string{"it's"}, `'it'\''s'`},
		"JSON":              {[]string{`{"a":1}`}, `'{"a":1}'`},
		"comment":           {[]string{"#x"}, "'#x'"},
		"home":              {[]string{"~/x", "a=~"}, "'~/x' 'a=~'"},
		"expansion":         {[]string{"$(id)", "`id`", "*", "a;b"}, "'$(id)' '`id`' '*' 'a;b'"},
		"newline":           {[]string{"a\nb"}, "'a\nb'"},
		"beyond ASCII":      {[]string{"größe"}, "'größe'"},
		"bracket and brace": {[]string{"[a-z]", "{a,b}"}, "'[a-z]' '{a,b}'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, argv.Join(tc.words))
			back, err := argv.Split(tc.want)
			require.NoError(t, err)
			assert.Equal(t, append([]string{}, tc.words...), back)
		})
	}
}

// A real shell reads back what Join wrote.
func TestJoinForAShell(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here")
	}
	words := []string{"-b", "512", "", "it's", "a b", "#x", "~", "a=~", "$HOME", "`id`", "$(id)", "*", "{a,b}", "[a-z]", "!x", "a;b", "a\nb", `\`, `"`, "größe", "a\tb", "&|<>()", "^x", "-"}
	out, err := exec.CommandContext(t.Context(), sh, "-c", `for w in `+argv.Join(words)+`; do printf '%s\0' "$w"; done`).Output()
	require.NoError(t, err)
	assert.Equal(t, strings.Join(words, "\x00")+"\x00", string(out))
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"", "-fa on -b 512", `'a "b' "c 'd" e\ f`, `"a\`, `x 'a\' '`, "a\x00", "\xff", "\\\n", `a\`, "é \"ö"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := argv.Split(s)
		plain, plainErr := shellquote.Split(s)
		if err != nil {
			var bad *argv.QuoteError
			require.ErrorAs(t, err, &bad)
			checkQuoteError(t, s, bad, plainErr)
			return
		}
		require.NoError(t, plainErr)
		require.Equal(t, plain, words)
		joined := argv.Join(words)
		again, err := argv.Split(joined)
		require.NoError(t, err)
		require.Equal(t, words, again, joined)
	})
}

// checkQuoteError checks that the error stands at what is wrong: all before
// it splits, and nothing longer does.
func checkQuoteError(t *testing.T, s string, bad *argv.QuoteError, plainErr error) {
	t.Helper()
	require.GreaterOrEqual(t, bad.Offset, 0)
	require.Less(t, bad.Offset, len(s))
	_, before := argv.Split(s[:bad.Offset])
	if bad.Quote == 0 {
		r, _ := utf8.DecodeRuneInString(s[bad.Offset:])
		require.True(t, unicode.IsControl(r) || r == utf8.RuneError, "%U", r)
		if errors.As(before, &bad) {
			require.NotZero(t, bad.Quote, "there is none before it")
		}
		return
	}
	require.NoError(t, before)
	require.Error(t, plainErr)
	require.Equal(t, bad.Quote, s[bad.Offset])
	for end := bad.Offset + 1; end <= min(len(s), bad.Offset+64); end++ {
		_, err := shellquote.Split(s[:end])
		require.Error(t, err, "%q", s[:end])
	}
}

func BenchmarkSplit(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := argv.Split("-fa on -ctk q4_0 -ctv q4_0 -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap"); err != nil {
			b.Fatal(err)
		}
	}
}
