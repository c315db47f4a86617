package slot

import (
	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
)

// A Plan is one exact, explained launch. It is plain data and prints as JSON.
// Launching, previewing and checking for drift all read the same Plan.
type Plan struct {
	Slot     string            `json:"slot"`
	Device   device.Device     `json:"device"`
	Provider provider.Name     `json:"provider"`
	Profile  string            `json:"profile"`
	Type     provider.SlotType `json:"type"`
	// Model is the name to use in requests, "" when the image brings its own.
	Model string `json:"model,omitempty"`
	// ModelFile is the path of the model's file, "" when it has none.
	ModelFile string `json:"model_file,omitempty"`
	// ContextSize is in tokens.
	ContextSize int `json:"context_size"`
	// Spec is the container.
	Spec runtime.Spec `json:"spec"`
	// Flags are the flags of Spec's command, in order, each with its source.
	Flags []provider.Flag `json:"flags"`
	// Dropped are the flags that others replaced.
	Dropped []provider.Dropped `json:"dropped"`
	// Image tells how the image is pinned.
	Image Image `json:"image"`
	// Warnings are what the operator should know.
	Warnings []Warning `json:"warnings"`
	// Probe tells when the slot is ready.
	Probe provider.Probe `json:"probe"`
	// Busy passes while the slot's server works on a request. It is empty where
	// the server does not tell.
	Busy provider.Probe `json:"busy,omitempty"`
	// Hash is "sha256:…" over Spec without the label that holds the hash itself.
	// It changes exactly when the launch changes.
	Hash string `json:"hash"`
}

// An Image tells which image a plan launches and why.
type Image struct {
	// Ref is the reference as the slot or the profile writes it; Spec.Image is
	// what is launched.
	Ref string `json:"ref"`
	// Pinned is set when the launch names a digest.
	Pinned bool `json:"pinned"`
	// Digest is the digest that is launched, or "".
	Digest digest.Digest `json:"digest"`
	// Entry is the image's short name in the manifest, or "".
	Entry string `json:"entry"`
}
