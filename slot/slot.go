// Package slot turns a slot file into one exact launch.
//
// A [Slot] is what the file says. [Resolve] merges it with its profile, the
// model's registry entry and the host into a [Plan]: the container to start,
// where every flag comes from, what was dropped and why, the image pin, and
// a hash that changes when the launch changes. Resolving is pure; it runs the
// same on a laptop as on the box.
package slot

import (
	"fmt"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// Ports that slots may use. 8080 is hal0's own API.
const (
	MinPort = 8081
	MaxPort = 8200
)

// A Slot is one model served by one container, as its file says it. Fields
// that are nil or zero are absent from the file; what that means is said at each.
// Only Name and Port must be set.
type Slot struct {
	// Name is the slot's name, see [profile.CheckName]; the file's stem.
	Name string `json:"name" koanf:"name"`
	// Port is the TCP port on the host and in the container, MinPort to MaxPort.
	Port int `json:"port" koanf:"port"`
	// Type is what the slot is for; [provider.LLM] when absent.
	Type provider.SlotType `json:"type,omitzero" koanf:"type"`
	// Device is the hardware; [device.Default] when absent.
	Device device.Device `json:"device,omitzero" koanf:"device"`
	// Provider is the server's label; the profile's family when absent.
	Provider provider.Name `json:"provider,omitempty" koanf:"provider"`
	// Profile names the template; [profile.DefaultFor] the device when absent.
	Profile string `json:"profile,omitempty" koanf:"profile"`
	// Image replaces the profile's image.
	Image string `json:"image,omitempty" koanf:"image"`
	// Role is for routers and people; it does not change the launch.
	Role string `json:"role,omitempty" koanf:"role"`
	// Enabled is true when absent.
	Enabled *bool `json:"enabled,omitempty" koanf:"enabled"`
	// MTP overrides the profile's multi-token-prediction setting.
	MTP *bool `json:"mtp,omitempty" koanf:"mtp"`
	// EnableThinking is for routers, which pass it with each request; it does
	// not change the launch.
	EnableThinking *bool `json:"enable_thinking,omitempty" koanf:"enable_thinking"`
	// ChatTemplate is the id of a file in the store's chat-templates; "auto" is
	// the model's own. The model's registry default when absent.
	ChatTemplate string `json:"chat_template,omitempty" koanf:"chat_template"`
	// Vision loads the model's projector, if it has one; true when absent.
	Vision *bool `json:"vision,omitempty" koanf:"vision"`
	// Workers and IdleTimeoutS are for routers; they do not change the launch.
	// IdleTimeoutS is in seconds, 300 when absent, 0 for never.
	Workers      *int `json:"workers,omitempty" koanf:"workers" validate:"omitnil,min=1"`
	IdleTimeoutS *int `json:"idle_timeout_s,omitempty" koanf:"idle_timeout_s" validate:"omitnil,min=0"`

	Model         Model         `json:"model" koanf:"model"`
	Server        Server        `json:"server" koanf:"server"`
	NPU           NPU           `json:"npu" koanf:"npu"`
	ImageSettings ImageSettings `json:"image_settings" koanf:"image settings"`

	// Backend is the old key for Device and is used only without it. Runtime is
	// an old key that is always "container".
	Backend string `json:"backend,omitempty" koanf:"backend"`
	Runtime string `json:"runtime,omitempty" koanf:"runtime" validate:"omitempty,oneof=container"`
}

// A Model is the [model] table of a slot file.
type Model struct {
	// Default is the model to serve: an id of the registry or the absolute path of
	// a file for llama-server, a tag or id for FastFlowLM.
	Default string `json:"default,omitempty" koanf:"default"`
	// ContextSize is in tokens, at least [MinContext]. When absent, the model's own window
	// up to [MaxDefaultContext], else [DefaultContext].
	ContextSize *int `json:"context_size,omitempty" koanf:"context_size"`
	// NGPULayers is the number of layers to offload; -1 or absent leaves it to
	// the server.
	NGPULayers *int `json:"n_gpu_layers,omitempty" koanf:"n_gpu_layers" validate:"omitnil,min=-1"`
	// RopeFreqBase overrides the model's RoPE base; 0 or absent leaves it.
	RopeFreqBase *float64 `json:"rope_freq_base,omitempty" koanf:"rope_freq_base" validate:"omitnil,min=0"`
}

// A Server is the [server] table of a slot file.
type Server struct {
	// ExtraArgs are flags that win over every other source.
	ExtraArgs profile.Flags `json:"extra_args,omitzero" koanf:"extra_args" conf:"multiline"`
	// Env is added to the container's environment.
	Env map[string]string `json:"env,omitempty" koanf:"env"`
}

// An NPU is the [npu] table of a slot file: what one FastFlowLM process serves
// beside chat.
type NPU struct {
	ASR   bool `json:"asr,omitempty" koanf:"asr"`
	Embed bool `json:"embed,omitempty" koanf:"embed"`
}

// ImageSettings is the [image] table of a slot file. It is for routers and does
// not change the launch.
type ImageSettings struct {
	// IdleRestoreMinutes is 60 when absent.
	IdleRestoreMinutes *int `json:"idle_restore_minutes,omitempty" koanf:"idle_restore_minutes" validate:"omitnil,min=0"`
	// DefaultSize is "1024x1024" when absent.
	DefaultSize string `json:"default_size,omitempty" koanf:"default_size"`
	// DefaultSteps is 0, the workflow's own, when absent.
	DefaultSteps *int `json:"default_steps,omitempty" koanf:"default_steps" validate:"omitnil,min=0"`
}

// IsEnabled reports whether the slot takes part when a whole box is brought up.
func (s Slot) IsEnabled() bool { return s.Enabled == nil || *s.Enabled }

// ContainerName returns the name of the container that serves a slot.
func ContainerName(slot string) string { return "hal0-slot-" + slot }

// A Warning is something that does not keep a slot from being launched and that
// its operator should know.
type Warning struct {
	// Code is stable, such as "image.unpublished"; Message is for people.
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Codes of warnings.
const (
	WarnUnpublished   = "image.unpublished"   // no digest in the manifest: launched by tag
	WarnUnmanaged     = "image.unmanaged"     // the manifest does not know the image
	WarnDevice        = "device.missing"      // the host lacks a device node of the slot's device
	WarnGroup         = "device.group"        // the host has no render or video group
	WarnModelFile     = "model.unreadable"    // the model file can't be read here
	WarnModelTag      = "model.not-a-tag"     // a model of the registry where the server has models of its own
	WarnContext       = "context.overridden"  // a flag wins over the slot's context size
	WarnStrayWord     = "flags.stray"         // a word among the flags that belongs to none
	WarnLegacyBackend = "slot.legacy-backend" // backend stands for device
	WarnLegacyKey     = "slot.legacy-key"     // a key stands under an old name
	WarnUnknownKey    = "slot.unknown-key"    // a key that hal0 does not know, kept
)

func warnf(code, format string, args ...any) Warning {
	return Warning{Code: code, Message: fmt.Sprintf(format, args...)}
}
