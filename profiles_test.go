package hal0_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
)

const profilesText = `# ours
[profile.mine]
image = "localhost/llama:1" # pinned
backend = "vulkan"

[profile.spare]
image = "localhost/llama:2"
backend = "vulkan"
`

func slotOf(keys string) string {
	return keys + "\n[model]\ndefault = \"/mnt/ai-models/m.gguf\"\n"
}

// slotsOnProfiles is a box whose slots use profiles in every way.
func slotsOnProfiles(t *testing.T) (*hal0.Box, string) {
	t.Helper()
	return aBox(t, map[string]string{
		"profiles.toml":      profilesText,
		"slots/chat.toml":    slotOf("port = 8081\ndevice = \"gpu-vulkan\"\nprofile = \"mine\""),
		"slots/default.toml": slotOf("port = 8082\ndevice = \"gpu-vulkan\"\nenabled = false"),
		"slots/broken.toml":  "[slot]\nport = 80\nprofile = \"spare\"\n",
		"slots/syntax.toml":  "port =\n",
	})
}

func TestProfileUses(t *testing.T) {
	t.Parallel()
	box, _ := slotsOnProfiles(t)
	used := map[string][]string{}
	for _, u := range box.ProfileUses() {
		used[u.Name] = u.UsedBy
	}
	assert.Equal(t, map[string][]string{"mine": {"chat", "default"}, "spare": {"broken"}}, used)

	box, _ = aBox(t, map[string]string{
		"slots/a.toml": "port = 8081\ndevice = \"npu\"\n",
		"slots/b.toml": "port = 8082\ndevice = \"cpu\"\ntype = \"tts\"\n",
		"slots/c.toml": "port = 8083\n",
	})
	used = map[string][]string{}
	for _, u := range box.ProfileUses() {
		used[u.Name] = u.UsedBy
	}
	assert.Equal(t, map[string][]string{
		"rocm": {"c"}, "rocm-dnse": {}, "rocm-moe": {}, "vulkan": {}, "flm": {"a"}, "tts": {"b"}, "comfyui": {},
	}, used)
	data, err := json.Marshal(box.ProfileUses()[4])
	require.NoError(t, err)
	assert.JSONEq(t, `{"name":"flm","image":"ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43","flags":"","mtp":false,"device_class":"npu","backend":"none",
		"intent":"FLM NPU inference","quant":"W4ABF16","tps":38.6,"seed":true,"used_by":["a"],
		"resolved_flags":"","runtime_family":"flm","supported_slot_types":["llm","transcription","embedding"],
		"image_pin":{"name":"flm","ref":"ghcr.io/hal0ai/hal0-toolbox-flm:0.9.43","notes":"FastFlowLM on AMD XDNA2 NPU",
			"digest":"sha256:5f4c8a08a269077d8d24b1a93cfa39aebd1bfa10c868048796e8d2e5f589fcad",
			"launch":"ghcr.io/hal0ai/hal0-toolbox-flm@sha256:5f4c8a08a269077d8d24b1a93cfa39aebd1bfa10c868048796e8d2e5f589fcad"}}`, string(data))
}

func TestProfileUsesTellsWhatIsAmiss(t *testing.T) {
	t.Parallel()
	box, _ := aBox(t, map[string]string{"profiles.toml": "[profile.p]\nimage = \"x.io/y:1\"\nflags = \"-fa on\"\nmtp = true\n"})
	use := box.ProfileUses()[0]
	require.Len(t, use.Problems, 1)
	assert.Equal(t, 4, use.Problems[0].Line)
	assert.Equal(t, "profile.p.mtp", use.Problems[0].Path)
	assert.Empty(t, use.ResolvedFlags.String())
	assert.Equal(t, "-fa on", use.Flags.String())
}

func reopened(t *testing.T, box *hal0.Box) *hal0.Box {
	t.Helper()
	box, err := hal0.Open(box.Home(), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	return box
}

// The life of a profile on a box that had none of its own.
func TestProfiles(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, nil)
	ctx := t.Context()
	change, err := box.CloneProfile(ctx, "vulkan", "mine", []hal0.Edit{hal0.Set("flags", "-fa on -b 1024")})
	require.NoError(t, err)
	assert.Nil(t, change.Before)
	box = reopened(t, box)
	require.Empty(t, box.Problems())
	assert.Equal(t, append(profile.Seeds().Names(), "mine"), box.Profiles().Names())
	mine, err := box.Profiles().Get("mine")
	require.NoError(t, err)
	assert.Equal(t, "-fa on -b 1024", mine.Flags.String())
	assert.Equal(t, "vulkan", mine.ClonedFrom)

	change, err = box.UpdateProfile(ctx, "mine", []hal0.Edit{hal0.Set("mtp", true), hal0.Unset("intent")})
	require.NoError(t, err)
	name := filepath.Join(dir, "profiles.toml")
	assert.Equal(t, "--- "+name+"\n+++ "+name+`
@@ -58,6 +58,6 @@
 flags = "-fa on -b 1024"
 device_class = "gpu"
 backend = "vulkan"
-intent = "Vulkan std · fallback"
 quant = "Q4_K_M"
 cloned_from = "vulkan"
+mtp = true
`, change.Diff())

	data, err := reopened(t, box).ExportProfile("mine")
	require.NoError(t, err)
	_, err = box.DeleteProfile(ctx, "mine")
	require.NoError(t, err)
	assert.Equal(t, profile.Seeds().List(), reopened(t, box).Profiles().List())
	_, err = box.ImportProfile(ctx, "mine.json", data, "")
	require.NoError(t, err)
	_, err = box.ImportProfile(ctx, "mine.json", data, "twin")
	require.NoError(t, err)
	_, err = box.CreateProfile(ctx, profile.Profile{Name: "own", Image: "localhost/llama:1"})
	require.NoError(t, err)
	box = reopened(t, box)
	assert.Equal(t, append(profile.Seeds().Names(), "mine", "twin", "own"), box.Profiles().Names())
	twin, err := box.Profiles().Get("twin")
	require.NoError(t, err)
	mine.MTP, mine.Intent, mine.Name = true, "", "twin"
	assert.Equal(t, mine, twin)
}

func TestProfileEditsRefused(t *testing.T) {
	t.Parallel()
	data, err := profile.Export(profile.Profile{Name: "mine", Image: "x"})
	require.NoError(t, err)
	damaged := []byte(strings.Replace(string(data), `"x"`, `"y"`, 1))
	edits := func(key string, value any) []hal0.Edit { return []hal0.Edit{hal0.Set(key, value)} }
	for name, tc := range map[string]struct {
		edit func(*hal0.Box) (hal0.Change, error)
		is   error
		want string // behind the path of profiles.toml
	}{
		"deleted while in use": {
			func(b *hal0.Box) (hal0.Change, error) { return b.DeleteProfile(t.Context(), "mine") },
			hal0.ErrProfileInUse, ":2:10: profile.mine: is used by slots chat and default: choose another profile there first",
		},
		"deleted while a broken file names it": {
			func(b *hal0.Box) (hal0.Change, error) { return b.DeleteProfile(t.Context(), "spare") },
			hal0.ErrProfileInUse, ":6:10: profile.spare: is used by slot broken: choose another profile there first",
		},
		"deleted seed": {
			func(b *hal0.Box) (hal0.Change, error) { return b.DeleteProfile(t.Context(), "rocm") },
			hal0.ErrSeed, ": profile.rocm: is a seed and can't be deleted: clone it under a new name",
		},
		"deleted nothing": {
			func(b *hal0.Box) (hal0.Change, error) { return b.DeleteProfile(t.Context(), "spar") },
			hal0.ErrNoProfile, `: profile.spar: unknown profile "spar": want one of mine, spare, did you mean "spare"?`,
		},
		"another backend": {
			func(b *hal0.Box) (hal0.Change, error) {
				return b.UpdateProfile(t.Context(), "mine", edits("backend", "rocm"))
			},
			hal0.ErrConflict, ":2:10: profile.mine: slot chat could not be launched any more: profile: profile mine is made for device_class gpu and backend rocm, which device gpu-vulkan is not; for type llm on device gpu-vulkan use spare",
		},
		"an image that is none": {
			func(b *hal0.Box) (hal0.Change, error) {
				return b.UpdateProfile(t.Context(), "mine", edits("image", "Not A Ref"))
			},
			hal0.ErrConflict, `:2:10: profile.mine: slot chat could not be launched any more: profile.mine.image: "Not A Ref" is not an image reference (`,
		},
		"a flag that slots may not set": {
			func(b *hal0.Box) (hal0.Change, error) {
				return b.UpdateProfile(t.Context(), "mine", edits("flags", "--port 1"))
			},
			hal0.ErrConflict, ":2:10: profile.mine: slot chat could not be launched any more: ",
		},
		"cloned to a taken name": {
			func(b *hal0.Box) (hal0.Change, error) { return b.CloneProfile(t.Context(), "mine", "spare", nil) },
			hal0.ErrProfileExists, ":6:10: profile.spare: there is a profile of that name: choose another one",
		},
		"imported to a taken name": {
			func(b *hal0.Box) (hal0.Change, error) { return b.ImportProfile(t.Context(), "x.json", data, "") },
			hal0.ErrProfileExists, ":2:10: profile.mine: there is a profile of that name: choose another one",
		},
		"imported damaged": {
			func(b *hal0.Box) (hal0.Change, error) { return b.ImportProfile(t.Context(), "x.json", damaged, "new") },
			hal0.ErrConflict, "x.json:4:3: checksum: is ",
		},
		"created without an image": {
			func(b *hal0.Box) (hal0.Change, error) {
				return b.CreateProfile(t.Context(), profile.Profile{Name: "new"})
			},
			hal0.ErrValue, ": profile.new.image: must not be empty",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, dir := slotsOnProfiles(t)
			file := filepath.Join(dir, "profiles.toml")
			change, err := tc.edit(box)
			require.ErrorIs(t, err, tc.is)
			require.ErrorIs(t, err, hal0.ErrInvalid)
			assert.True(t, strings.HasPrefix(strings.TrimPrefix(err.Error(), file), tc.want), err.Error())
			assert.Zero(t, change)
			assert.Equal(t, profilesText, contents(t, file))
		})
	}
}

// A slot that can't be launched anyway keeps nobody from updating its profile.
func TestUpdateBesideASlotWithProblems(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{
		"profiles.toml":   profilesText,
		"slots/chat.toml": "port = 8081\ndevice = \"gpu-vulkan\"\nprofile = \"mine\"\n[model]\ndefault = \"gone\"\n",
	})
	_, err := box.UpdateProfile(t.Context(), "mine", []hal0.Edit{hal0.Set("flags", "-fa on")})
	require.NoError(t, err)
	assert.Contains(t, contents(t, filepath.Join(dir, "profiles.toml")), "flags = \"-fa on\"\n")
}

// What an edit decides by is the box as it is then, not as it was opened.
// Nobody knows what a file that can't be read at all uses.
func TestDeleteBesideAnUnreadableSlot(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"profiles.toml": profilesText, "slots/syntax.toml": "port = 8082\nprofile=\"mine\"\nrole = \"x\n"})
	_, err := box.DeleteProfile(t.Context(), "mine")
	require.ErrorIs(t, err, hal0.ErrProfileInUse)
	require.ErrorContains(t, err, "profile.mine: can't be deleted while "+filepath.Join(dir, "slots/syntax.toml")+" can't be read, which may use it: mend that file first")
	_, err = box.ExportProfile("nope")
	require.ErrorIs(t, err, hal0.ErrNoProfile)
}

func TestDeleteSeesOtherEdits(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"profiles.toml": profilesText})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "slots/new.toml"), []byte("port = 8081\nprofile = \"spare\"\n"), 0o600))
	_, err := box.DeleteProfile(t.Context(), "spare")
	require.ErrorIs(t, err, hal0.ErrProfileInUse)
}
