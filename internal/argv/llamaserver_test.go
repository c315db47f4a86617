package argv_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/argv"
)

// addsUp are the flags whose every occurrence counts, by their keys. The help
// does not say which those are.
var addsUp = []string{
	"--lora", "--lora-scaled", "--control-vector", "--control-vector-scaled",
	"--override-kv", "--override-tensor", "--spec-draft-override-tensor",
	"--logit-bias", "--dry-sequence-breaker", "--reverse-prompt", "--chat-template-kwargs",
	"--alias", "--tags", "--api-key", "--api-key-file", "--rpc",
	"--cpu-mask", "--cpu-range", "--cpu-mask-batch", "--cpu-range-batch",
	"--spec-draft-cpu-mask", "--spec-draft-cpu-range", "--spec-draft-cpu-mask-batch",
}

// exits are the flags with which llama-server prints something and exits.
var exits = []string{"--help", "--version", "--cache-list", "--completion-bash", "--list-devices"}

// older are the names that only older builds know.
var older = []string{"--mmap", "--no-mmap", "--mlock", "-dio", "--direct-io", "-ndio", "--no-direct-io"}

// readHelp reads the flags of the help text, in order.
func readHelp(t *testing.T) []argv.HelpFlag {
	t.Helper()
	data, err := os.ReadFile("testdata/llama-server-b11669.txt")
	require.NoError(t, err)
	h, err := argv.ReadHelp(string(data))
	require.NoError(t, err)
	return h.Flags()
}

var optionalValue = regexp.MustCompile(`^\[on\|off(\|auto)?\]$`)

// takes tells how many values the grammar is to take for the help's hint: "",
// "one", "two" or "optional". Older builds took -fa and the like without a value.
func takes(hint string) string {
	switch {
	case hint == "":
		return ""
	case optionalValue.MatchString(hint):
		return "optional"
	case hint == "START END":
		return "two"
	default:
		return "one"
	}
}

// firstLong returns the first name with two hyphens.
func firstLong(names []string) string {
	for _, n := range names {
		if strings.HasPrefix(n, "--") {
			return n
		}
	}
	return ""
}

// The grammar knows every flag of the help, under every name, with its values.
func TestHelp(t *testing.T) {
	t.Parallel()
	g := argv.LlamaServer()
	flags := readHelp(t)
	require.NotEmpty(t, flags)
	for _, f := range flags {
		key := firstLong(f.Names)
		for _, name := range f.Names {
			assert.Equal(t, key, g.Key(name), "the key of %s", name)
			parsed, err := g.Parse(nil, argv.Slot, []string{name, "1", "2", "3"})
			switch {
			case f.Removed:
				require.EqualError(t, err, name+" was removed from llama-server: "+f.Instead)
				continue
			case slices.Contains(exits, key):
				require.EqualError(t, err, name+" prints and exits, a slot would never start: remove it")
				continue
			}
			require.NoError(t, err)
			want := map[string]string{"": "", "one": "1", "optional": "1", "two": "1 2"}[takes(f.Hint)]
			assert.Equal(t, want, parsed[0].Value(), "the values of %s", name)
			_, err = g.Parse(nil, argv.Slot, []string{name})
			assert.Equal(t, takes(f.Hint) == "one" || takes(f.Hint) == "two", err != nil, "whether %s needs a value", name)
		}
	}
}

// The grammar knows nothing that is neither in the help nor listed here.
func TestHelpIsComplete(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, f := range readHelp(t) {
		for _, name := range f.Names {
			known[name] = true
		}
	}
	for _, name := range older {
		assert.False(t, known[name], "%s is in the help: it is not of older builds only", name)
		known[name] = true
	}
	var want []string
	for name := range known {
		want = append(want, name)
	}
	assert.ElementsMatch(t, want, argv.Spellings())
}

// Of a flag that repeats, the last one stays, or all if it adds up.
func TestAddsUp(t *testing.T) {
	t.Parallel()
	g := argv.LlamaServer()
	var adding []string
	for _, f := range readHelp(t) {
		flags := []argv.Flag{{Name: f.Names[0]}, {Name: f.Names[len(f.Names)-1]}}
		if kept, _ := g.Collapse(flags); len(kept) == 2 {
			adding = append(adding, g.Key(f.Names[0]))
		}
	}
	assert.ElementsMatch(t, addsUp, adding)
}
