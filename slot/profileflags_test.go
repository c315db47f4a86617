package slot_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// TestProfileFlagsAreLaunched holds what a profile tells of its flags against the
// plans of slots that use it.
func TestProfileFlagsAreLaunched(t *testing.T) {
	t.Parallel()
	for _, p := range profile.Seeds().List() {
		of := slot.Slot{Name: "a", Port: 8081, Profile: p.Name, Model: slot.Model{Default: "/m.gguf"}}
		switch p.Class {
		case device.ClassNPU:
			of.Device = device.NPU
		case device.ClassCPU:
			of.Device, of.Type = device.CPU, provider.TTS
		case device.ClassImage:
			of.Device, of.Type = device.GPUROCm, provider.Image
		case device.ClassGPU:
			of.Device = device.Device("gpu-" + p.Backend)
		}
		plan, err := slot.Resolve(of, slot.Inputs{Profiles: profile.Seeds()})
		require.NoError(t, err, p.Name)
		flags, err := slot.ProfileFlags(p, provider.Set{})
		require.NoError(t, err)
		launched := slices.DeleteFunc(slices.Clone(plan.Flags), func(f provider.Flag) bool {
			return f.Source != provider.FromProfile && f.Source != provider.FromMTP
		})
		assert.Len(t, flags, len(launched), p.Name)
		assert.Subset(t, launched, flags, p.Name)
		assert.Equal(t, p.MTP, slices.ContainsFunc(flags, func(f provider.Flag) bool { return f.Source == provider.FromMTP }), p.Name)
	}
}

func TestProfileFlags(t *testing.T) {
	t.Parallel()
	flags := func(text string) profile.Flags {
		var f profile.Flags
		require.NoError(t, f.UnmarshalText([]byte(text)))
		return f
	}
	for name, tc := range map[string]struct {
		profile    profile.Profile
		want, fail string
	}{
		"the last one wins": {profile.Profile{Flags: flags("-b 1 --batch-size 2")}, "--batch-size 2", ""},
		"a pinned flag":     {profile.Profile{Flags: flags("--spec-draft-n-max 9"), MTP: true, Backend: "rocm"}, "--spec-draft-n-max 9 --spec-type draft-mtp", ""},
		"the device":        {profile.Profile{MTP: true, Backend: "vulkan"}, "--spec-type draft-mtp --spec-draft-device Vulkan0", ""},
		"no GPU":            {profile.Profile{Name: "p", MTP: true}, "", "profile.p.mtp"},
		"a reserved flag":   {profile.Profile{Name: "p", Flags: flags("--port 1")}, "", "profile.p.flags"},
		"not for the NPU":   {profile.Profile{Name: "p", MTP: true, Class: "npu"}, "", "profile.p.mtp"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := slot.ProfileFlags(tc.profile, provider.Builtin())
			if tc.fail != "" {
				require.ErrorContains(t, err, tc.fail)
				return
			}
			require.NoError(t, err)
			var words []string
			for _, f := range got {
				words = f.AppendTo(words)
			}
			assert.True(t, strings.HasPrefix(strings.Join(words, " "), tc.want), "%v", words)
		})
	}
}
