package profile

import (
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/internal/schema"
)

// JSONSchema returns the JSON Schema of profiles.toml, always the same. Whatever
// [Parse] accepts, it accepts; it refuses what Parse refuses but for the words of
// a shell, which a schema can't tell.
func JSONSchema() []byte {
	s := schema.Of[file](schema.Rules{Unknown: conf.Reject, Notes: map[string]schema.Note{
		"profile":                {Text: "The profiles, by the name that slots choose them by.", Keys: NamePattern},
		"profile.*":              {Text: "A container image with flags that were tuned on it."},
		"profile.*.image":        {Text: "The image reference.", Examples: []any{"ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server"}},
		"profile.*.flags":        {Text: "Flags of the image's program, as a shell would read them.", Examples: []any{"-fa on -b 512 -ub 512 --parallel 1"}},
		"profile.*.mtp":          {Text: "Multi-token prediction, unless a slot says otherwise. llama-server on a GPU only.", Default: false},
		"profile.*.device_class": {Text: "The hardware that the profile is made for.", Enum: enum.Words(device.Classes()), Default: device.ClassGPU},
		"profile.*.backend":      {Text: "The GPU interface of the image.", Enum: enum.Words(device.Backends()), Default: device.BackendNone},
		"profile.*.intent":       {Text: "What the profile is for, for people.", Examples: []any{"Dense + MTP · q4 KV"}},
		"profile.*.quant":        {Text: "The quantization that it was tuned on, for people.", Examples: []any{"Q4_K_M"}},
		"profile.*.cloned_from":  {Text: "The profile that this one was made from."},
	}})
	s.Dialect, s.Title = schema.Dialect, "hal0 profiles"
	s.Description = "The profiles that a box serves. Without the file they are the ones that hal0 comes with."
	return s.JSON()
}
