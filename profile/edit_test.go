package profile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
)

// mineText is a profiles.toml as an operator keeps it.
const mineText = `# ours
[profile.mine]   # the main one
image = 'localhost/llama:1'
flags = "-fa on" # tuned
mtp   = true
backend = "vulkan"

# to be tried
[profile.other]
image = "localhost/llama:2"
`

type editCase struct {
	before string
	edit   func(data []byte) ([]byte, error)
	after  string
}

func checkEdits(t *testing.T, cases map[string]editCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.edit([]byte(tc.before))
			require.NoError(t, err)
			assert.Equal(t, tc.after, string(got))
		})
	}
}

func update(name string, edits ...profile.Edit) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) { return profile.Update("profiles.toml", data, name, edits) }
}

func clone(from, to string, edits ...profile.Edit) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) { return profile.Clone("profiles.toml", data, from, to, edits) }
}

func create(p profile.Profile) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) { return profile.Create("profiles.toml", data, p) }
}

func remove(name string) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) { return profile.Delete("profiles.toml", data, name) }
}

func TestEdits(t *testing.T) {
	t.Parallel()
	checkEdits(t, map[string]editCase{
		"create": {mineText, create(profile.Profile{Name: "new", Image: "x/y:1"}), mineText + `
[profile.new]
image = "x/y:1"
device_class = "gpu"
`},
		"create with everything": {mineText, create(profile.Profile{
			Name: "new", Image: "x/y:1", Flags: profile.FlagsOf("--a", "b c"), MTP: true, Class: device.ClassGPU, Backend: device.BackendROCm,
			Intent: "fast", Quant: "Q4", ClonedFrom: "mine", TPS: 7, Seed: true,
		}), mineText + `
[profile.new]
image = "x/y:1"
flags = "--a 'b c'"
mtp = true
device_class = "gpu"
backend = "rocm"
intent = "fast"
quant = "Q4"
cloned_from = "mine"
`},
		"clone": {mineText, clone("mine", "copy"), mineText + `
[profile.copy]
image = "localhost/llama:1"
flags = "-fa on"
mtp = true
device_class = "gpu"
backend = "vulkan"
cloned_from = "mine"
`},
		"clone and change": {mineText, clone("other", "copy", profile.Edit{Key: "flags", Value: "-fa off"}), mineText + `
[profile.copy]
image = "localhost/llama:2"
device_class = "gpu"
cloned_from = "other"
flags = "-fa off"
`},
		"update": {
			mineText, update("mine", profile.Edit{Key: "image", Value: "localhost/llama:3"}, profile.Edit{Key: "mtp"}, profile.Edit{Key: "quant", Value: "Q8"}),
			strings.Replace(strings.Replace(mineText, "llama:1", "llama:3", 1), "mtp   = true\nbackend = \"vulkan\"\n", "backend = \"vulkan\"\nquant = \"Q8\"\n", 1),
		},
		"update nothing":         {mineText, update("mine"), mineText},
		"update with own types":  {mineText, update("other", profile.Edit{Key: "backend", Value: device.BackendROCm}, profile.Edit{Key: "flags", Value: profile.FlagsOf("-b", "1")}), mineText + "backend = \"rocm\"\nflags = \"-b 1\"\n"},
		"delete":                 {mineText, remove("other"), strings.Split(mineText, "[profile.other]")[0]},
		"delete the first":       {mineText, remove("mine"), "# ours\n\n# to be tried\n[profile.other]\nimage = \"localhost/llama:2\"\n"},
		"mend a broken one":      {"[profile.a]\nimage = \"x\"\nmtp = 1\n", update("a", profile.Edit{Key: "mtp", Value: true}), "[profile.a]\nimage = \"x\"\nmtp = true\n"},
		"half mend a broken one": {"[profile.a]\nmtp = 1\n", update("a", profile.Edit{Key: "mtp"}), "[profile.a]\n"},
		"delete a broken one":    {"[profile.a]\nmtp = 1\n[profile.b]\nimage = \"x\"\n", remove("a"), "[profile.b]\nimage = \"x\"\n"},
		"beside a broken one":    {"[profile.a]\nmtp = 1\n", create(profile.Profile{Name: "b", Image: "x"}), "[profile.a]\nmtp = 1\n\n[profile.b]\nimage = \"x\"\ndevice_class = \"gpu\"\n"},
		"an inline one":          {"[profile]\na = { image = 'x' } # c\n", update("a", profile.Edit{Key: "quant", Value: "q"}), "[profile]\na = { image = 'x', quant = \"q\" } # c\n"},
	})
}

// Without a file, the first edit makes one that serves the seeds as they are.
func TestFirstEdit(t *testing.T) {
	t.Parallel()
	seeds, err := os.ReadFile("seeds.toml")
	require.NoError(t, err)
	got, err := clone("rocm-moe", "mine")(nil)
	require.NoError(t, err)
	assert.Equal(t, string(seeds)+`
[profile.mine]
image = "ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server"
flags = "-fa on -ctk q4_0 -ctv q4_0 -b 512 -ub 512 --parallel 1 --threads 16 --no-mmap --jinja"
mtp = true
device_class = "gpu"
backend = "rocm"
intent = "MoE + MTP · q4 KV"
quant = "FP4"
cloned_from = "rocm-moe"
`, string(got))
	c, err := profile.Parse("profiles.toml", got)
	require.NoError(t, err)
	assert.Equal(t, profile.Seeds().List(), c.List()[:len(c.List())-1], "with what the bench measured")
	mine, err := c.Get("mine")
	require.NoError(t, err)
	assert.False(t, mine.Seed)
	assert.Zero(t, mine.TPS, "the bench did not measure a copy")
}

// A profile of a seed's name in a file is a seed, and was measured as long as it
// launches the same.
func TestSeedsInAFile(t *testing.T) {
	t.Parallel()
	seeds, err := os.ReadFile("seeds.toml")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		from, to string
		tps      float64
	}{
		"as it is":       {"", "", 52.8},
		"intent":         {"MoE agents", "agents", 52.8},
		"quoting":        {"-fa on -ctk q8_0", "'-fa'  on -ctk q8_0", 52.8},
		"flags":          {"-fa on -ctk q8_0", "-fa off -ctk q8_0", 0},
		"image":          {"rocm-7.2.4", "rocm-7.2.5", 0},
		"mtp":            {"[profile.rocm]\n", "[profile.rocm]\nmtp = true\n", 0},
		"another's data": {"[profile.tts]\n", "[profile.tts]\nquant = \"x\"\n", 52.8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := profile.Parse("profiles.toml", []byte(strings.Replace(string(seeds), tc.from, tc.to, 1)))
			require.NoError(t, err)
			p, err := c.Get("rocm")
			require.NoError(t, err)
			assert.True(t, p.Seed)
			assert.InDelta(t, tc.tps, p.TPS, 0)
		})
	}
}

func TestEditsRefused(t *testing.T) {
	t.Parallel()
	const broken = "[profile.a]\nmtp = 1\n"
	long := strings.Repeat("x", 33)
	for name, tc := range map[string]struct {
		before string
		edit   func([]byte) ([]byte, error)
		is     error
		want   string
	}{
		"a taken name":        {mineText, clone("mine", "other"), profile.ErrExists, "profiles.toml:9:10: profile.other: there is a profile of that name: choose another one"},
		"a broken one's name": {broken, create(profile.Profile{Name: "a", Image: "x"}), profile.ErrExists, "profiles.toml:1:10: profile.a: there is a profile of that name: choose another one"},
		"a seed's name":       {mineText, create(profile.Profile{Name: "tts", Image: "x"}), profile.ErrSeed, "profiles.toml: profile.tts: is the name of a seed: choose another one"},
		"a bad name":          {mineText, clone("mine", long), nil, `profiles.toml: profile.` + long + `: "` + long + `" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`},
		"no image":            {mineText, create(profile.Profile{Name: "new"}), nil, "profiles.toml: profile.new.image: must not be empty"},
		"no such backend":     {mineText, create(profile.Profile{Name: "new", Image: "x", Backend: "cuda"}), nil, `profiles.toml: profile.new.backend: unknown backend "cuda": want one of rocm, vulkan, none`},
		"a control character": {mineText, create(profile.Profile{Name: "new", Image: "x\x00"}), nil, `profiles.toml: profile.new.image: has the control character '\x00' at byte 1: remove it`},
		"clone nothing":       {mineText, clone("mien", "new"), profile.ErrNoProfile, `profiles.toml: profile.mien: unknown profile "mien": want one of mine, other, did you mean "mine"?`},
		"clone a broken one":  {broken, clone("a", "new"), nil, "profiles.toml:1:10: profile.a.image: is required\nprofiles.toml:2:1: profile.a.mtp: must be true or false, got 1"},
		"a clone's edit":      {mineText, clone("mine", "new", profile.Edit{Key: "image"}), nil, "profiles.toml: profile.new.image: is required"},
		"update a seed":       {"[profile.rocm]\nimage = \"x\"\n", update("rocm", profile.Edit{Key: "mtp", Value: true}), profile.ErrSeed, "profiles.toml:1:10: profile.rocm: is a seed and can't be changed: clone it under a new name"},
		"update nothing":      {mineText, update("new"), profile.ErrNoProfile, `profiles.toml: profile.new: unknown profile "new": want one of mine, other`},
		"update to a type":    {mineText, update("mine", profile.Edit{Key: "mtp", Value: "yes"}), nil, `profiles.toml:5:1: profile.mine.mtp: must be true or false, got the string "yes"`},
		"update to a value":   {mineText, update("mine", profile.Edit{Key: "backend", Value: "cuda"}), nil, `profiles.toml:6:1: profile.mine.backend: unknown backend "cuda": want one of rocm, vulkan, none`},
		"update to a quote":   {mineText, update("other", profile.Edit{Key: "flags", Value: "-x 'y"}), nil, "profiles.toml:9:10: profile.other.flags: the quote ' at character 4 is never closed"},
		"update without one":  {mineText, update("mine", profile.Edit{Key: "image"}), nil, "profiles.toml:3:1: profile.mine.image: is required"},
		"update a typo":       {mineText, update("mine", profile.Edit{Key: "flag"}), nil, `profiles.toml:2:10: profile.mine.flag: unknown key, did you mean "flags"?`},
		"update twice":        {mineText, update("mine", profile.Edit{Key: "mtp", Value: true}, profile.Edit{Key: "mtp"}), nil, "profiles.toml:5:1: profile.mine.mtp: is named twice: name it once"},
		"update the origin":   {mineText, update("mine", profile.Edit{Key: "cloned_from", Value: "rocm"}), nil, "profiles.toml:2:10: profile.mine.cloned_from: is set by cloning, and can't be changed"},
		"delete a seed":       {mineText, remove("flm"), profile.ErrSeed, "profiles.toml: profile.flm: is a seed and can't be deleted: clone it under a new name"},
		"delete nothing":      {mineText, remove("new"), profile.ErrNoProfile, `profiles.toml: profile.new: unknown profile "new": want one of mine, other`},
		"not TOML":            {"[profile\n", remove("new"), nil, "profiles.toml:1:9: expected ']' to close table name"},
		"profile is no table": {"profile = 1\n", create(profile.Profile{Name: "b", Image: "x"}), nil, `profiles.toml:1:1: profile: is a number, not a table: "b" can't be below it`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tc.edit([]byte(tc.before))
			require.EqualError(t, err, tc.want)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			assert.Nil(t, got)
		})
	}
	for name, tc := range map[string]struct {
		edit func([]byte) ([]byte, error)
		want string
	}{
		"a seed":     {remove("rocm"), "profiles.toml: profile.rocm: is a seed and can't be deleted: clone it under a new name"},
		"no profile": {update("mine"), `profiles.toml: profile.mine: unknown profile "mine": want one of rocm, rocm-dnse, rocm-moe, vulkan, flm, tts, comfyui`},
		"a value":    {clone("rocm", "new", profile.Edit{Key: "mtp", Value: 1}), "profiles.toml: profile.new.mtp: must be true or false, got 1"},
	} {
		_, err := tc.edit(nil)
		require.EqualError(t, err, tc.want, "%s: there is no file to point into", name)
	}
}

func TestParseEdit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]profile.Edit{
		"flags=-a=b 'c d'": {Key: "flags", Value: "-a=b 'c d'"},
		"mtp=false":        {Key: "mtp", Value: false},
	} {
		got, err := profile.ParseEdit(text)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for text, want := range map[string]string{
		"flags":   `"flags" has no =: write for example mtp=true or flags=-fa on`,
		"flag=x":  `flag: unknown key, did you mean "flags"?`,
		"mtp=yes": `mtp: must be true or false, got "yes"`,
		"quant=":  "quant: has no value; to remove the key, unset it",
	} {
		_, err := profile.ParseEdit(text)
		require.EqualError(t, err, want)
	}
}
