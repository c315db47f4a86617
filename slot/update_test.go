package slot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

func to(key string, value any) slot.Edit { return slot.Edit{Key: key, Value: value} }
func unset(key string) slot.Edit         { return slot.Edit{Key: key} }

// edits reads "key=value", or "key" to remove it.
func edits(t *testing.T, words ...string) []slot.Edit {
	t.Helper()
	var list []slot.Edit
	for _, w := range words {
		e := unset(w)
		if strings.Contains(w, "=") {
			var err error
			e, err = slot.ParseEdit(w)
			require.NoError(t, err)
		}
		list = append(list, e)
	}
	return list
}

// Slots whose facts agree, one of each kind.
var coherent = map[string]string{
	"rocm":   "port = 8081\ntype = \"llm\"\ndevice = \"gpu-rocm\"\nprovider = \"llama-server\"\nprofile = \"rocm\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"vulkan": "port = 8081\ndevice = \"gpu-vulkan\"\nprofile = \"vulkan\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"cpu":    "port = 8081\ndevice = \"cpu\"\nprofile = \"vulkan\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"rerank": "port = 8081\ntype = \"reranking\"\ndevice = \"gpu-rocm\"\nprofile = \"rocm\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"tts":    "port = 8081\ntype = \"tts\"\ndevice = \"cpu\"\nprovider = \"kokoro\"\nprofile = \"tts\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"image":  "port = 8081\ntype = \"image\"\ndevice = \"gpu-rocm\"\nprofile = \"comfyui\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"npu":    "port = 8081\ntype = \"llm\"\ndevice = \"npu\"\nprovider = \"flm\"\nprofile = \"flm\"\n[model]\ndefault = \"qwen3-4b\"\n",
	"bare":   "port = 8081\n[model]\ndefault = \"qwen3-4b\"\n",
	"own":    "port = 8081\nprovider = \"vllm\"\nprofile = \"mine\"\n[model]\ndefault = \"qwen3-4b\"\n",
}

// The table of agree.go, row by row: what follows, or why nothing can.
func TestFactsFollow(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ slot, edit, want string }{
		// A device: the profile follows, to the device's default or the first that fits.
		{"rocm", "device=gpu-vulkan", "profile=vulkan"},
		{"rocm", "device=cpu", "profile=vulkan"},
		{"rocm", "device=npu", "profile=flm provider=flm"},
		{"npu", "device=gpu-rocm", "profile=rocm provider=llama-server"},
		{"vulkan", "device=cpu", ""},
		{"cpu", "device=gpu-vulkan", ""},
		{"image", "device=gpu-vulkan", ""},
		{"bare", "device=npu", ""},
		{"rocm", "device=gpu-rocm", ""},
		// Never the type.
		{"image", "device=npu", "slots/chat.toml:3:1: device: npu contradicts type = image: device npu goes with type llm, embedding or transcription; type image with device gpu-rocm or gpu-vulkan"},
		{"tts", "device=gpu-rocm", "slots/chat.toml:3:1: device: gpu-rocm contradicts type = tts: device gpu-rocm goes with type llm, embedding, reranking or image; type tts with device cpu"},
		{"rerank", "device=npu", "slots/chat.toml:3:1: device: npu contradicts type = reranking: device npu goes with type llm, embedding or transcription; type reranking with device gpu-rocm, gpu-vulkan or cpu"},

		// A profile: the device follows to the one that it is made for.
		{"rocm", "profile=vulkan", "device=gpu-vulkan"},
		{"vulkan", "profile=rocm-moe", "device=gpu-rocm"},
		{"cpu", "profile=rocm", "device=gpu-rocm"},
		{"rocm", "profile=flm", "device=npu provider=flm"},
		{"bare", "profile=vulkan", "device=gpu-vulkan"},
		{"npu", "profile=comfyui", "slots/chat.toml:5:1: profile: comfyui does not go with device = npu but with device gpu-rocm or gpu-vulkan: set device too"},
		// And the type, where there is one only.
		{"rocm", "profile=tts", "device=cpu type=tts provider=kokoro"},
		{"rocm", "profile=comfyui", "type=image provider=comfyui"},
		{"tts", "profile=vulkan", "slots/chat.toml:5:1: profile: vulkan does not go with type = tts but with type llm, embedding or reranking: set type too"},

		// A provider: the profile follows, and what the profile needs.
		{"rocm", "provider=flm", "device=npu profile=flm"},
		{"rocm", "provider=kokoro", "device=cpu type=tts profile=tts"},
		{"bare", "provider=comfyui", "type=image"},
		{"bare", "provider=llama-server", ""},
		{"npu", "provider=llama-server", "slots/chat.toml:4:1: provider: llama-server does not go with device = npu but with device gpu-rocm, gpu-vulkan or cpu: set device too"},
		{"cpu", "provider=comfyui", "slots/chat.toml:1:1: provider: comfyui does not go with device = cpu but with device gpu-rocm or gpu-vulkan: set device too"},
		{"image", "provider=flm", "slots/chat.toml:1:1: provider: flm does not go with type = image but with type llm, embedding or transcription: set type too"},

		// A type: the profile follows, and the device where one only serves it.
		{"rocm", "type=embedding", ""},
		{"rocm", "type=image", "profile=comfyui provider=comfyui"},
		{"rocm", "type=tts", "device=cpu profile=tts provider=kokoro"},
		{"rocm", "type=transcription", "device=npu profile=flm provider=flm"},
		{"tts", "type=llm", "profile=vulkan provider=llama-server"},
		{"image", "type=llm", "profile=rocm"},
		{"cpu", "type=image", "slots/chat.toml:1:1: type: image does not go with device = cpu but with device gpu-rocm or gpu-vulkan: set device too"},
		{"npu", "type=reranking", "slots/chat.toml:2:1: type: reranking does not go with device = npu but with device gpu-rocm, gpu-vulkan or cpu: set device too"},

		// What goes back to its default is named too.
		{"vulkan", "device", "profile=rocm"},
		{"vulkan", "profile", ""},
		{"image", "type", "profile=rocm"},
		{"npu", "provider", ""},
		{"tts", "device", "slots/chat.toml:3:1: device: gpu-rocm contradicts type = tts: device gpu-rocm goes with type llm, embedding, reranking or image; type tts with device cpu"},

		// Several: what they leave open follows.
		{"rocm", "device=cpu type=tts", "profile=tts provider=kokoro"},
		{"npu", "provider=llama-server device=gpu-vulkan", "profile=vulkan"},
		{"tts", "profile=vulkan type=llm", "provider=llama-server"},
		// Or contradict each other.
		{"rocm", "device=npu profile=rocm", "slots/chat.toml:3:1: device: npu contradicts profile = rocm: device npu goes with profile flm; profile rocm with device gpu-rocm"},
		{"rocm", "device=gpu-rocm profile=vulkan", "slots/chat.toml:3:1: device: gpu-rocm contradicts profile = vulkan: device gpu-rocm goes with profile rocm, rocm-dnse, rocm-moe, comfyui or mine; profile vulkan with device gpu-vulkan or cpu"},
		{"rocm", "device=npu type=image", "slots/chat.toml:3:1: device: npu contradicts type = image: device npu goes with type llm, embedding or transcription; type image with device gpu-rocm or gpu-vulkan"},
		{"rocm", "device=cpu provider=flm", "slots/chat.toml:3:1: device: cpu contradicts provider = flm: device cpu goes with provider llama-server or kokoro; provider flm with device npu"},
		{"rocm", "type=tts profile=rocm", "slots/chat.toml:2:1: type: tts contradicts profile = rocm: type tts goes with profile tts; profile rocm with type llm, embedding or reranking"},
		{"rocm", "type=tts provider=flm", "slots/chat.toml:2:1: type: tts contradicts provider = flm: type tts goes with provider kokoro; provider flm with type llm, embedding or transcription"},
		{"rocm", "profile=rocm provider=flm", "slots/chat.toml:5:1: profile: rocm contradicts provider = flm: profile rocm goes with provider llama-server; provider flm with profile flm"},

		// What is not there.
		{"rocm", "profile=rcom", `slots/chat.toml:5:1: profile: unknown profile "rcom": want one of rocm, rocm-dnse, rocm-moe, vulkan, flm, tts, comfyui, mine, did you mean "rocm"?`},
		{"rocm", "provider=llama", `slots/chat.toml:4:1: provider: unknown provider "llama": want one of llama-server, flm, kokoro, comfyui, vllm, did you mean "llama-server"?`},

		// A provider of one's own runs any image, and stays while it can.
		{"own", "profile=rocm", ""},
		{"own", "device=gpu-vulkan", "profile=vulkan"},
		{"own", "type=embedding", "provider=llama-server"},
		{"rocm", "provider=vllm", ""},
		{"tts", "provider=vllm", "type=llm"},
	} {
		t.Run(tc.slot+" "+tc.edit, func(t *testing.T) {
			t.Parallel()
			box := around(t)
			box.Inputs.Providers = provider.Builtin().With(vllm{})
			box.Inputs.Profiles = profile.New(append(profile.Seeds().List(), profile.Profile{Name: "mine", Image: "localhost/vllm:1", Backend: "rocm"})...)
			u, err := slot.Edited("slots/chat.toml", []byte(coherent[tc.slot]), edits(t, strings.Fields(tc.edit)...), box)
			if err != nil {
				require.EqualError(t, err, tc.want)
				assert.Equal(t, slot.Update{}, u)
				return
			}
			var followed []string
			for _, e := range u.Followed {
				followed = append(followed, fmt.Sprintf("%s=%s", e.Key, e.Value))
			}
			assert.Equal(t, tc.want, strings.Join(followed, " "))
			_, err = slot.Resolve(u.File.Slot, box.Inputs)
			require.NoError(t, err)
		})
	}
}

// However facts are named, the result resolves and says what was named, or there
// is an error.
func TestFactsAlwaysAgree(t *testing.T) {
	t.Parallel()
	devices := append(device.All(), "")
	types := append(provider.SlotTypes(), "")
	profiles := append(profile.Seeds().Names(), "")
	providers := append(provider.Builtin().Names(), "")
	box := around(t)
	for _, d := range devices {
		for _, typ := range types {
			for _, p := range profiles {
				for _, v := range providers {
					w := slot.Wish{Device: d, Type: typ, Profile: p, Provider: v, Model: "qwen3-4b"}
					s, err := slot.Pick(w, box)
					if err != nil {
						require.Regexp(t, "^(device|type|profile|provider): .* contradicts (type|profile|provider) = ", err.Error(), "%+v", w)
						continue
					}
					assert.True(t, (d == "" || d == s.Device) && (typ == "" || typ == s.Type) && (p == "" || p == s.Profile) && (v == "" || v == s.Provider), "%+v %+v", w, s)
				}
			}
		}
	}
}

// So does every edit of every slot, by one fact or by two. Doing it again changes
// nothing.
func TestEditedFactsAlwaysAgree(t *testing.T) {
	t.Parallel()
	facts := []string{
		"device=gpu-rocm", "device=gpu-vulkan", "device=cpu", "device=npu", "device",
		"type=llm", "type=embedding", "type=reranking", "type=transcription", "type=tts", "type=image", "type",
		"profile=rocm", "profile=rocm-moe", "profile=vulkan", "profile=flm", "profile=tts", "profile=comfyui", "profile",
		"provider=llama-server", "provider=flm", "provider=kokoro", "provider=comfyui", "provider",
	}
	box := around(t)
	for name, doc := range coherent {
		if name == "own" {
			continue
		}
		for i, one := range facts {
			for _, two := range facts[i:] {
				words := []string{one, two}
				if one == two {
					words = words[:1]
				} else if key, _, _ := strings.Cut(one, "="); strings.HasPrefix(two, key) {
					continue
				}
				list := edits(t, words...)
				u, err := slot.Edited("slots/chat.toml", []byte(doc), list, box)
				if err != nil {
					require.Regexp(t, "^slots/chat.toml:[0-9]:1: (device|type|profile|provider): .* (contradicts|does not go with) (device|type|profile|provider) = ", err.Error(), "%s %v", name, words)
					continue
				}
				plan, err := u.File.Resolve(box.Inputs)
				require.NoError(t, err)
				got := map[string]string{"device": string(plan.Device), "type": string(plan.Type), "profile": plan.Profile, "provider": string(plan.Provider)}
				for _, w := range words {
					if key, value, ok := strings.Cut(w, "="); ok {
						assert.Equal(t, value, got[key], "%s %v", name, words)
					}
				}
				again, err := slot.Edited("slots/chat.toml", u.Text, list, box)
				require.NoError(t, err, "%s %v: %s", name, words, u.Text)
				assert.Equal(t, string(u.Text), string(again.Text), "%s %v", name, words)
				assert.Empty(t, again.Followed, "%s %v", name, words)
			}
		}
	}
}

func FuzzEdited(f *testing.F) {
	f.Add("port = 8081\n[model]\ndefault = \"qwen3-4b\"\n", "device=gpu-vulkan")
	f.Add("[slot]\nport = 8081\nimage = \"x\"\n[slot.model]\ndefault = \"qwen3-4b\"\n", "image.default_steps=1")
	f.Add("port = 8081\nbackend = \"rocm\"\nmodel.default = \"qwen3-4b\"\n", "server.env.A=1")
	f.Add("slot = { port = 8081, model = { default = 'qwen3-4b' } }\n", "server.extra_args=-b 1")
	box := slot.Surroundings{Inputs: inputs()}
	f.Fuzz(func(t *testing.T, doc, text string) {
		e, err := slot.ParseEdit(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			e = unset(text)
		}
		u, err := slot.Edited("slots/chat.toml", []byte(doc), []slot.Edit{e}, box)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		again, err := slot.Edited("slots/chat.toml", u.Text, []slot.Edit{e}, box)
		if err != nil || string(again.Text) != string(u.Text) {
			t.Fatalf("%q with %q became %q became %q: %v", doc, text, u.Text, again.Text, err)
		}
	})
}

func set(t *testing.T, doc string, words ...string) string {
	t.Helper()
	u, err := slot.Edited("slots/chat.toml", []byte(doc), edits(t, words...), around(t))
	require.NoError(t, err)
	return string(u.Text)
}

// Only the lines that an edit concerns change, in both shapes of a file.
func TestEditedText(t *testing.T) {
	t.Parallel()
	const flat = "# my chat\nport = 8081 # free\n\n[model] # which\ndefault = \"qwen3-4b\"\n"
	const nested = "[slot]\nport = 8081\n\n[slot.model]\ndefault = \"qwen3-4b\"\n"
	const mixed = "[slot]\nport = 8081\n\n[model]\ndefault = \"qwen3-4b\"\n"
	for name, tc := range map[string]struct {
		doc  string
		edit []string
		want string
	}{
		"nothing":                   {flat, nil, flat},
		"what it says already":      {flat, []string{"port=8081"}, flat},
		"a value":                   {flat, []string{"port=8082"}, strings.Replace(flat, "8081", "8082", 1)},
		"a value under [slot]":      {nested, []string{"port=8082"}, strings.Replace(nested, "8081", "8082", 1)},
		"a new key":                 {flat, []string{"role=primary"}, strings.Replace(flat, "# free\n", "# free\nrole = \"primary\"\n", 1)},
		"a new key under [slot]":    {nested, []string{"mtp=false"}, strings.Replace(nested, "8081\n", "8081\nmtp = false\n", 1)},
		"beside the table's own":    {flat, []string{"model.context_size=65536"}, flat + "context_size = 65536\n"},
		"under [slot.model]":        {nested, []string{"model.context_size=65536"}, nested + "context_size = 65536\n"},
		"[model] beside [slot]":     {mixed, []string{"model.context_size=65536"}, mixed + "context_size = 65536\n"},
		"a new table":               {flat, []string{"server.env.A_B=1"}, flat + "\n[server.env]\nA_B = \"1\"\n"},
		"a table under [slot]":      {nested, []string{"npu.asr=true"}, nested + "\n[slot.npu]\nasr = true\n"},
		"a table beside [slot]":     {mixed, []string{"npu.asr=true"}, mixed + "\n[npu]\nasr = true\n"},
		"a key is removed":          {flat + "context_size = 4096\n", []string{"model.context_size"}, flat},
		"a table is removed":        {flat + "\n[npu]\nasr = true\n", []string{"npu"}, flat},
		"a table under [slot] goes": {nested + "[slot.npu]\nasr = true\n", []string{"npu"}, nested},
		"settings are no image":     {flat + "[image]\ndefault_steps = 4\n", []string{"image"}, flat + "[image]\ndefault_steps = 4\n"},
		"one that is not there":     {flat, []string{"mtp", "server.extra_args", "npu"}, flat},
		"an unknown key":            {"color = \"red\"\n" + flat, []string{"color"}, flat},
		"an old key":                {flat + "ctx_size = 4096\n", []string{"model.ctx_size"}, flat},
		"several": {
			flat, []string{"port=8082", "model.default=qwen3-8b", "vision=false", "server.extra_args=-b 64 --lora 'a b'"},
			"# my chat\nport = 8082 # free\nvision = false\n\n[model] # which\ndefault = \"qwen3-8b\"\n\n[server]\nextra_args = \"-b 64 --lora 'a b'\"\n",
		},

		"an image":                            {flat, []string{"image=x.io/a:1"}, strings.Replace(flat, "# free\n", "# free\nimage = \"x.io/a:1\"\n", 1)},
		"an image's settings":                 {flat, []string{"image.default_steps=4"}, flat + "\n[image]\ndefault_steps = 4\n"},
		"settings beside an image":            {"image = \"x.io/a:1\"\n" + flat, []string{"image.default_steps=4"}, "image = \"x.io/a:1\"\n" + flat + "\n[slot.image]\ndefault_steps = 4\n"},
		"an image beside settings":            {flat + "[image]\ndefault_steps = 4\n", []string{"image=x.io/a:1"}, flat + "[image]\ndefault_steps = 4\n\n[slot]\nimage = \"x.io/a:1\"\n"},
		"settings beside [slot]'s image":      {"[slot]\nport = 8081\nimage = \"x.io/a:1\"\n[model]\ndefault = \"qwen3-4b\"\n", []string{"image.default_steps=4"}, "[slot]\nport = 8081\nimage = \"x.io/a:1\"\n[model]\ndefault = \"qwen3-4b\"\n\n[image]\ndefault_steps = 4\n"},
		"the image is removed, settings stay": {"[slot]\nport = 8081\nimage = \"x.io/a:1\"\n[model]\ndefault = \"qwen3-4b\"\n[image]\ndefault_steps = 4\n", []string{"image"}, "[slot]\nport = 8081\n[model]\ndefault = \"qwen3-4b\"\n[image]\ndefault_steps = 4\n"},

		"a device where backend stood for it": {"backend = \"rocm\"\n" + flat, []string{"device=gpu-vulkan"}, strings.Replace(flat, "# free\n", "# free\ndevice = \"gpu-vulkan\"\n", 1)},
		"a device that follows":               {"backend = \"rocm\"\n" + flat, []string{"profile=vulkan"}, strings.Replace(flat, "# free\n", "# free\nprofile = \"vulkan\"\ndevice = \"gpu-vulkan\"\n", 1)},
		"something else than the device":      {"backend = \"rocm\"\n" + flat, []string{"role=x"}, "backend = \"rocm\"\n" + strings.Replace(flat, "# free\n", "# free\nrole = \"x\"\n", 1)},
		"a device that does not change":       {"backend = \"rocm\"\n" + flat, []string{"profile=rocm-moe"}, "backend = \"rocm\"\n" + strings.Replace(flat, "# free\n", "# free\nprofile = \"rocm-moe\"\n", 1)},
		"a key under its old name":            {flat + "ctx_size = 4096\n", []string{"model.context_size=8192"}, flat + "context_size = 8192\n"},
		"and it is removed":                   {flat + "ctx_size = 4096\n", []string{"model.context_size"}, flat},
		"a problem is mended":                 {strings.Replace(flat, "8081", "80", 1), []string{"port=8082"}, strings.Replace(flat, "8081", "8082", 1)},
		"CRLF":                                {strings.ReplaceAll(flat, "\n", "\r\n"), []string{"role=x"}, strings.ReplaceAll(strings.Replace(flat, "# free\n", "# free\nrole = \"x\"\n", 1), "\n", "\r\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, set(t, tc.doc, tc.edit...))
		})
	}
}

func TestEditedRefuses(t *testing.T) {
	t.Parallel()
	const doc = "port = 8081\ncolor = \"red\"\n[model]\ndefault = \"qwen3-4b\"\n"
	off := strings.Replace(doc, "qwen3-4b", "gone", 1) + "[npu]\n[slot]\nenabled = false\n"
	for name, tc := range map[string]struct {
		doc   string
		edits []slot.Edit
		want  string
	}{
		"not TOML":                  {"port = \n", nil, "slots/chat.toml:1:8: unexpected character U+000A at start of value"},
		"a value out of range":      {doc, []slot.Edit{to("port", 80)}, "slots/chat.toml:1:1: port: must be 8081 to 8200, got 80"},
		"a value of another type":   {doc, []slot.Edit{to("mtp", "yes")}, `slots/chat.toml:1:1: mtp: must be true or false, got the string "yes"`},
		"a value of no type":        {doc, []slot.Edit{to("mtp", []int{1})}, "slots/chat.toml:1:1: mtp: a value of type []int can't be written"},
		"a required key":            {doc, []slot.Edit{unset("port")}, "slots/chat.toml:1:1: port: is required: 8081 to 8200"},
		"another name":              {doc, []slot.Edit{to("name", "other")}, `slots/chat.toml:1:1: name: is "other", but the file is chat.toml: make them equal`},
		"an unknown key":            {doc, []slot.Edit{to("color", "blue")}, "slots/chat.toml:2:1: color: unknown key, want one of name, port, type, device, provider, profile, image, role, enabled, mtp, enable_thinking, chat_template, vision, workers, idle_timeout_s, model.default, model.context_size, model.n_gpu_layers, model.rope_freq_base, server.extra_args, server.env, npu.asr, npu.embed, image.idle_restore_minutes, image.default_size, image.default_steps"},
		"a key that is not there":   {doc, []slot.Edit{unset("colour")}, "slots/chat.toml:1:1: colour: unknown key, want one of name, port, type, device, provider, profile, image, role, enabled, mtp, enable_thinking, chat_template, vision, workers, idle_timeout_s, model.default, model.context_size, model.n_gpu_layers, model.rope_freq_base, server.extra_args, server.env, npu.asr, npu.embed, image.idle_restore_minutes, image.default_size, image.default_steps"},
		"twice":                     {doc, []slot.Edit{to("port", 8082), unset("port")}, "slots/chat.toml:1:1: port: is named twice: name it once"},
		"it can't be launched":      {doc, []slot.Edit{to("model.default", "qwen3-4")}, `slots/chat.toml:4:1: model.default: unknown model "qwen3-4": did you mean "qwen3-4b"?`},
		"it could not before":       {strings.Replace(doc, "qwen3-4b", "gone", 1), []slot.Edit{to("role", "x")}, `slots/chat.toml:4:1: model.default: unknown model "gone": want one of bge-small, qwen3-4b, qwen3-8b, unknown, or the absolute path of a model file`},
		"it is disabled, and worse": {off, []slot.Edit{to("profile", "rcom")}, `slots/chat.toml:1:1: profile: unknown profile "rcom": want one of rocm, rocm-dnse, rocm-moe, vulkan, flm, tts, comfyui, did you mean "rocm"?`},
		"it is enabled again":       {off, []slot.Edit{unset("enabled")}, `slots/chat.toml:4:1: model.default: unknown model "gone": want one of bge-small, qwen3-4b, qwen3-8b, unknown, or the absolute path of a model file`},
		"all at once":               {doc, []slot.Edit{to("prot", 1), to("backend", "rocm")}, "slots/chat.toml:1:1: backend: is an old key: set device\nslots/chat.toml:1:1: prot: unknown key, did you mean \"port\"?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := slot.Edited("slots/chat.toml", []byte(tc.doc), tc.edits, around(t))
			require.EqualError(t, err, tc.want)
			assert.Equal(t, slot.Update{}, u)
		})
	}
	assert.Contains(t, set(t, off, "role=x"), "role = \"x\"", "what keeps a disabled slot from being launched keeps nobody from an edit")
	assert.Contains(t, set(t, strings.Replace(doc, "qwen3-4b", "gone", 1), "enabled=false"), "enabled = false")
}

// An edit may not make a conflict with another slot; one that is there already
// is no reason to refuse others.
func TestEditedBesideOthers(t *testing.T) {
	t.Parallel()
	other := file(t, "npu", "port = 8085\ndevice = \"npu\"\n[model]\ndefault = \"a:1b\"\n")
	const doc = "port = 8081\n[model]\ndefault = \"qwen3-4b\"\n"
	const shared = "port = 8085\nenabled = true\n[model]\ndefault = \"qwen3-4b\"\n"
	for name, tc := range map[string]struct {
		doc  string
		edit []string
		want string
	}{
		"its port":               {doc, []string{"port=8085"}, "slots/chat.toml:1:1: port: 8085 is the port of slot npu (slots/npu.toml:1) too: give one of them another port, or disable one"},
		"its port, disabled":     {doc, []string{"port=8085", "enabled=false"}, ""},
		"a second LLM":           {doc, []string{"device=npu"}, "slots/chat.toml:1:1: device: slot npu (slots/npu.toml:2) is an LLM on the NPU too, and the NPU takes one: move one of them to another device, or disable one"},
		"a second LLM, followed": {doc, []string{"profile=flm"}, "slots/chat.toml:1:1: device: slot npu (slots/npu.toml:2) is an LLM on the NPU too, and the NPU takes one: move one of them to another device, or disable one"},
		"no LLM":                 {doc, []string{"device=npu", "type=embedding"}, ""},
		"a broken file's port":   {doc, []string{"port=8086"}, "slots/chat.toml:1:1: port: 8086 is the port of slot broken: choose another"},
		"a port in use":          {doc, []string{"port=8087"}, "slots/chat.toml:1:1: port: something listens on port 8087 of this host already: choose another"},
		"a port in use, later":   {doc, []string{"port=8087", "enabled=false"}, ""},
		"ComfyUI's port":         {doc, []string{"port=8188"}, "slots/chat.toml:1:1: port: 8188 is kept for ComfyUI: choose another"},
		"its own port":           {strings.Replace(doc, "8081", "8087", 1), []string{"port=8087", "role=x"}, ""},
		"it shared before":       {shared, []string{"role=x"}, ""},
		"enabling makes it":      {strings.Replace(shared, "true", "false", 1), []string{"enabled=true"}, "slots/chat.toml:1:1: port: 8085 is the port of slot npu (slots/npu.toml:1) too: give one of them another port, or disable one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			beside := around(t, other)
			beside.Ports, beside.Listening = map[string]int{"broken": 8086, "npu": 8085}, []int{8087}
			_, err := slot.Edited("slots/chat.toml", []byte(tc.doc), edits(t, tc.edit...), beside)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
}

// Old keys that go are told of, as facts that follow are.
func TestEditedTellsWhatFollowed(t *testing.T) {
	t.Parallel()
	doc := "port = 8081\nbackend = \"rocm\"\nidle_timeout_seconds = 1\n[model]\ndefault = \"qwen3-4b\"\n"
	u, err := slot.Edited("slots/chat.toml", []byte(doc), edits(t, "profile=vulkan", "idle_timeout_s=0"), around(t))
	require.NoError(t, err)
	assert.Equal(t, []slot.Edit{unset("idle_timeout_seconds"), to("device", "gpu-vulkan"), unset("backend")}, u.Followed)
}

// The reference system's own save drops profile, type, mtp, vision,
// chat_template, role and every comment.
func TestEditKeepsWhatTheReferenceDrops(t *testing.T) {
	t.Parallel()
	doc := `# The chat that everybody uses.
name = "chat"
port = 8081 # the router knows it

type = 'llm'         # aligned by hand
device    = "gpu-rocm"
profile   = "rocm-dnse"
role = "primary"
mtp = false
vision = false
chat_template = "qwen3" # until the model's own is mended
color = "red"        # somebody else's

[model]
# The larger one does not fit beside the image slot.
default = "qwen3-8b"

[other.program]
key = [ 1,
  2 ] # kept
# The end.
`
	u, err := slot.Edited("slots/chat.toml", []byte(doc), edits(t, "model.context_size=65536", "port=8082", "device=gpu-vulkan"), around(t))
	require.NoError(t, err)
	want := strings.NewReplacer("8081", "8082", `"gpu-rocm"`, `"gpu-vulkan"`, `"rocm-dnse"`, `"vulkan"`, "default = \"qwen3-8b\"\n", "default = \"qwen3-8b\"\ncontext_size = 65536\n").Replace(doc)
	assert.Equal(t, want, string(u.Text))
	assert.Equal(t, []slot.Edit{to("profile", "vulkan")}, u.Followed)
	s := u.File.Slot
	assert.Equal(t, []any{"vulkan", provider.LLM, new(false), new(false), "qwen3", "primary"}, []any{s.Profile, s.Type, s.MTP, s.Vision, s.ChatTemplate, s.Role})
}

func flags(t *testing.T, text string) profile.Flags {
	t.Helper()
	f, err := profile.ParseFlags(text)
	require.NoError(t, err)
	return f
}

func TestParseEdit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]slot.Edit{
		"port=8082":                   to("port", 8082),
		"mtp=false":                   to("mtp", false),
		"type=embed":                  to("type", provider.Embedding),
		"device=npu":                  to("device", device.NPU),
		"role=a=b c":                  to("role", "a=b c"),
		"model.rope_freq_base=1e6":    to("model.rope_freq_base", 1e6),
		"model.n_gpu_layers=-1":       to("model.n_gpu_layers", -1),
		"server.extra_args=-b 64 'a'": to("server.extra_args", flags(t, "-b 64 'a'")),
		"server.env.A=":               to("server.env.A", ""),
		"image=x.io/a:1":              to("image", "x.io/a:1"),
		"image.default_steps=4":       to("image.default_steps", 4),
	} {
		got, err := slot.ParseEdit(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"port":                     `"port" has no =: write for example role=primary or model.context_size=65536`,
		"port=":                    "port: has no value; to remove the key, unset it",
		"port=abc":                 `port: must be an integer, got "abc"`,
		"port=80.5":                `port: must be an integer, got "80.5"`,
		"mtp=yes":                  `mtp: must be true or false, got "yes"`,
		"model.rope_freq_base=x":   `model.rope_freq_base: must be a number, got "x"`,
		"model.rope_freq_base=NaN": `model.rope_freq_base: must be a number, got "NaN"`,
		"device=gpu":               `device: unknown device "gpu": want one of gpu-rocm, gpu-vulkan, cpu, npu`,
		"device=gpu-rcom":          `device: unknown device "gpu-rcom": want one of gpu-rocm, gpu-vulkan, cpu, npu, did you mean "gpu-rocm"?`,
		"server.extra_args='a":     `server.extra_args: the quote ' at character 1 is never closed`,
		"prot=1":                   `prot: unknown key, did you mean "port"?`,
		"context_size=1":           `context_size: unknown key, did you mean "model.context_size"?`,
		"model.contxt_size=1":      `model.contxt_size: unknown key, did you mean "model.context_size"?`,
		"model=qwen3-4b":           "model: is a table: set model.default, model.context_size, model.n_gpu_layers or model.rope_freq_base",
		"server.env={}":            "server.env: is a table: set its keys one by one",
		"backend=rocm":             "backend: is an old key: set device",
		"runtime=container":        "runtime: is an old key without a meaning: every slot runs in a container",
		"model.ctx_size=1":         "model.ctx_size: is an old name: set model.context_size",
		"port.x=1":                 `port.x: unknown key`,
	} {
		_, err := slot.ParseEdit(text)
		if text == "port.x=1" {
			require.ErrorContains(t, err, want)
			continue
		}
		require.EqualError(t, err, want, text)
	}
}

// Values of Go's own types are written as a file has them.
func TestSetTakesTypedValues(t *testing.T) {
	t.Parallel()
	u, err := slot.Edited("slots/chat.toml", []byte("port = 8081\n"), []slot.Edit{
		to("device", device.GPUVulkan), to("type", new(provider.LLM)), to("provider", provider.LlamaServer),
		to("server.extra_args", profile.FlagsOf("-b", "64")), to("server.env", map[string]string{"A": "1"}),
		to("model.default", "qwen3-4b"), to("idle_timeout_s", int64(60)), to("model.rope_freq_base", 1e6),
	}, around(t))
	require.NoError(t, err)
	assert.Equal(t, `port = 8081
device = "gpu-vulkan"
type = "llm"
provider = "llama-server"
idle_timeout_s = 60

[server]
extra_args = "-b 64"
env = { A = "1" }

[model]
default = "qwen3-4b"
rope_freq_base = 1e+06
`, string(u.Text))
	_, err = slot.Edited("slots/chat.toml", []byte("port = 8081\n"), []slot.Edit{to("device", (*device.Device)(nil))}, around(t))
	require.EqualError(t, err, "slots/chat.toml:1:1: device: a value of type *device.Device can't be written")
}

// A file with several problems is mended one key at a time; nothing may get
// worse.
func TestEditedMendsBitByBit(t *testing.T) {
	t.Parallel()
	const broken = "port = 8081\nprofile = \"vulkan\"\nworkers = 0\n[model]\ndefault = 3\n"
	around := slot.Surroundings{Inputs: inputs()}
	for name, tc := range map[string]struct{ edit, text, err string }{
		"one of two": {"workers=1", "port = 8081\nprofile = \"vulkan\"\nworkers = 1\n[model]\ndefault = 3\n", ""},
		"disabled":   {"enabled=false", "port = 8081\nprofile = \"vulkan\"\nworkers = 0\nenabled = false\n[model]\ndefault = 3\n", ""},
		"another":    {"port=80", "", "slots/chat.toml:1:1: port: must be 8081 to 8200, got 80"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := slot.Edited("slots/chat.toml", []byte(broken), edits(t, tc.edit), around)
			if tc.err != "" {
				require.EqualError(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.text, string(u.Text))
			assert.Nil(t, u.File, "it does not load yet")
		})
	}
}

func TestEditedRemovesTablesThatNobodyKnows(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"at top level": "port = 8081\n[model]\ndefault = \"qwen3-4b\"\n[mytool]\nx = 1\n",
		"under slot":   "[slot]\nport = 8081\n[slot.model]\ndefault = \"qwen3-4b\"\n[slot.mytool]\nx = 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := slot.Edited("slots/chat.toml", []byte(doc), edits(t, "mytool"), slot.Surroundings{Inputs: inputs()})
			require.NoError(t, err)
			assert.NotContains(t, string(u.Text), "mytool")
			assert.Contains(t, string(u.Text), "qwen3-4b")
		})
	}
	_, err := slot.Edited("slots/chat.toml", []byte("port = 8081\n"), edits(t, "mytool"), slot.Surroundings{Inputs: inputs()})
	require.ErrorIs(t, err, conf.ErrUnknownKey, "one that is not there is a misspelling")
}
