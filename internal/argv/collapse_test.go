package argv_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/argv"
)

// parse reads one flags string for each source, in their order.
func parse(t *testing.T, g *argv.Grammar, texts ...string) []argv.Flag {
	t.Helper()
	var flags []argv.Flag
	for i, text := range texts {
		var err error
		flags, err = g.Parse(flags, argv.Sources()[i], split(t, text))
		require.NoError(t, err)
	}
	return flags
}

// described returns each dropped flag on a line.
func described(dropped []argv.Dropped) string {
	lines := make([]string, len(dropped))
	for i, d := range dropped {
		lines[i] = argv.Join(d.AppendTo(nil)) + " of " + string(d.Source) + " by " + string(d.By)
	}
	return strings.Join(lines, "\n")
}

func TestCollapse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		texts         []string
		kept, dropped string
	}{
		"nothing":            {[]string{""}, "", ""},
		"no repetition":      {[]string{"-b 1 -c 2"}, "-b 1 -c 2", ""},
		"last wins":          {[]string{"-b 1 -c 2", "-b 3"}, "-c 2 -b 3", "-b 1 of base by profile"},
		"within a source":    {[]string{"-b 1 -b 2"}, "-b 2", "-b 1 of base by base"},
		"another spelling":   {[]string{"--batch-size 1", "-c 1", "--batch_size 3"}, "-c 1 --batch_size 3", "--batch-size 1 of base by mtp"},
		"the next one drops": {[]string{"-b 1", "-c 1 -b 2", "-c 2", "-b 3"}, "-c 2 -b 3", "-b 1 of base by profile\n-c 1 of profile by mtp\n-b 2 of profile by model"},
		"negation":           {[]string{"--mmap", "--no-mmap --jinja", "--no-jinja"}, "--no-mmap --no-jinja", "--mmap of base by profile\n--jinja of profile by mtp"},
		"adds up":            {[]string{"--lora a -ot x=CPU", "--lora b --override-tensor y=CPU -otd z=CPU"}, "--lora a -ot x=CPU --lora b --override-tensor y=CPU -otd z=CPU", ""},
		"twins stand apart":  {[]string{"--lora a --lora-scaled b:1 --mmproj f --no-mmproj --host h --no-host"}, "--lora a --lora-scaled b:1 --mmproj f --no-mmproj --host h --no-host", ""},
		"optional value":     {[]string{"-fa", "--flash-attn off"}, "--flash-attn off", "-fa of base by profile"},
		"two values":         {[]string{"--control-vector-layer-range 1 2", "--control-vector-layer-range 3 4"}, "--control-vector-layer-range 3 4", "--control-vector-layer-range 1 2 of base by profile"},
		"unknown":            {[]string{"--foo 1 -x 1", "--foo 2 -x"}, "--foo 2 -x", "--foo 1 of base by profile\n-x 1 of base by profile"},
		"unknown negation":   {[]string{"--foo_bar", "--no-foo-bar"}, "--no-foo-bar", "--foo_bar of base by profile"},
		"unknown of a known": {[]string{"--metrics", "--no-metrics", "--metrics"}, "--metrics", "--metrics of base by profile\n--no-metrics of profile by mtp"},
		"stray words":        {[]string{"--jinja a", "--jinja a"}, "a --jinja a", "--jinja of base by profile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := argv.LlamaServer()
			flags := parse(t, g, tc.texts...)
			kept, dropped := g.Collapse(flags)
			assert.Equal(t, tc.kept, argv.Join(argv.Argv(kept)))
			assert.Equal(t, tc.dropped, described(dropped))
			for _, f := range flags[len(kept):] {
				assert.Zero(t, f, "nothing stays behind what was kept")
			}
			assert.Equal(t, len(kept), cap(kept), "appending makes a slice of its own")
		})
	}
}

func TestCollapseNothing(t *testing.T) {
	t.Parallel()
	for _, g := range []*argv.Grammar{argv.LlamaServer(), argv.Plain()} {
		kept, dropped := g.Collapse(nil)
		assert.Empty(t, kept)
		assert.Nil(t, dropped)
	}
}

func TestCollapsePlain(t *testing.T) {
	t.Parallel()
	flags := parse(t, argv.Plain(), "--a 1 --a 2 x x", "--port 1 --port=2")
	kept, dropped := argv.Plain().Collapse(flags)
	assert.Equal(t, flags, kept)
	assert.Empty(t, dropped)
}

// naive is Collapse as its documentation says it, in quadratic time.
func naive(g *argv.Grammar, flags []argv.Flag) (kept []argv.Flag, dropped []argv.Dropped) {
	for i, f := range flags {
		next := slices.IndexFunc(flags[i+1:], func(later argv.Flag) bool {
			return f.Name != "" && later.Name != "" && g.Key(later.Name) == g.Key(f.Name)
		})
		if next < 0 || slices.Contains(addsUp, g.Key(f.Name)) {
			kept = append(kept, f)
		} else {
			dropped = append(dropped, argv.Dropped{Flag: f, By: flags[i+1+next].Source})
		}
	}
	return kept, dropped
}

// vocabulary is what the fuzzer strings together.
var vocabulary = strings.Fields(`-b --batch-size --batch_size -c --lora -fa --flash-attn --mmap --no-mmap
	--control-vector-layer-range --mmproj --no-mmproj --metrics --no-metrics --no-ctx-size --no-host --host
	--foo --no-foo --foo_bar --no-foo-bar -x -y --no-no-x --no- 1 -1 -.5 on word - -- a=b --foo=1 -c=1 --help --draft-max`)

// picked returns the words that picks select, and a newline for each above
// the vocabulary.
func picked(picks []byte) []string {
	words := make([]string, 1, 1+len(picks))
	for _, pick := range picks {
		if int(pick) < len(vocabulary) {
			words = append(words, vocabulary[pick])
		} else {
			words = append(words, "\n")
		}
	}
	return words
}

// FuzzCollapse reads a flags string a line for each source, the last line
// with the picked words after it.
func FuzzCollapse(f *testing.F) {
	f.Add(everything, []byte{0, 25, 3, 25})
	f.Add("-b 1 --no-foo x\n--foo -b 2 stray\n-fa --no-metrics --metrics\n--lora a --lora b -- - -1", []byte{17, 255, 18, 18})
	f.Add("--no-no-x --no-x --x --no- --a_b --a-b -a_b\n--no-ctx-size -c 1", []byte{9, 25, 25, 9, 25, 25})
	f.Add("-x --mmap stray --mmap", []byte{})
	f.Fuzz(func(t *testing.T, text string, picks []byte) {
		text += strings.Join(picked(picks), " ")
		g := argv.LlamaServer()
		var flags []argv.Flag
		for i, line := range strings.Split(text, "\n") {
			words := strings.Fields(line)
			before := len(flags)
			var err error
			flags, err = g.Parse(flags, argv.Sources()[i%len(argv.Sources())], words)
			if err != nil {
				require.Len(t, flags, before)
				return
			}
			require.Equal(t, words, argv.Argv(flags[before:]))
		}
		wantKept, wantDropped := naive(g, flags)
		kept, dropped := g.Collapse(flags)
		require.Equal(t, argv.Argv(wantKept), argv.Argv(kept))
		require.Equal(t, wantDropped, dropped)

		again, none := g.Collapse(slices.Clone(kept))
		require.Equal(t, kept, again)
		require.Empty(t, none)

		read, err := g.Parse(nil, argv.Slot, argv.Argv(kept))
		require.NoError(t, err)
		read, none = g.Collapse(read)
		require.Equal(t, argv.Argv(kept), argv.Argv(read))
		require.Empty(t, none)
	})
}

// everything is a launch with flags of every source, one a line.
const everything = `--host 0.0.0.0 --port 8081 --model /mnt/ai-models/qwen3-8b/model.gguf --alias qwen3-8b --ctx-size 16384
-fa on -ctk q4_0 -ctv q4_0 -b 512 -ub 512 --parallel 1 --threads 8 --no-mmap
--spec-type draft-mtp --spec-draft-device ROCm0 --spec-draft-ngl all --spec-draft-n-max 4 --spec-draft-n-min 0 --spec-draft-p-min 0.0 --spec-draft-p-split 0.10 --spec-draft-type-k q8_0 --spec-draft-type-v q8_0 --spec-draft-threads 16 --spec-draft-threads-batch 32 --spec-draft-poll 1 --spec-draft-poll-batch 1
--mmproj /mnt/ai-models/qwen3-8b/mmproj.gguf --chat-template-file /mnt/ai-models/chat-templates/qwen3.jinja --temp 0.6 --top-p 0.95 --top-k 20 --min-p 0 -ngl -1
--embedding
-b 1024 -ub 1024 --jinja --metrics --mmap --lora a.gguf --lora b.gguf --temp 0.7 --cache-reuse 256 --no-warmup --slots -ngl 99`

func BenchmarkParseCollapse(b *testing.B) {
	sources := argv.Sources()
	var lines [][]string
	for line := range strings.Lines(everything) {
		lines = append(lines, split(b, line))
	}
	g := argv.LlamaServer()
	b.ReportAllocs()
	for b.Loop() {
		flags := make([]argv.Flag, 0, 48)
		for i, words := range lines {
			var err error
			if flags, err = g.Parse(flags, sources[i], words); err != nil {
				b.Fatal(err)
			}
		}
		if kept, dropped := g.Collapse(flags); len(kept) != 41 || len(dropped) != 5 {
			b.Fatal(len(kept), len(dropped))
		}
	}
}
