package hal0_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/file"
)

const settingsText = "# mine\n[other]\nkey = 1\n\n[slots]\nport_range_start = 8081 # first\n\n# store\n[models]\n"

// aBox writes files, by their path in the configuration directory, and opens
// the box.
func aBox(t *testing.T, files map[string]string) (*hal0.Box, string) {
	t.Helper()
	home := hal0.HomeAt(t.TempDir())
	require.NoError(t, os.MkdirAll(home.Slots(), 0o755))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(home.Config, name), []byte(text), 0o644))
	}
	box, err := hal0.Open(home, hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	return box, home.Config
}

func contents(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

func TestSetSettings(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"hal0.toml": settingsText})
	name := filepath.Join(dir, "hal0.toml")
	change, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.port_range_end", 8150), hal0.Set("models.store", "/srv/models")})
	require.NoError(t, err)
	want := "# mine\n[other]\nkey = 1\n\n[slots]\nport_range_start = 8081 # first\nport_range_end = 8150\n\n# store\n[models]\nstore = \"/srv/models\"\n"
	assert.Equal(t, want, contents(t, name))
	assert.Equal(t, hal0.Change{File: name, Before: []byte(settingsText), After: []byte(want)}, change)
	assert.Equal(t, "--- "+name+"\n+++ "+name+`
@@ -4,6 +4,8 @@
 
 [slots]
 port_range_start = 8081 # first
+port_range_end = 8150
 
 # store
 [models]
+store = "/srv/models"
`, change.Diff())
	assert.Equal(t, 8099, box.Settings().Slots.PortRangeEnd, "a Box does not change")

	again, err := hal0.Open(box.Home(), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	assert.Equal(t, 8150, again.Settings().Slots.PortRangeEnd)
	change, err = again.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.port_range_end", 8150), hal0.Unset("slots.max_slots")})
	require.NoError(t, err)
	assert.False(t, change.Changed())
	assert.Empty(t, change.Diff())
	_, err = again.SetSettings(t.Context(), []hal0.Edit{hal0.Unset("slots.port_range_end"), hal0.Unset("models.store")})
	require.NoError(t, err)
	assert.Equal(t, settingsText, contents(t, name))
}

func TestSetSettingsOfABoxWithoutAny(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, nil)
	change, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 4)})
	require.NoError(t, err)
	assert.Equal(t, "[slots]\nmax_slots = 4\n", contents(t, filepath.Join(dir, "hal0.toml")))
	data, err := json.Marshal(change)
	require.NoError(t, err)
	name := filepath.Join(dir, "hal0.toml")
	assert.JSONEq(t, `{"file":"`+name+`","changed":true,"diff":"--- /dev/null\n+++ `+name+`\n@@ -0,0 +1,2 @@\n+[slots]\n+max_slots = 4\n"}`, string(data))
}

// A refused edit changes nothing, and says where in the file that is there.
func TestSetSettingsRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit hal0.Edit
		want string
	}{
		"out of range":    {hal0.Set("slots.port_range_end", 70000), ":5:2: slots.port_range_end: must be at most 65535, got 70000"},
		"below the start": {hal0.Set("slots.port_range_end", 8000), ":5:2: slots.port_range_end: is 8000, below port_range_start, which is 8081"},
		"a type":          {hal0.Set("slots.port_range_start", "8082"), `:6:1: slots.port_range_start: must be an integer, got the string "8082"`},
		"a value":         {hal0.Set("models.store", "models"), `:9:2: models.store: "models" is not a plain absolute path: want one that begins with / and has no . or .. in it`},
		"a typo":          {hal0.Set("slots.max_slot", 1), `: slots.max_slot: unknown key, did you mean "slots.max_slots"?`},
		"twice":           {hal0.Unset("slots.max_slots"), ": slots.max_slots: is named twice: name it once"},
		"another's":       {hal0.Unset("other.key"), `: other.key: unknown key, want one of slots.port_range_start, slots.port_range_end, slots.max_slots, models.store`},
		"no value":        {hal0.Set("models.store", struct{}{}), `: models.store: a value of type struct {} can't be written`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, dir := aBox(t, map[string]string{"hal0.toml": settingsText})
			file := filepath.Join(dir, "hal0.toml")
			change, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 1), tc.edit})
			require.EqualError(t, err, file+tc.want)
			require.ErrorIs(t, err, hal0.ErrInvalid)
			assert.Zero(t, change)
			assert.Equal(t, settingsText, contents(t, file))
		})
	}
	box, dir := aBox(t, nil)
	_, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", -1)})
	require.EqualError(t, err, dir+"/hal0.toml: slots.max_slots: must be at least 0, got -1", "there is no file to point into")
}

// A problem that the file has already keeps nobody from editing the rest.
func TestEditOfAFileWithProblems(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"hal0.toml": "[slots]\nmax_slots = -1\n"})
	require.Len(t, box.Problems(), 1)
	_, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.port_range_end", 8100)})
	require.NoError(t, err)
	assert.Equal(t, "[slots]\nmax_slots = -1\nport_range_end = 8100\n", contents(t, filepath.Join(dir, "hal0.toml")))
	_, err = box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", -2)})
	require.EqualError(t, err, dir+"/hal0.toml:2:1: slots.max_slots: must be at least 0, got -2")

	box, dir = aBox(t, map[string]string{"hal0.toml": "[slots\n"})
	_, err = box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 1)})
	require.EqualError(t, err, dir+"/hal0.toml:1:7: expected ']' to close table name")
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"hal0.toml": settingsText})
	change, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 1)}, hal0.DryRun())
	require.NoError(t, err)
	assert.True(t, change.Changed())
	assert.Equal(t, settingsText, contents(t, filepath.Join(dir, "hal0.toml")))
	assert.NoFileExists(t, filepath.Join(dir, file.LockName))
	_, err = box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", -1)}, hal0.DryRun())
	require.ErrorIs(t, err, hal0.ErrValue)
}

func TestEditOfFilesInMemory(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"etc/hal0/hal0.toml": {Data: []byte(settingsText)}}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	_, err = box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 1)})
	require.ErrorIs(t, err, hal0.ErrReadOnly)
	require.EqualError(t, err, "/etc/hal0/hal0.toml: the box's files are read only")
	change, err := box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 1)}, hal0.DryRun())
	require.NoError(t, err)
	assert.True(t, change.Changed())
}

// Boxes that were opened before each other's edits lose none of them.
func TestConcurrentEdits(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, map[string]string{"hal0.toml": settingsText})
	var wg sync.WaitGroup
	for _, e := range []hal0.Edit{hal0.Set("slots.port_range_end", 8150), hal0.Set("slots.max_slots", 9), hal0.Set("models.store", "/srv")} {
		wg.Go(func() {
			_, err := box.SetSettings(t.Context(), []hal0.Edit{e})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	now, err := hal0.Open(box.Home(), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	assert.Equal(t, hal0.Settings{Slots: hal0.SlotSettings{PortRangeStart: 8081, PortRangeEnd: 8150, MaxSlots: 9}, Models: hal0.ModelSettings{Store: "/srv"}}, now.Settings())
	assert.Contains(t, contents(t, filepath.Join(dir, "hal0.toml")), "# first")
}

func TestEditOfALockedBox(t *testing.T) {
	t.Parallel()
	box, dir := aBox(t, nil)
	held, err := file.Lock(t.Context(), dir)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = box.SetSettings(ctx, []hal0.Edit{hal0.Set("slots.max_slots", 1)})
	require.ErrorIs(t, err, hal0.ErrLocked)
	require.ErrorIs(t, err, context.Canceled)
	held.Unlock()

	require.NoError(t, os.RemoveAll(dir))
	_, err = box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 1)})
	require.EqualError(t, err, dir+": file does not exist: make the directory first")
}
