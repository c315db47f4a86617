package argv_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/argv"
)

// split is a flags string that is known to be right.
func split(tb testing.TB, text string) []string {
	tb.Helper()
	words, err := argv.Split(text)
	require.NoError(tb, err)
	return words
}

// shapes returns each flag as its name and values.
func shapes(flags []argv.Flag) [][]string {
	all := make([][]string, len(flags))
	for i, f := range flags {
		all[i] = append([]string{f.Name}, f.Values...)
	}
	return all
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want [][]string
	}{
		"nothing":                       {"", [][]string{}},
		"value and none":                {"-b 512 --no-mmap --jinja", [][]string{{"-b", "512"}, {"--no-mmap"}, {"--jinja"}}},
		"underscores":                   {"--batch_size 512", [][]string{{"--batch_size", "512"}}},
		"negative number":               {"-ngl -1 --seed -1", [][]string{{"-ngl", "-1"}, {"--seed", "-1"}}},
		"value that looks like a flag":  {"--alias -x --model --unheard-of", [][]string{{"--alias", "-x"}, {"--model", "--unheard-of"}}},
		"empty value":                   {"--alias ''", [][]string{{"--alias", ""}}},
		"two values":                    {"--control-vector-layer-range 1 3 -b 1", [][]string{{"--control-vector-layer-range", "1", "3"}, {"-b", "1"}}},
		"optional value":                {"-fa on -b 1", [][]string{{"-fa", "on"}, {"-b", "1"}}},
		"optional value left out":       {"-fa -b 1 -fit", [][]string{{"-fa"}, {"-b", "1"}, {"-fit"}}},
		"optional value is -1":          {"-rea -1", [][]string{{"-rea", "-1"}}},
		"unknown, no value":             {"--foo --bar", [][]string{{"--foo"}, {"--bar"}}},
		"unknown, a value":              {"--foo 1 -bar x", [][]string{{"--foo", "1"}, {"-bar", "x"}}},
		"unknown, negative numbers":     {"--foo -1 --foo -.5 --foo -1e3", [][]string{{"--foo", "-1"}, {"--foo", "-.5"}, {"--foo", "-1e3"}}},
		"unknown, hyphen is a value":    {"--foo - --bar --", [][]string{{"--foo", "-"}, {"--bar", "--"}}},
		"unknown, not quite a number":   {"--foo -. --foo -.x", [][]string{{"--foo"}, {"-."}, {"--foo"}, {"-.x"}}},
		"known without value, stray":    {"--jinja word", [][]string{{"--jinja"}, {"", "word"}}},
		"stray words":                   {"serve a=b - -- -1 '' -b 1 2", [][]string{{"", "serve"}, {"", "a=b"}, {"", "-"}, {"", "--"}, {"", "-1"}, {"", ""}, {"-b", "1"}, {"", "2"}}},
		"value with an equals sign":     {"-ot 'blk.*=CPU' --foo a=b", [][]string{{"-ot", "blk.*=CPU"}, {"--foo", "a=b"}}},
		"the one flag that says --no-*": {"--no-host --host 0.0.0.0", [][]string{{"--no-host"}, {"--host", "0.0.0.0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words := split(t, tc.text)
			got, err := argv.LlamaServer().Parse(nil, argv.Slot, words)
			require.NoError(t, err)
			assert.Equal(t, tc.want, shapes(got))
			assert.Equal(t, words, argv.Argv(got), "no word is lost")
			for _, f := range got {
				assert.Equal(t, argv.Slot, f.Source)
			}
		})
	}
}

func TestParsePlain(t *testing.T) {
	t.Parallel()
	got, err := argv.Plain().Parse(nil, argv.Profile, split(t, "serve -c --bf16-vae --port=1 x --model_path -1 --help -b"))
	require.NoError(t, err)
	assert.Equal(t, [][]string{{"", "serve"}, {"-c"}, {"--bf16-vae"}, {"--port=1"}, {"", "x"}, {"--model_path", "-1"}, {"--help"}, {"-b"}}, shapes(got))
}

func TestParseAppends(t *testing.T) {
	t.Parallel()
	g := argv.LlamaServer()
	flags, err := g.Parse(nil, argv.Base, []string{"--port", "8081"})
	require.NoError(t, err)
	flags, err = g.Parse(flags, argv.Slot, []string{"-b", "1"})
	require.NoError(t, err)
	assert.Equal(t, []argv.Flag{
		{Name: "--port", Values: []string{"8081"}, Source: argv.Base},
		{Name: "-b", Values: []string{"1"}, Source: argv.Slot},
	}, flags)
	got, err := g.Parse(flags, argv.Slot, []string{"--jinja", "-c"})
	require.Error(t, err)
	assert.Equal(t, flags, got, "as they came")
}

func TestParseKeepsWords(t *testing.T) {
	t.Parallel()
	words := []string{"-b", "1", "-c", "2"}
	flags, err := argv.LlamaServer().Parse(nil, argv.Slot, words)
	require.NoError(t, err)
	_ = append(flags[0].Values, "changed")
	assert.Equal(t, []string{"-b", "1", "-c", "2"}, words, "appending to values does not write into words")
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text  string
		index int
		key   string
		want  string
	}{
		"no value at the end":        {"--jinja -c", 1, "--ctx-size", "-c needs a value, and nothing follows it"},
		"flag instead of value":      {"-c -b 512", 0, "--ctx-size", "-c needs a value, and the flag -b follows it"},
		"flag with _ instead":        {"-c --batch_size 512", 0, "--ctx-size", "-c needs a value, and the flag --batch_size follows it"},
		"flag=value instead":         {"-c --jinja=1", 0, "--ctx-size", "-c needs a value, and the flag --jinja=1 follows it"},
		"no values of two":           {"--control-vector-layer-range", 0, "--control-vector-layer-range", "--control-vector-layer-range needs two values, and nothing follows it"},
		"one value of two":           {"--control-vector-layer-range 1", 0, "--control-vector-layer-range", "--control-vector-layer-range needs two values, and nothing follows 1"},
		"flag as second of two":      {"-b 1 --control_vector-layer-range 1 -b", 2, "--control-vector-layer-range", "--control_vector-layer-range needs two values, and the flag -b follows 1"},
		"equals":                     {"--ctx-size=4096", 0, "--ctx-size", "--ctx-size=4096 is not how llama-server takes a value: write --ctx-size 4096"},
		"equals, short":              {"-b 1 -c=4096", 2, "--ctx-size", "-c=4096 is not how llama-server takes a value: write -c 4096"},
		"equals, unknown":            {"--foo=a=b", 0, "--foo", "--foo=a=b is not how llama-server takes a value: write --foo a=b"},
		"equals, value needs quotes": {"'--alias=a b'", 0, "--alias", "--alias=a b is not how llama-server takes a value: write --alias 'a b'"},
		"equals, takes no value":     {"--no_mmap=on", 0, "--mmap", "--no_mmap=on is not a flag, for --no_mmap takes no value: write --no_mmap"},
		"removed":                    {"--draft-max 16", 0, "--draft", "--draft-max was removed from llama-server: use --spec-draft-n-max or --spec-ngram-mod-n-max"},
		"removed, no value":          {"--spec_ngram-size-n", 0, "--spec-ngram-size-n", "--spec_ngram-size-n was removed from llama-server: use the respective --spec-ngram-*-size-n or --spec-ngram-mod-n-match"},
		"exits":                      {"-b 1 --version", 2, "--version", "--version prints and exits, a slot would never start: remove it"},
		"exits, alias":               {"-h", 0, "--help", "-h prints and exits, a slot would never start: remove it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words := split(t, tc.text)
			flags, err := argv.LlamaServer().Parse(nil, argv.Slot, words)
			var bad *argv.FlagError
			require.ErrorAs(t, err, &bad)
			require.EqualError(t, err, tc.want)
			assert.Equal(t, tc.index, bad.Index)
			assert.Equal(t, words[tc.index], bad.Word)
			assert.Equal(t, tc.key, bad.Name)
			assert.Nil(t, flags)
		})
	}
}
