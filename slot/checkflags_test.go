package slot_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// helpOf returns what a build accepts: that of Debian, or a few flags.
func helpOf(t *testing.T, text string) *provider.Help {
	t.Helper()
	if text == "" {
		data, err := os.ReadFile("../internal/argv/testdata/llama-server-b11669.txt")
		require.NoError(t, err)
		text = string(data)
	}
	h, err := provider.ReadHelp(text)
	require.NoError(t, err)
	return h
}

// launched parses a slot file and resolves it against a box whose files are
// given where they are not "".
func launched(t *testing.T, file, profiles, registry string) (*slot.File, slot.Plan, slot.Inputs) {
	t.Helper()
	in := inputs()
	var err error
	if profiles != "" {
		in.Profiles, err = profile.Parse("profiles.toml", []byte(profiles))
		require.NoError(t, err)
	}
	if registry != "" {
		in.Registry, err = slot.ParseRegistry("registry.toml", []byte(registry))
		require.NoError(t, err)
	}
	f := parse(t, file)
	plan, err := f.Resolve(in)
	require.NoError(t, err)
	return f, plan, in
}

// A build of few flags, which takes everything that hal0 itself says.
const fewFlags = `-m,    --model FNAME                    model path to load
--host HOST                             ip address
--port PORT                             port
-a,    --alias STRING                   name
-c,    --ctx-size N                     context
`

func TestCheckFlags(t *testing.T) {
	t.Parallel()
	const cpu = "port = 8081\ndevice = \"cpu\"\nprofile = \"vulkan\"\nimage = \"localhost/x:1\"\n[model]\ndefault = \"m\"\n"
	const profiles = "[profile.mine]\nimage = \"localhost/y:1\"\ndevice_class = \"gpu\"\nbackend = \"vulkan\"\n"
	const registry = "[models.m]\npath = \"/mnt/ai-models/m.gguf\"\n"
	mine := strings.Replace(cpu, "vulkan", "mine", 1)
	const ngl = "-ngl,  --gpu-layers N                   layers\n"
	for name, tc := range map[string]struct {
		help, slot, profiles, registry string
		want                           []slot.Finding
	}{
		"the seed profile on Debian's build": {"", cpu, "", registry, []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "flags.unknown",
			Message: "the server in image localhost/x:1 would not start: --no-mmap, which comes from profile vulkan, is not a flag that it has",
			Fix:     "profile vulkan is a seed and can't be changed: clone it under another name, change the flags of the clone and choose it in the slot, or use another image; instead: --load-mode none",
			Path:    "profile.vulkan.flags",
		}}},
		"a profile of the box": {fewFlags + ngl, mine, profiles + "flags = \"\"\"\n--jinja\"\"\"\n", registry, []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "flags.unknown",
			Message: "the server in image localhost/x:1 would not start: --jinja, which comes from profile mine, is not a flag that it has",
			Fix:     "remove or change it there, or use another image",
			File:    "profiles.toml", Line: 5, Column: 1, Path: "profile.mine.flags",
		}}},
		"the slot's own flags": {fewFlags + ngl + "-fa,   --flash-attn                     use it\n", mine + "[server]\nextra_args = \"-fa on --alias-prefix\"\n", profiles, registry, []slot.Finding{
			{
				Slot: "chat", Severity: "error", Code: "flags.form",
				Message: "the server in image localhost/x:1 would not start: -fa, which comes from the slot's file, takes no value in it, and has one value",
				Fix:     "remove or change it there, or use another image",
				File:    "slots/chat.toml", Line: 8, Column: 1, Path: "server.extra_args",
			}, {
				Slot: "chat", Severity: "error", Code: "flags.unknown",
				Message: "the server in image localhost/x:1 would not start: --alias-prefix, which comes from the slot's file, is not a flag that it has",
				Fix:     "remove or change it there, or use another image",
				File:    "slots/chat.toml", Line: 8, Column: 1, Path: "server.extra_args",
			},
		}},
		"keys of the slot": {fewFlags + ngl, mine + "rope_freq_base = 10000\n", profiles, registry, []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "flags.unknown",
			Message: "the server in image localhost/x:1 would not start: --rope-freq-base, which comes from the slot's file, is not a flag that it has",
			Fix:     "remove or change it there, or use another image",
			File:    "slots/chat.toml", Line: 7, Column: 1, Path: "model.rope_freq_base",
		}}},
		"a key's flag among the arguments": {fewFlags + ngl, mine + "[server]\nextra_args = \"--rope-freq-base 1\"\n", profiles, registry, []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "flags.unknown",
			Message: "the server in image localhost/x:1 would not start: --rope-freq-base, which comes from the slot's file, is not a flag that it has",
			Fix:     "remove or change it there, or use another image",
			File:    "slots/chat.toml", Line: 8, Column: 1, Path: "server.extra_args",
		}}},
		"the registry": {fewFlags + ngl, mine, profiles, registry + "mmproj = \"/mnt/ai-models/p.gguf\"\n[models.m.defaults]\nextra_args = \"--tempp 1\"\nchat_template = \"x\"\n", []slot.Finding{
			{
				Slot: "chat", Severity: "error", Code: "flags.unknown",
				Message: "the server in image localhost/x:1 would not start: --mmproj, which comes from the registry entry of model m, is not a flag that it has",
				Fix:     "remove or change it there, or use another image",
				File:    "registry.toml", Line: 3, Column: 1, Path: "models.m.mmproj",
			}, {
				Slot: "chat", Severity: "error", Code: "flags.unknown",
				Message: "the server in image localhost/x:1 would not start: --chat-template-file, which comes from the registry entry of model m, is not a flag that it has",
				Fix:     "remove or change it there, or use another image",
				File:    "registry.toml", Line: 6, Column: 1, Path: "models.m.defaults.chat_template",
			}, {
				Slot: "chat", Severity: "error", Code: "flags.unknown",
				Message: "the server in image localhost/x:1 would not start: --tempp, which comes from the registry entry of model m, is not a flag that it has",
				Fix:     "remove or change it there, or use another image",
				File:    "registry.toml", Line: 5, Column: 1, Path: "models.m.defaults.extra_args",
			},
		}},
		"a typo": {fewFlags + ngl + "--temp N                                temperature\n", mine + "[server]\nextra_args = \"--temmp 1\"\n", profiles, registry, []slot.Finding{{
			Slot: "chat", Severity: "error", Code: "flags.unknown",
			Message: "the server in image localhost/x:1 would not start: --temmp, which comes from the slot's file, is not a flag that it has",
			Fix:     "remove or change it there, or use another image; instead: it has --temp",
			File:    "slots/chat.toml", Line: 8, Column: 1, Path: "server.extra_args",
		}}},
		"the slot's type and device": {fewFlags, "type = \"embedding\"\n" + mine, profiles, registry, []slot.Finding{
			{
				Slot: "chat", Severity: "error", Code: "flags.unknown",
				Message: "the server in image localhost/x:1 would not start: -ngl, which comes from hal0 itself, is not a flag that it has",
				Fix:     "use another image",
			}, {
				Slot: "chat", Severity: "error", Code: "flags.unknown",
				Message: "the server in image localhost/x:1 would not start: --embedding, which comes from the slot's type, is not a flag that it has",
				Fix:     "use another image",
				File:    "slots/chat.toml", Line: 1, Column: 1, Path: "type",
			},
		}},
		"nothing": {fewFlags + ngl, mine, profiles, registry, []slot.Finding{{
			Slot: "chat", Severity: "info", Code: "flags.accepted", Message: "the server in image localhost/x:1 takes all 6 flags",
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, plan, in := launched(t, tc.slot, tc.profiles, tc.registry)
			found := f.CheckFlags(&plan, helpOf(t, tc.help), in)
			for i := range found {
				found[i] = plain(found[i])
			}
			assert.Equal(t, tc.want, found)
		})
	}
}

// The bundle of multi-token prediction is blamed on who switched it on.
func TestCheckFlagsOfTheMTPBundle(t *testing.T) {
	t.Parallel()
	help := helpOf(t, fewFlags+`-fa,   --flash-attn [on|off|auto]       x
-ctk,  --cache-type-k TYPE              x
-ctv,  --cache-type-v TYPE              x
-b,    --batch-size N                   x
-ub,   --ubatch-size N                  x
-np,   --parallel N                     x
-t,    --threads N                      x
--no-mmap                               x
--spec-type none,draft-simple           x
`)
	for name, tc := range map[string]struct {
		profile, mtp string
		file, path   string
		line         int
	}{
		"the slot":    {"rocm", "mtp = true\n", "slots/chat.toml", "mtp", 2},
		"the profile": {"rocm-dnse", "", "", "profile.rocm-dnse.mtp", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, plan, in := launched(t, "port = 8081\n"+tc.mtp+"profile = \""+tc.profile+"\"\n[model]\ndefault = \"qwen3-4b\"\n", "", "")
			found := f.CheckFlags(&plan, help, in)
			require.Len(t, found, 13)
			want := slot.Finding{
				Slot: "chat", Severity: "error", Code: "flags.value",
				Message: "the server in image ghcr.io/hal0ai/amd-strix-halo-toolboxes:rocm-7.2.4-rocmfp4-server would not start: --spec-type, which comes from the multi-token-prediction bundle, does not take \"draft-mtp\" in it",
				Fix:     "set mtp = false in the slot's file, or use an image whose server drafts by multi-token prediction; instead: one of none, draft-simple",
				File:    tc.file, Line: tc.line, Column: min(tc.line, 1), Path: tc.path,
			}
			assert.Equal(t, want, plain(found[0]))
		})
	}
}
