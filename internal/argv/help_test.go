package argv_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/argv"
)

// A help of a few flags, as builds write it.
const someHelp = `----- common params -----

-m,    --model FNAME                    model path to load
--host HOST                             ip address to listen on
--port PORT                             port to listen on
-fa,   --flash-attn [on|off|auto]       set Flash Attention use ('on', 'off', or 'auto', default: 'auto')
-ctk,  --cache-type-k TYPE              KV cache data type for K
                                        allowed values: f32, f16, q8_0,
                                        q4_0, q4_1
                                        (default: f16)
                                        - allowed values: none of these
-sm,   --split-mode {none,layer}
                                        how to split the model
--spec-type none,draft-simple,draft-mtp
                                        comma-separated list of types
--control-vector-layer-range START END
                                        layer range
-cb,   --cont-batching, -nocb, --no-cont-batching
                                        whether to batch
--draft, --draft-n N                    the argument has been removed. use --spec-draft-n-max or
                                        --spec-ngram-mod-n-max
                                        (env: LLAMA_ARG_DRAFT_MAX)
--old                                   the argument has been removed.
`

func someFlags(t testing.TB, more string) *argv.Help {
	t.Helper()
	h, err := argv.ReadHelp(someHelp + more)
	require.NoError(t, err)
	return h
}

func TestReadHelp(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []argv.HelpFlag{
		{Names: []string{"-m", "--model"}, Hint: "FNAME"},
		{Names: []string{"--host"}, Hint: "HOST"},
		{Names: []string{"--port"}, Hint: "PORT"},
		{Names: []string{"-fa", "--flash-attn"}, Hint: "[on|off|auto]"},
		{Names: []string{"-ctk", "--cache-type-k"}, Hint: "TYPE", Choices: []string{"f32", "f16", "q8_0", "q4_0", "q4_1"}},
		{Names: []string{"-sm", "--split-mode"}, Hint: "{none,layer}", Choices: []string{"none", "layer"}},
		{Names: []string{"--spec-type"}, Hint: "none,draft-simple,draft-mtp", Choices: []string{"none", "draft-simple", "draft-mtp"}},
		{Names: []string{"--control-vector-layer-range"}, Hint: "START END"},
		{Names: []string{"-cb", "--cont-batching", "-nocb", "--no-cont-batching"}},
		{Names: []string{"--draft", "--draft-n"}, Hint: "N", Removed: true, Instead: "use --spec-draft-n-max or --spec-ngram-mod-n-max"},
		{Names: []string{"--old"}, Removed: true},
	}, someFlags(t, "").Flags())
}

func TestReadHelpRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":          "",
		"another's help":   "usage: main.py [-h] [--listen [IP]] [--port PORT]\n\noptions:\n  -h, --help  show this help message and exit\n",
		"an error":         "error while loading shared libraries: libamdhip64.so.6: cannot open shared object file\n",
		"only its heading": "----- common params -----\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := argv.ReadHelp(text)
			require.ErrorIs(t, err, argv.ErrNoHelp)
			require.EqualError(t, err, "not the help of llama-server: it does not tell of --model")
		})
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	const modes = "-lm,   --load-mode MODE                 model loading mode (default: auto)\n"
	for name, tc := range map[string]struct {
		more  string
		words string
		want  *argv.Refusal
	}{
		"a flag":                  {"", "--host 0.0.0.0", nil},
		"another spelling":        {"", "-m x", nil},
		"underscores":             {"", "--cache_type_k q4_0", nil},
		"a negation":              {"", "--no-cont-batching", nil},
		"two values":              {"", "--control-vector-layer-range 1 2", nil},
		"one value of two":        {"", "--control-vector-layer-range 1", &argv.Refusal{Kind: "form", Reason: "takes two values in it, and has one value"}},
		"a value where none is":   {"", "-cb 1", &argv.Refusal{Kind: "form", Reason: "takes no value in it, and has one value"}},
		"none where a value is":   {"", "-fa", &argv.Refusal{Kind: "form", Reason: "takes one value in it, and has no value"}},
		"unknown":                 {"", "--no-mmap", &argv.Refusal{Kind: "unknown", Reason: "is not a flag that it has"}},
		"unknown, with successor": {modes, "--no-mmap", &argv.Refusal{Kind: "unknown", Reason: "is not a flag that it has", Instead: "--load-mode none"}},
		"short, with successor":   {modes, "-ndio", &argv.Refusal{Kind: "unknown", Reason: "is not a flag that it has", Instead: "--load-mode auto"}},
		"removed":                 {"", "--draft-n 4", &argv.Refusal{Kind: "removed", Reason: "was removed from it", Instead: "use --spec-draft-n-max or --spec-ngram-mod-n-max"}},
		"a choice":                {"", "-sm layer", nil},
		"not a choice":            {"", "-sm row", &argv.Refusal{Kind: "value", Reason: `does not take "row" in it`, Instead: "one of none, layer"}},
		"one choice, not a list":  {"", "-sm none,layer", &argv.Refusal{Kind: "value", Reason: `does not take "none,layer" in it`, Instead: "one of none, layer"}},
		"a list of choices":       {"", "--spec-type draft-simple,draft-mtp", nil},
		"a list with another":     {"", "--spec-type draft-mtp,mtp", &argv.Refusal{Kind: "value", Reason: `does not take "mtp" in it`, Instead: "one of none, draft-simple, draft-mtp"}},
		"not an allowed value":    {"", "-ctk q5_1", &argv.Refusal{Kind: "value", Reason: `does not take "q5_1" in it`, Instead: "one of f32, f16, q8_0, q4_0, q4_1"}},
		"a word without a flag":   {"", " model.gguf", &argv.Refusal{Kind: "unknown", Reason: "belongs to no flag"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			words := strings.Split(tc.words, " ")
			f := argv.Flag{Name: words[0], Values: words[1:]}
			assert.Equal(t, tc.want, someFlags(t, tc.more).Refuses(f))
		})
	}
}

// What the grammar passes of the flags that a help tells of, the build takes.
func TestGrammarAgreesWithTheHelp(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/llama-server-b11669.txt")
	require.NoError(t, err)
	h, err := argv.ReadHelp(string(data))
	require.NoError(t, err)
	for _, name := range h.Names() {
		flags, err := argv.LlamaServer().Parse(nil, argv.Slot, []string{name, "none", "none"})
		if err != nil {
			assert.Contains(t, err.Error(), "prints and exits", name)
			continue
		}
		if r := h.Refuses(flags[0]); r != nil {
			assert.Equal(t, argv.RefusedValue, r.Kind, "%s: %s", name, r.Reason)
		}
	}
}

func FuzzReadHelp(f *testing.F) {
	data, err := os.ReadFile("testdata/llama-server-b11669.txt")
	require.NoError(f, err)
	f.Add(string(data), "--no-mmap")
	f.Add(someHelp, "-ctk")
	f.Add("-m --model\n--host H\n--port P\nallowed values: \n", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		h, err := argv.ReadHelp(text)
		if err != nil {
			return
		}
		for _, n := range h.Names() {
			if r := h.Refuses(argv.Flag{Name: n}); r != nil && r.Kind != argv.RefusedForm {
				t.Errorf("%q is among the names, and it %s", n, r.Reason)
			}
			h.Refuses(argv.Flag{Name: n, Values: []string{name}})
		}
		h.Refuses(argv.Flag{Name: name})
	})
}

// The help of a whole build.
func BenchmarkReadHelp(b *testing.B) {
	data, err := os.ReadFile("testdata/llama-server-b11669.txt")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := argv.ReadHelp(string(data)); err != nil {
			b.Fatal(err)
		}
	}
}
