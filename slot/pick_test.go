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

// around is the box of inputs, with the given slot files, by name.
func around(t *testing.T, files ...*slot.File) slot.Surroundings {
	t.Helper()
	s := slot.Surroundings{Inputs: inputs(), Slots: files, Ports: map[string]int{}}
	for _, f := range files {
		s.Ports[f.Slot.Name] = f.Slot.Port
	}
	return s
}

// file is a slot file of that name.
func file(t *testing.T, name, doc string) *slot.File {
	t.Helper()
	f, err := slot.Parse("slots/"+name+".toml", []byte(doc), provider.Builtin())
	require.NoError(t, err)
	return f
}

// Every pair of a device and a type has a slot, or an error that says what goes
// with what.
func TestPickForEveryDeviceAndType(t *testing.T) {
	t.Parallel()
	const (
		gpuTypes = "type llm, embedding, reranking or image"
		cpuTypes = "type llm, embedding, reranking or tts"
		npuTypes = "type llm, embedding or transcription"
	)
	refused := func(d, typ, types, devices string) string {
		return fmt.Sprintf("device: %s contradicts type = %s: device %s goes with %s; type %s with device %s", d, typ, d, types, typ, devices)
	}
	want := map[string]string{ // name, profile, provider, port; or the error
		"gpu-rocm llm":           "chat: rocm on llama-server, port 8081",
		"gpu-rocm embedding":     "embed: rocm on llama-server, port 8081",
		"gpu-rocm reranking":     "rerank: rocm on llama-server, port 8081",
		"gpu-rocm transcription": refused("gpu-rocm", "transcription", gpuTypes, "npu"),
		"gpu-rocm tts":           refused("gpu-rocm", "tts", gpuTypes, "cpu"),
		"gpu-rocm image":         "image: comfyui on comfyui, port 8188",

		"gpu-vulkan llm":           "chat: vulkan on llama-server, port 8081",
		"gpu-vulkan embedding":     "embed: vulkan on llama-server, port 8081",
		"gpu-vulkan reranking":     "rerank: vulkan on llama-server, port 8081",
		"gpu-vulkan transcription": refused("gpu-vulkan", "transcription", gpuTypes, "npu"),
		"gpu-vulkan tts":           refused("gpu-vulkan", "tts", gpuTypes, "cpu"),
		"gpu-vulkan image":         "image: comfyui on comfyui, port 8188",

		"cpu llm":           "chat: vulkan on llama-server, port 8081",
		"cpu embedding":     "embed: vulkan on llama-server, port 8081",
		"cpu reranking":     "rerank: vulkan on llama-server, port 8081",
		"cpu transcription": refused("cpu", "transcription", cpuTypes, "npu"),
		"cpu tts":           "tts: tts on kokoro, port 8081",
		"cpu image":         refused("cpu", "image", cpuTypes, "gpu-rocm or gpu-vulkan"),

		"npu llm":           "chat: flm on flm, port 8081",
		"npu embedding":     "embed: flm on flm, port 8081",
		"npu reranking":     refused("npu", "reranking", npuTypes, "gpu-rocm, gpu-vulkan or cpu"),
		"npu transcription": "stt: flm on flm, port 8081",
		"npu tts":           refused("npu", "tts", npuTypes, "cpu"),
		"npu image":         refused("npu", "image", npuTypes, "gpu-rocm or gpu-vulkan"),
	}
	got := map[string]string{}
	for _, d := range device.All() {
		for _, typ := range provider.SlotTypes() {
			key := string(d) + " " + string(typ)
			s, err := slot.Pick(slot.Wish{Device: d, Type: typ, Model: "qwen3-4b"}, around(t))
			if err != nil {
				got[key] = err.Error()
				require.ErrorIs(t, err, conf.ErrConflict, key)
				continue
			}
			got[key] = fmt.Sprintf("%s: %s on %s, port %d", s.Name, s.Profile, s.Provider, s.Port)
			assert.Equal(t, d, s.Device, key)
			assert.Equal(t, typ, s.Type, key)
			assert.Equal(t, "qwen3-4b", s.Model.Default, key)
			plan := resolve(t, s)
			assert.Equal(t, s.Profile, plan.Profile, key)
			assert.Equal(t, s.Provider, plan.Provider, key)
		}
	}
	assert.Equal(t, want, got)
}

// Without a device, the recommended one is taken if it is there and serves the
// type.
func TestPickByTypeAndHost(t *testing.T) {
	t.Parallel()
	full := inputs().Host
	amd := device.Host{KFD: "/dev/kfd", DRI: []string{"/dev/dri/renderD128"}}
	nvidia := device.Host{DRI: []string{"/dev/dri/renderD128"}}
	npuOnly := device.Host{NPU: "/dev/accel/accel0", DRI: []string{"/dev/dri/renderD128"}}
	none := device.Host{}
	for name, tc := range map[string]struct {
		host        device.Host
		recommended device.Device
		wish        slot.Wish
		want        string // device and profile, or the error
	}{
		"strix halo, chat":           {full, "gpu-vulkan", slot.Wish{Type: "llm"}, "gpu-vulkan vulkan"},
		"strix halo, nothing said":   {full, "gpu-vulkan", slot.Wish{}, "gpu-vulkan vulkan"},
		"strix halo, tts":            {full, "gpu-vulkan", slot.Wish{Type: "tts"}, "cpu tts"},
		"strix halo, image":          {full, "gpu-vulkan", slot.Wish{Type: "image"}, "gpu-vulkan comfyui"},
		"strix halo, stt":            {full, "gpu-vulkan", slot.Wish{Type: "transcription"}, "npu flm"},
		"strix halo, the ROCm one":   {full, "gpu-vulkan", slot.Wish{Profile: "rocm-dnse"}, "gpu-rocm rocm-dnse"},
		"strix halo, the CPU's own":  {full, "gpu-vulkan", slot.Wish{Profile: "tts"}, "cpu tts"},
		"strix halo, by provider":    {full, "gpu-vulkan", slot.Wish{Provider: "flm"}, "npu flm"},
		"amd card, chat":             {amd, "gpu-rocm", slot.Wish{Type: "llm"}, "gpu-rocm rocm"},
		"amd card, nothing advised":  {amd, "", slot.Wish{Type: "llm"}, "gpu-vulkan vulkan"},
		"nvidia, chat":               {nvidia, "gpu-vulkan", slot.Wish{Type: "llm"}, "gpu-vulkan vulkan"},
		"nvidia, a wrong advice":     {nvidia, "gpu-rocm", slot.Wish{Type: "llm"}, "gpu-vulkan vulkan"},
		"npu is asked for only":      {npuOnly, "", slot.Wish{Type: "embedding"}, "gpu-vulkan vulkan"},
		"no gpu, chat":               {none, "cpu", slot.Wish{Type: "llm"}, "cpu vulkan"},
		"no gpu, vulkan by name":     {none, "cpu", slot.Wish{Profile: "vulkan"}, "cpu vulkan"},
		"no gpu, rocm by name":       {none, "cpu", slot.Wish{Profile: "rocm"}, "gpu-rocm rocm"},
		"no gpu, a device by name":   {none, "cpu", slot.Wish{Device: "gpu-rocm"}, "gpu-rocm rocm"},
		"no gpu, image":              {none, "cpu", slot.Wish{Type: "image"}, "device: this host has no device that serves type image: gpu-rocm needs /dev/kfd and /dev/dri/renderD128, gpu-vulkan needs /dev/dri/renderD128; name a device to make the slot all the same"},
		"no npu, stt":                {none, "cpu", slot.Wish{Type: "transcription"}, "device: this host has no device that serves type transcription: npu needs /dev/accel/accel0 and /dev/dri/renderD128; name a device to make the slot all the same"},
		"two that contradict":        {full, "", slot.Wish{Profile: "tts", Type: "llm"}, "type: llm contradicts profile = tts: type llm goes with profile rocm, rocm-dnse, rocm-moe, vulkan or flm; profile tts with type tts"},
		"three that contradict":      {full, "", slot.Wish{Device: "gpu-rocm", Profile: "vulkan", Type: "llm"}, "device: gpu-rocm contradicts profile = vulkan: device gpu-rocm goes with profile rocm, rocm-dnse, rocm-moe or comfyui; profile vulkan with device gpu-vulkan or cpu"},
		"a provider that can't":      {full, "", slot.Wish{Device: "cpu", Provider: "comfyui"}, "device: cpu contradicts provider = comfyui: device cpu goes with provider llama-server or kokoro; provider comfyui with device gpu-rocm or gpu-vulkan"},
		"an unknown profile":         {full, "", slot.Wish{Profile: "rcom"}, `profile: unknown profile "rcom": want one of rocm, rocm-dnse, rocm-moe, vulkan, flm, tts, comfyui, did you mean "rocm"?`},
		"an unknown provider":        {full, "", slot.Wish{Provider: "triton"}, `provider: unknown provider "triton": want one of llama-server, flm, kokoro, comfyui`},
		"an unknown device and type": {full, "", slot.Wish{Device: "gpu", Type: "talk"}, "device: unknown device \"gpu\": want one of gpu-rocm, gpu-vulkan, cpu, npu\ntype: unknown type \"talk\": want one of llm, embedding, reranking, transcription, tts, image"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := around(t)
			box.Inputs.Host, box.Recommended = tc.host, tc.recommended
			tc.wish.Model = "qwen3-4b"
			s, err := slot.Pick(tc.wish, box)
			if err != nil {
				require.EqualError(t, err, tc.want)
				assert.Equal(t, slot.Slot{}, s)
				return
			}
			assert.Equal(t, tc.want, string(s.Device)+" "+s.Profile)
		})
	}
}

func TestPickNameAndPort(t *testing.T) {
	t.Parallel()
	chat := file(t, "chat", "port = 8081\ndevice = \"gpu-vulkan\"\n")
	second := file(t, "chat-2", "port = 8083\nenabled = false\n")
	image := file(t, "image", "port = 8188\ntype = \"image\"\n")
	npu := file(t, "npu", "port = 8085\ndevice = \"npu\"\ntype = \"llm\"\n")
	long := file(t, strings.Repeat("a", 32), "port = 8090\n")
	full := around(t)
	full.First, full.Last = 8081, 8082
	full.Ports = map[string]int{"a": 8081}
	full.Listening = []int{8082}
	bounded := around(t, chat, second)
	bounded.MaxSlots = 2
	wide := around(t)
	wide.First, wide.Last = 1, 65535
	wide.Listening = seq(8081, 8187)
	listened := around(t)
	listened.Listening = []int{8081, 8188}
	nowhere := around(t)
	nowhere.First, nowhere.Last = 9000, 9100
	broken := around(t)
	broken.Ports = map[string]int{"chat": 0, "embed": 8081}
	for name, tc := range map[string]struct {
		box  slot.Surroundings
		wish slot.Wish
		want string // name and port, or the error
	}{
		"the first port":               {around(t), slot.Wish{}, "chat 8081"},
		"ports that others claim":      {around(t, chat, second), slot.Wish{}, "chat-3 8082"},
		"a port that is listened on":   {listened, slot.Wish{}, "chat 8082"},
		"ComfyUI's port":               {around(t, chat), slot.Wish{Type: "image"}, "image 8188"},
		"ComfyUI's port is claimed":    {around(t, image), slot.Wish{Type: "image"}, "image-2 8081"},
		"ComfyUI's port is listened":   {listened, slot.Wish{Type: "image"}, "image 8082"},
		"a range with ComfyUI's port":  {wide, slot.Wish{}, "chat 8189"},
		"files that can't be read":     {broken, slot.Wish{}, "chat-2 8082"},
		"name and port as asked":       {around(t, chat), slot.Wish{Name: "mine", Port: 8150}, "mine 8150"},
		"a name that is taken":         {around(t, chat, second), slot.Wish{Name: "chat"}, "name: slot chat is there already: chat-3 is free"},
		"a name that can't be longer":  {around(t, long), slot.Wish{Name: long.Slot.Name}, "name: slot " + long.Slot.Name + " is there already: " + strings.Repeat("a", 30) + "-2 is free"},
		"not a name":                   {around(t), slot.Wish{Name: "../x"}, `name: "../x" is not a name: want 1 to 32 of a-z, 0-9, _ and -, beginning with a letter or digit`},
		"a port that is claimed":       {around(t, chat), slot.Wish{Port: 8081}, "port: 8081 is the port of slot chat: 8082 is free"},
		"a port that something uses":   {listened, slot.Wish{Port: 8081}, "port: something listens on port 8081 of this host already: 8082 is free"},
		"ComfyUI's port for a chat":    {around(t), slot.Wish{Port: 8188}, "port: 8188 is kept for ComfyUI: 8081 is free"},
		"not a slot's port":            {around(t), slot.Wish{Port: 8080}, "port: must be 8081 to 8200, got 8080"},
		"no free port":                 {full, slot.Wish{}, "port: no port from 8081 to 8082 is free: each is claimed by a slot file or listened on; widen the range of [slots] in hal0.toml, within 8081 to 8200"},
		"no free port instead":         {full, slot.Wish{Port: 8081}, "port: 8081 is the port of slot a: no port from 8081 to 8082 is free: each is claimed by a slot file or listened on; widen the range of [slots] in hal0.toml, within 8081 to 8200"},
		"a range of no use":            {nowhere, slot.Wish{}, "port: the range of [slots] in hal0.toml has none of the ports that slots may use, 8081 to 8200"},
		"no talk of what hangs on it":  {around(t), slot.Wish{Port: 8188, Type: "image", Device: "npu"}, "device: npu contradicts type = image: device npu goes with type llm, embedding or transcription; type image with device gpu-rocm or gpu-vulkan"},
		"as many slots as there may":   {bounded, slot.Wish{}, "slots.max_slots: the box has 2 slots already, of at most 2: delete one, or raise the bound in hal0.toml"},
		"no model":                     {around(t), slot.Wish{Model: "-"}, "model.default: is required: an id of the model registry, or the absolute path of a model file"},
		"a model that is almost there": {around(t), slot.Wish{Model: "qwen3-4"}, `model.default: unknown model "qwen3-4": did you mean "qwen3-4b"?`},
		"a second LLM on the NPU":      {around(t, npu), slot.Wish{Device: "npu"}, "device: slot npu (slots/npu.toml:2) is an LLM on the NPU too, and the NPU takes one: move one of them to another device, or disable one"},
		"something else on the NPU":    {around(t, npu), slot.Wish{Device: "npu", Type: "embedding"}, "embed 8081"},
		"all at once":                  {around(t, chat), slot.Wish{Name: "chat", Port: 8081}, "name: slot chat is there already: chat-2 is free\nport: 8081 is the port of slot chat: 8082 is free"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch tc.wish.Model {
			case "":
				tc.wish.Model = "qwen3-4b"
			case "-":
				tc.wish.Model = ""
			}
			s, err := slot.Pick(tc.wish, tc.box)
			if err != nil {
				require.EqualError(t, err, tc.want)
				assert.Equal(t, slot.Slot{}, s)
				return
			}
			assert.Equal(t, tc.want, fmt.Sprint(s.Name, " ", s.Port))
		})
	}
}

func seq(first, last int) []int {
	var all []int
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}

// A box whose profiles are its own.
func TestPickFromAnotherCatalog(t *testing.T) {
	t.Parallel()
	box := around(t)
	box.Inputs.Profiles = profile.New(
		profile.Profile{Name: "mine", Image: "localhost/llama:1", Backend: "vulkan"},
		profile.Profile{Name: "odd", Image: "localhost/kokoro:1"},
	)
	box.Inputs.Providers = provider.Builtin().With(vllm{})
	for name, tc := range map[string]struct {
		wish slot.Wish
		want string
	}{
		"the only one":            {slot.Wish{}, "gpu-vulkan mine llama-server"},
		"a provider of one's own": {slot.Wish{Provider: "vllm"}, "gpu-vulkan mine vllm"},
		"no such device":          {slot.Wish{Device: "npu"}, "device: no profile of this box runs on device npu"},
		"no such type":            {slot.Wish{Type: "image"}, "type: no profile of this box serves type image"},
		"no such provider":        {slot.Wish{Provider: "flm"}, "provider: no profile of this box runs flm"},
		"a profile for nothing":   {slot.Wish{Profile: "odd"}, "profile: profile odd is made for device_class gpu and backend none, which no device is"},
		"three of them":           {slot.Wish{Provider: "vllm", Type: "embedding"}, "type: embedding contradicts provider = vllm: type embedding goes with provider llama-server; provider vllm with type llm"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.wish.Model = "qwen3-4b"
			s, err := slot.Pick(tc.wish, box)
			if err != nil {
				require.EqualError(t, err, tc.want)
				return
			}
			assert.Equal(t, tc.want, fmt.Sprint(s.Device, " ", s.Profile, " ", s.Provider))
		})
	}
}

// The file of a new slot has what was picked, and nothing that is a default.
func TestText(t *testing.T) {
	t.Parallel()
	s, err := slot.Pick(slot.Wish{Type: "embedding", Model: "bge-small"}, around(t))
	require.NoError(t, err)
	text, err := s.Text()
	require.NoError(t, err)
	assert.Equal(t, `name = "embed"
port = 8081
type = "embedding"
device = "gpu-vulkan"
provider = "llama-server"
profile = "vulkan"

[model]
default = "bge-small"
`, string(text))
	assert.Equal(t, s, file(t, "embed", string(text)).Slot)

	full := parse(t, everyKey+everyTable+imageTable).Slot
	full.Runtime, full.Image = "", "x.io/a:1" // an old key; a key of two meanings
	text, err = full.Text()
	require.NoError(t, err)
	assert.Equal(t, full, file(t, "chat", string(text)).Slot)
	_, err = slot.Slot{Name: "a", Type: "talk"}.Text()
	require.EqualError(t, err, `type: unknown type "talk": want one of llm, embedding, reranking, transcription, tts, image`)
}
