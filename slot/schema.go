package slot

import (
	"fmt"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/internal/schema"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// JSONSchema returns the JSON Schema of slot files, always the same for the same
// providers. Whatever [Parse] accepts, it accepts; it refuses what Parse refuses
// but for what a schema can't say: the name of the file, the words of a shell,
// integers that are written with a point, and two keys that contradict each
// other.
func JSONSchema(providers provider.Set) []byte {
	s, below := keys(providers), keys(providers)
	s.Dialect, s.Title = schema.Dialect, "hal0 slot"
	s.Description = "One model served by one container. The keys stand at top level or in a [slot] table."

	// No type: a slot that is no table is an unknown key, which is fine.
	below.Type, below.Description = nil, "The slot's keys; they may stand at top level instead, but not in both places."
	below.DependentSchemas = map[string]*schema.Schema{"slot": schema.Never()}
	s.AnyOf = []*schema.Schema{has("port"), hasBelow("port")}
	s.DependentSchemas = map[string]*schema.Schema{}
	for key := range below.Properties {
		s.DependentSchemas[key] = schema.At(schema.Never(), "slot", key)
	}
	s.DependentSchemas["image"] = &schema.Schema{AnyOf: []*schema.Schema{oneImage("string"), oneImage("object")}}
	s.DependentSchemas["backend"].AnyOf = []*schema.Schema{has("device"), hasBelow("device"), schema.At(backends(), "backend")}
	s.DependentSchemas["slot"] = &schema.Schema{AnyOf: []*schema.Schema{has("device"), hasBelow("device"), schema.At(backends(), "slot", "backend")}}
	s.Properties["slot"] = below
	return s.JSON()
}

func has(key string) *schema.Schema { return &schema.Schema{Required: []string{key}} }

func hasBelow(key string) *schema.Schema {
	below := has(key)
	below.Type = "object"
	s := schema.At(below, "slot")
	s.Required = []string{"slot"}
	return s
}

// oneImage is an image at top level of a type, and none of that type in [slot]:
// one is a reference, the other are settings.
func oneImage(typ string) *schema.Schema {
	is := &schema.Schema{Type: typ}
	s := schema.At(&schema.Schema{Not: is}, "slot", "image")
	s.Properties["image"] = is
	return s
}

// backends are the old words for a device. They count only without a device.
func backends() *schema.Schema {
	s := &schema.Schema{Enum: []any{""}}
	for _, word := range device.LegacyBackends() {
		s.Enum = append(s.Enum, word)
	}
	return s
}

// keys returns the schema of the keys of a slot, wherever they stand.
func keys(providers provider.Set) *schema.Schema {
	s := schema.Of[Slot](schema.Rules{Unknown: conf.Keep, Notes: slotNotes(providers)})
	settings, ref := s.Properties[imageSettings], s.Properties["image"]
	delete(s.Properties, imageSettings)
	s.Properties["image"] = &schema.Schema{
		Description: "An image reference that replaces the profile's, or the table of image settings.",
		AnyOf:       []*schema.Schema{ref, settings},
	}
	for _, closed := range []*schema.Schema{settings, s.Properties["npu"]} {
		closed.AdditionalProperties = false
	}
	for _, k := range oldKeys {
		addOldKey(s, k)
	}
	for _, key := range []string{"backend", "runtime"} {
		s.Properties[key].Deprecated = true
	}
	return s
}

func addOldKey(s *schema.Schema, k oldKey) {
	last := len(k.old) - 1
	for _, table := range k.old[:last] {
		s = s.Properties[table]
	}
	old := *s.Properties[k.now[last]]
	old.Deprecated, old.Description = true, fmt.Sprintf("Old name of %s.", strings.Join(k.now, "."))
	s.Properties[k.old[last]] = &old
}

// slotNotes are what the type of a slot does not tell.
func slotNotes(providers provider.Set) map[string]schema.Note {
	return map[string]schema.Note{
		"name":            {Text: "The slot's name: that of its file without .toml.", Pattern: profile.NamePattern, Empty: true},
		"port":            {Text: "TCP port of the slot, on 127.0.0.1 of the host and in the container.", Min: MinPort, Max: MaxPort, Examples: []any{FirstPort}},
		"type":            {Text: "What the slot is for. chat, embed, rerank and stt are other words for llm, embedding, reranking and transcription.", Enum: provider.SlotTypeWords(), Default: provider.LLM},
		"device":          {Text: "The hardware that the slot asks for.", Enum: enum.Words(device.All()), Default: device.Default},
		"provider":        {Text: "The server that runs. The profile decides when it is absent.", Enum: enum.Words(providers.Names()), Empty: true},
		"profile":         {Text: "The template of image and flags. The device's own when it is absent.", Examples: []any{"rocm", "rocm-dnse", "vulkan"}},
		"image":           {Text: "The image reference that replaces the profile's.", Examples: []any{"ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server"}},
		"role":            {Text: "For routers and people; it does not change the launch.", Examples: []any{"primary"}},
		"enabled":         {Text: "Whether the slot takes part when the whole box is brought up.", Default: true},
		"mtp":             {Text: "Multi-token prediction. The profile decides when it is absent."},
		"enable_thinking": {Text: "For routers, which pass it with each request. The model decides when it is absent."},
		"chat_template":   {Text: "The name of a file in the store's chat-templates without .jinja, or auto for the model's own.", Pattern: templatePattern, Empty: true, Examples: []any{"auto"}},
		"vision":          {Text: "Whether the model's projector is loaded, if it has one.", Default: true},
		"workers":         {Text: "For routers: how many requests at a time."},
		"idle_timeout_s":  {Text: "For routers: after how many seconds without a request the slot may be stopped; 0 for never.", Default: 300},

		"model":                {Text: "The model that the slot serves."},
		"model.default":        {Text: "The id of a model of the registry or the absolute path of a file; for FastFlowLM a tag.", Examples: []any{"/mnt/ai-models/qwen3-4b/model.gguf"}},
		"model.context_size":   {Text: fmt.Sprintf("The context window in tokens. The model's own up to %d when it is absent, else %d.", MaxDefaultContext, DefaultContext), Min: MinContext},
		"model.n_gpu_layers":   {Text: "How many layers are offloaded; -1 leaves it to the server.", Default: -1},
		"model.rope_freq_base": {Text: "The model's RoPE base; 0 leaves it.", Default: 0},

		"server":            {Text: "The server's flags and environment."},
		"server.extra_args": {Text: "Flags that win over every other source, as a shell would read them.", Examples: []any{"-b 1024 --temp 0.6"}},
		"server.env":        {Text: "Environment variables of the container.", Keys: envKeyPattern},
		"server.env.*":      {Text: "The value of the variable."},

		"npu":       {Text: "What one FastFlowLM process serves beside chat."},
		"npu.asr":   {Text: "Speech recognition.", Default: false},
		"npu.embed": {Text: "Embeddings.", Default: false},

		imageSettings:                           {Text: "Settings of image generation, for routers; they do not change the launch."},
		imageSettings + ".idle_restore_minutes": {Text: "Minutes until what was stopped for image generation is started again.", Default: 60},
		imageSettings + ".default_size":         {Text: "Width and height in pixels.", Default: "1024x1024"},
		imageSettings + ".default_steps":        {Text: "Steps of the sampler; 0 leaves them to the workflow.", Default: 0},

		"backend": {Text: "Old key for device, which counts only without it: " + strings.Join(device.LegacyBackends(), ", ") + "."},
		"runtime": {Text: "Old key without a meaning: every slot runs in a container."},
	}
}

// RegistryJSONSchema returns the JSON Schema of the model registry, always the
// same. It agrees with [ParseRegistry] as [JSONSchema] does with [Parse].
func RegistryJSONSchema() []byte {
	notes := map[string]schema.Note{
		"models":                           {Text: "The models, by the id that slots name them by."},
		"models.*":                         {Text: "One model. Other keys belong to other programs."},
		"models.*.path":                    {Text: "The absolute path of the model file.", Pattern: conf.PathPattern, Not: conf.PathNotPattern, Examples: []any{"/mnt/ai-models/qwen3-4b/model.gguf"}},
		"models.*.mmproj":                  {Text: "The absolute path of the vision projector.", Pattern: conf.PathPattern, Not: conf.PathNotPattern, Empty: true},
		"models.*.size_bytes":              {Text: "The size of the file in bytes."},
		"models.*.capabilities":            {Text: "What the model can do.", Examples: []any{[]string{"chat", "vision"}}},
		"models.*.metadata":                {Text: "What is known of the model itself."},
		"models.*.defaults":                {Text: "What applies to a slot that serves the model and says nothing else."},
		"models.*.capabilities.*":          {Text: "One ability."},
		"models.*.metadata.context_length": {Text: "The native context window in tokens; 0 when it is not known."},
		"models.*.defaults.context_size":   {Text: "The context window in tokens; 0 leaves it open."},
		"models.*.defaults.chat_template":  {Text: "The name of a file in the store's chat-templates without .jinja, or auto."},
		"models.*.defaults.extra_args":     {Text: "Flags, as a shell would read them."},
		"models.*.defaults.n_gpu_layers":   {Text: "How many layers are offloaded; -1 leaves it to the server."},
	}
	s := schema.Of[registryFile](schema.Rules{Unknown: conf.Ignore, Notes: notes})
	s.Dialect, s.Title = schema.Dialect, "hal0 model registry"
	s.Description = "The models that a box knows. Other tables belong to other programs."
	return s.JSON()
}
