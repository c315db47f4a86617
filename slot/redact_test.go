package slot_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

func TestRedacted(t *testing.T) {
	t.Parallel()
	s := slot.Slot{Name: "chat", Port: 8081, Profile: "rocm", Model: slot.Model{Default: "/m.gguf"}, Server: slot.Server{
		ExtraArgs: profile.FlagsOf("-b", "1", "--hf-token", "s3cret", "--jinja"),
		Env:       map[string]string{"HF_TOKEN": "s3cret", "HSA": "1"},
	}}
	plan, err := slot.Resolve(s, slot.Inputs{Profiles: profile.Seeds()})
	require.NoError(t, err)
	hash := plan.Hash

	shown := plan.Redacted()
	assert.Equal(t, map[string]string{"HF_TOKEN": "xxxxx", "HSA": "1"}, shown.Spec.Env)
	var words []string
	for _, f := range shown.Flags {
		if f.Source == provider.FromSlot {
			words = f.AppendTo(words)
		}
	}
	assert.Equal(t, []string{"-b", "1", "--hf-token", "xxxxx", "--jinja"}, words)
	assert.NotContains(t, shown.Spec.Command, "s3cret")
	assert.Contains(t, plan.Spec.Command, "s3cret", "the plan itself can be launched")
	assert.Equal(t, "s3cret", plan.Spec.Env["HF_TOKEN"])
	assert.Equal(t, hash, shown.Hash)

	bare := s.Redacted()
	assert.Equal(t, "-b 1 --hf-token xxxxx --jinja", bare.Server.ExtraArgs.String())
	assert.Equal(t, "xxxxx", bare.Server.Env["HF_TOKEN"])
	assert.Equal(t, "s3cret", s.Server.Env["HF_TOKEN"])
}

// Variables are not flags: what sounds like a number of tokens may be a secret.
func TestRedactVariables(t *testing.T) {
	t.Parallel()
	shown := slot.Redact(runtime.Spec{Env: map[string]string{
		"TYPESENSE_API_KEY": "s3cret", "CACHE_PASSWORD": "s3cret", "EMPTY_TOKEN": "",
		"https_proxy": "http://me:s3cret@proxy:3128", "HSA": "a@b",
	}})
	assert.Equal(t, map[string]string{
		"TYPESENSE_API_KEY": "xxxxx", "CACHE_PASSWORD": "xxxxx", "EMPTY_TOKEN": "",
		"https_proxy": "http://xxxxx@proxy:3128", "HSA": "a@b",
	}, shown.Env)
}

func TestRedactFlags(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"-fa  on --n-predict-tokens 5": "-fa  on --n-predict-tokens 5",
		"-hft s3cret -fa on":           "-hft xxxxx -fa on",
		"-hft=s3cret":                  "-hft=xxxxx",
		"--api-key s3cret":             "--api-key xxxxx",
	} {
		parsed, err := profile.ParseFlags(flags)
		require.NoError(t, err)
		assert.Equal(t, want, slot.RedactFlags(parsed).String())
	}
}
