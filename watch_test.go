package hal0_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

// A view is what a consumer knows of a box that it watches.
type view struct {
	t     *testing.T
	root  string
	next  func() ([]hal0.FileChange, error, bool)
	steps int
	known map[string]hal0.FileChange // by path below the root
	want  []string                   // what until waits for
}

// watching watches the box at root and has taken the first step.
func watching(t *testing.T, root string, opts ...hal0.Option) *view {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	next, stop := iter.Pull2(hal0.Watch(ctx, hal0.HomeAt(root), append([]hal0.Option{hal0.WithDebounce(10 * time.Millisecond)}, opts...)...))
	t.Cleanup(func() { stop(); cancel() })
	v := &view{t: t, root: root, next: next, known: map[string]hal0.FileChange{}}
	v.step()
	return v
}

// step takes one step and returns its changes in words.
func (v *view) step() []string {
	v.t.Helper()
	changes, err, ok := v.next()
	require.True(v.t, ok, "the watch tells of nothing more; known: %q, wanted: %q", v.state(), v.want)
	require.NoError(v.t, err)
	v.steps++
	words := []string{}
	for _, c := range changes {
		rel, err := filepath.Rel(v.root, c.File)
		require.NoError(v.t, err)
		words = append(words, describe(rel, c))
		if v.known[rel] = c; c.Kind == hal0.Removed {
			delete(v.known, rel)
		}
	}
	return words
}

// describe tells of a change in a line: "changed chat 8082", "invalid
// etc/hal0/hal0.toml".
func describe(rel string, c hal0.FileChange) string {
	words := []string{string(c.Kind), rel}
	if c.Slot != "" {
		words[1] = c.Slot
	}
	if c.Value != nil {
		words = append(words, strconv.Itoa(c.Value.Port))
	}
	return strings.Join(words, " ")
}

// state returns what is known: "chat 8081", "invalid embed".
func (v *view) state() []string {
	var all []string
	for rel, c := range v.known {
		if c.Kind == hal0.Invalid {
			c.Value = nil // it may have had one, or not been looked at by then
			all = append(all, describe(rel, c))
			continue
		}
		_, word, _ := strings.Cut(describe(rel, c), " ")
		all = append(all, word)
	}
	slices.Sort(all)
	return all
}

// until takes steps until the state is as wanted.
func (v *view) until(want ...string) {
	v.t.Helper()
	slices.Sort(want)
	v.want = want
	for !slices.Equal(want, v.state()) {
		v.step()
	}
}

// quiet checks that nothing was told of but a marker that is written now.
func (v *view) quiet() {
	v.t.Helper()
	replace(v.t, v.root, "etc/hal0/slots/marker.toml", port(8100+v.steps))
	words := v.step()
	require.Len(v.t, words, 1)
	require.Contains(v.t, words[0], "marker")
	delete(v.known, "etc/hal0/slots/marker.toml")
}

func port(n int) string { return fmt.Sprintf("port = %d\n", n) }

// put writes a file in place. Like what else changes a box here, it may run beside
// its test.
func put(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	assert.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	assert.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

// replace writes a file as careful programs do.
func replace(t *testing.T, root, name, text string) {
	t.Helper()
	put(t, root, name+".tmp", text)
	move(t, root, name+".tmp", name)
}

func move(t *testing.T, root, from, to string) {
	t.Helper()
	assert.NoError(t, os.Rename(filepath.Join(root, from), filepath.Join(root, to)))
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	assert.NoError(t, os.RemoveAll(filepath.Join(root, name)))
}

// link makes name a symbolic link, replacing one that is there in one step.
func link(t *testing.T, root, target, name string) {
	t.Helper()
	assert.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
	assert.NoError(t, os.Symlink(target, filepath.Join(root, name+".new")))
	move(t, root, name+".new", name)
}

const (
	chat     = "etc/hal0/slots/chat.toml"
	embed    = "etc/hal0/slots/embed.toml"
	profiles = "etc/hal0/profiles.toml"
	models   = "var-lib/hal0/registry/registry.toml"
)

// The first step is what there is, shared files first.
func TestWatchBeginsWithWhatThereIs(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, chat, port(8081))
	put(t, root, embed, "port = 1\n")
	put(t, root, "etc/hal0/hal0.toml", "")
	put(t, root, "etc/hal0/manifest.json", "{}")
	put(t, root, profiles, "[profile.a]\nimage = \"x\"\n")
	put(t, root, models, "models = 1\n")
	var first []string
	for changes, err := range hal0.Watch(t.Context(), hal0.HomeAt(root)) {
		require.NoError(t, err)
		for _, c := range changes {
			first = append(first, string(c.Of)+" "+describe(filepath.Base(c.File), c))
		}
		break
	}
	assert.Equal(t, []string{
		"settings added hal0.toml", "profiles added profiles.toml", "manifest added manifest.json", "registry invalid registry.toml",
		"slot added chat 8081", "slot invalid embed",
	}, first)
}

// What happens to a box between two steps, and what the next one is.
func TestWatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, act func(t *testing.T, root string)
		want        []string
	}{
		"added":           {nil, func(t *testing.T, root string) { put(t, root, embed, port(8082)) }, []string{"added embed 8082"}},
		"changed":         {nil, func(t *testing.T, root string) { put(t, root, chat, port(8082)) }, []string{"changed chat 8082"}},
		"removed":         {nil, func(t *testing.T, root string) { remove(t, root, chat) }, []string{"removed chat"}},
		"invalid":         {nil, func(t *testing.T, root string) { put(t, root, chat, "port = 1\n") }, []string{"invalid chat 8081"}},
		"not TOML":        {nil, func(t *testing.T, root string) { put(t, root, chat, "port = \n") }, []string{"invalid chat 8081"}},
		"emptied":         {nil, func(t *testing.T, root string) { put(t, root, chat, "") }, []string{"invalid chat 8081"}},
		"new and invalid": {nil, func(t *testing.T, root string) { put(t, root, embed, "") }, []string{"invalid embed"}},
		"no name":         {nil, func(t *testing.T, root string) { put(t, root, "etc/hal0/slots/A b.toml", port(8082)) }, []string{"invalid A b"}},
		"renamed":         {nil, func(t *testing.T, root string) { move(t, root, chat, embed) }, []string{"removed chat", "added embed 8081"}},
		"renamed over":    {nil, func(t *testing.T, root string) { replace(t, root, chat, port(8082)) }, []string{"changed chat 8082"}},
		"an editor's backup": {nil, func(t *testing.T, root string) {
			move(t, root, chat, chat+"~")
			put(t, root, chat, port(8082))
			remove(t, root, chat+"~")
		}, []string{"changed chat 8082"}},
		"edits by hal0 itself": {func(t *testing.T, root string) {
			put(t, root, chat, port(8081)+"enabled = false\n[model]\ndefault = \"/m.gguf\"\n")
		}, func(t *testing.T, root string) {
			box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}))
			require.NoError(t, err)
			for _, n := range []int{8082, 8083} {
				_, err = box.UpdateSlot(t.Context(), "chat", []hal0.Edit{hal0.Set("port", n)})
				require.NoError(t, err)
			}
			_, err = box.SetSettings(t.Context(), []hal0.Edit{hal0.Set("slots.max_slots", 3)})
			require.NoError(t, err)
		}, []string{"added etc/hal0/hal0.toml", "changed chat 8083"}},
		"a directory in a file's place": {nil, func(t *testing.T, root string) {
			remove(t, root, chat)
			put(t, root, chat+"/x", "")
		}, []string{"invalid chat 8081"}},
		"a link into nowhere": {nil, func(t *testing.T, root string) { link(t, root, "nowhere", chat) }, []string{"invalid chat 8081"}},
		"a link in a circle":  {nil, func(t *testing.T, root string) { link(t, root, "chat.toml", chat) }, []string{"invalid chat 8081"}},
		"a link's target is written": {func(t *testing.T, root string) {
			put(t, root, "shared/deep/chat.toml", port(8081))
			link(t, root, "../../../shared/deep/chat.toml", chat)
		}, func(t *testing.T, root string) { put(t, root, "shared/deep/chat.toml", port(8082)) }, []string{"changed chat 8082"}},
		"a link's target appears": {
			func(t *testing.T, root string) { link(t, root, "../../../shared/deep/embed.toml", embed) },
			func(t *testing.T, root string) { put(t, root, "shared/deep/embed.toml", port(8082)) },
			[]string{"changed embed 8082"},
		},
		// A write by another name gives no notice; the next one finds it.
		"a hard link is written": {func(t *testing.T, root string) {
			require.NoError(t, os.Link(filepath.Join(root, chat), filepath.Join(root, "other name")))
		}, func(t *testing.T, root string) {
			put(t, root, "other name", port(8083)+"\n")
			put(t, root, embed, port(8082))
		}, []string{"changed chat 8083", "added embed 8082"}},
		"files behind ..data": {func(t *testing.T, root string) {
			put(t, root, "etc/hal0/slots/..1/chat.toml", port(8081))
			link(t, root, "..1", "etc/hal0/slots/..data")
			link(t, root, "..data/chat.toml", chat)
		}, func(t *testing.T, root string) {
			put(t, root, "etc/hal0/slots/..2/chat.toml", port(8082))
			link(t, root, "..2", "etc/hal0/slots/..data")
			remove(t, root, "etc/hal0/slots/..1")
		}, []string{"changed chat 8082"}},
		"the directory is a link that is switched": {func(t *testing.T, root string) {
			move(t, root, "etc/hal0/slots", "one")
			put(t, root, "two/embed.toml", port(8082))
			link(t, root, "../../one", "etc/hal0/slots")
		}, func(t *testing.T, root string) { link(t, root, "../../two", "etc/hal0/slots") }, []string{"removed chat", "added embed 8082"}},
		"the home is a link that is switched": {func(t *testing.T, root string) {
			move(t, root, "etc/hal0", "one")
			put(t, root, "two/slots/embed.toml", port(8082))
			put(t, root, "two/hal0.toml", "")
			link(t, root, "../one", "etc/hal0")
		}, func(t *testing.T, root string) { link(t, root, "../two", "etc/hal0") }, []string{"added etc/hal0/hal0.toml", "removed chat", "added embed 8082"}},
		"the directory goes":            {nil, func(t *testing.T, root string) { remove(t, root, "etc/hal0/slots") }, []string{"removed chat"}},
		"the home goes":                 {nil, func(t *testing.T, root string) { remove(t, root, "etc") }, []string{"removed chat"}},
		"a file in the directory's way": {nil, func(t *testing.T, root string) { remove(t, root, "etc/hal0/slots"); put(t, root, "etc/hal0/slots", "") }, []string{"invalid etc/hal0/slots"}},
		"and out of it again": {func(t *testing.T, root string) { remove(t, root, "etc/hal0/slots"); put(t, root, "etc/hal0/slots", "") }, func(t *testing.T, root string) {
			remove(t, root, "etc/hal0/slots")
			put(t, root, chat, port(8081))
		}, []string{"changed etc/hal0/slots", "added chat 8081"}},
		"shared files": {nil, func(t *testing.T, root string) {
			put(t, root, profiles, "[profile.a]\nimage = \"x\"\n")
			put(t, root, models, "[models.a]\npath = \"/a\"\n")
			put(t, root, "etc/hal0/manifest.json", "{")
			put(t, root, "etc/hal0/hal0.toml", "[slots]\nport_range_start = 0\n")
		}, []string{"invalid etc/hal0/hal0.toml", "added etc/hal0/profiles.toml", "invalid etc/hal0/manifest.json", "added " + models}},
		"shared files go": {func(t *testing.T, root string) {
			put(t, root, profiles, "")
			put(t, root, models, "")
		}, func(t *testing.T, root string) {
			remove(t, root, profiles)
			remove(t, root, "var-lib")
		}, []string{"removed etc/hal0/profiles.toml", "removed " + models}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			put(t, root, chat, port(8081))
			if tc.before != nil {
				tc.before(t, root)
			}
			v := watching(t, root)
			tc.act(t, root)
			assert.Equal(t, tc.want, v.step())
		})
	}
}

// Directories that come and go, one after the other in one watch.
func TestWatchComesBack(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "not", "there", "yet")
	v := watching(t, root)
	assert.Empty(t, v.known, "the first step of an empty box is empty")
	put(t, root, chat, port(8081))
	v.until("chat 8081")
	put(t, root, models, "")
	v.until("chat 8081", models)
	for range 3 {
		remove(t, root, "etc/hal0/slots")
		v.until(models)
		put(t, root, chat, port(8082))
		v.until("chat 8082", models)
		put(t, root, chat, port(8083))
		v.until("chat 8083", models)
	}
	move(t, root, "etc/hal0/slots", "aside")
	v.until(models)
	put(t, root, "aside/chat.toml", port(8084))
	v.quietly(models)
	move(t, root, "aside", "etc/hal0/slots2")
	remove(t, root, "etc/hal0/slots")
	move(t, root, "etc/hal0/slots2", "etc/hal0/slots")
	v.until("chat 8084", models)
	// There and back again before anybody looks: the watch on it is not lost.
	move(t, root, "etc/hal0/slots", "aside")
	move(t, root, "aside", "etc/hal0/slots")
	put(t, root, chat, port(8085))
	v.until("chat 8085", models)
	put(t, root, chat, port(8086))
	v.until("chat 8086", models)
	remove(t, root, "")
	v.until()
	put(t, root, chat, port(8087))
	v.until("chat 8087")
}

// quietly is quiet, and the state stays as it is.
func (v *view) quietly(want ...string) {
	v.t.Helper()
	v.quiet()
	assert.Equal(v.t, want, v.state())
}

// What leaves a box as it was is told to nobody.
func TestWatchIsSilent(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, chat, port(8081))
	put(t, root, profiles, "[profile.a]\nimage = \"x\"\n")
	put(t, root, models, "[models.a]\npath = \"/a\"\n")
	put(t, root, "etc/hal0/manifest.json", `{"version":"1"}`)
	v := watching(t, root)
	for name, act := range map[string]func(){
		"touched":           func() { require.NoError(t, os.Chtimes(filepath.Join(root, chat), time.Now(), time.Unix(1, 0))) },
		"a comment":         func() { put(t, root, chat, "# hello\n"+port(8081)) },
		"another shape":     func() { replace(t, root, chat, "[slot]\n"+port(8081)) },
		"a default written": func() { replace(t, root, chat, "name = \"chat\"\n"+port(8081)) },
		"another mode":      func() { require.NoError(t, os.Chmod(filepath.Join(root, chat), 0o600)) },
		"a link to the same": func() {
			put(t, root, "same.toml", port(8081))
			link(t, root, filepath.Join(root, "same.toml"), chat)
		},
		"profiles, a comment": func() { replace(t, root, profiles, "# p\n[profile.a]\nimage = \"x\"\n") },
		"registry, a comment": func() { replace(t, root, models, "# p\n[models.a]\npath = \"/a\"\n") },
		"manifest, spaces":    func() { replace(t, root, "etc/hal0/manifest.json", `{ "version": "1" }`) },
		"files of others": func() {
			put(t, root, "etc/hal0/slots/.chat.toml.swp", "x")
			put(t, root, "etc/hal0/slots/.#chat.toml", "x")
			put(t, root, "etc/hal0/slots/chat.toml~", "x")
			put(t, root, "etc/hal0/slots/4913", "x")
			put(t, root, "etc/hal0/other.toml", "x")
			put(t, root, "etc/hal0/slots/below/chat.toml", "x")
		},
	} {
		t.Log(name)
		act()
		v.quiet()
	}
}

// What is wrong comes with its position, and what stands is what the file last
// said.
func TestWatchInvalid(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, chat, port(8081)+"rolle = \"x\"\n")
	v := watching(t, root)
	require.Len(t, v.known[chat].Warnings, 1)

	replace(t, root, chat, "\nport = 8082\ndevice = \"gpu\"\n")
	assert.Equal(t, []string{"invalid chat 8081"}, v.step())
	c := v.known[chat]
	file := filepath.Join(root, chat)
	require.EqualError(t, c.Problems, file+`:3:1: device: unknown device "gpu": want one of gpu-rocm, gpu-vulkan, cpu, npu`)
	require.ErrorIs(t, c.Problems, hal0.ErrValue)
	assert.Len(t, c.Warnings, 1, "they belong to the value")

	data, err := json.Marshal(c)
	require.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf(`{"kind":"invalid","of":"slot","file":%[1]q,"slot":"chat",
		"value":{"name":"chat","port":8081,"model":{},"server":{},"npu":{},"image_settings":{}},
		"warnings":[{"code":"slot.unknown-key","message":%[2]q}],
		"problems":[{"file":%[1]q,"line":3,"column":1,"path":"device","found":"gpu","allowed":["gpu-rocm","gpu-vulkan","cpu","npu"],
			"message":"unknown device \"gpu\": want one of gpu-rocm, gpu-vulkan, cpu, npu"}]}`, file, c.Warnings[0].Message), string(data))

	replace(t, root, chat, "port = 8082\ndevice = \"gpu\"\n")
	assert.Equal(t, []string{"invalid chat 8081"}, v.step(), "another line is another problem")
	replace(t, root, chat, port(8081)+"rolle = \"x\"\n")
	assert.Equal(t, []string{"changed chat 8081"}, v.step(), "rid of its problems, with the value it had")
	assert.Empty(t, v.known[chat].Problems)
	replace(t, root, chat, port(8081))
	assert.Equal(t, []string{"changed chat 8081"}, v.step())
	assert.Empty(t, v.known[chat].Warnings)
}

// rewrite writes a file in place and puts its time back, as copies out of a
// store do whose files are all of one time.
func rewrite(t *testing.T, root, name, text string) {
	t.Helper()
	put(t, root, name, text)
	require.NoError(t, os.Chtimes(filepath.Join(root, name), time.Unix(1, 0), time.Unix(1, 0)))
}

// A write that neither the file's time nor its size shows.
func TestWatchTrustsNoTimes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	rewrite(t, root, chat, port(8081))
	rewrite(t, root, "shared/embed.toml", port(8082))
	link(t, root, filepath.Join(root, "shared"), "way")
	link(t, root, filepath.Join(root, "way/../way/embed.toml"), embed)
	v := watching(t, root)
	rewrite(t, root, chat, port(8083))
	assert.Equal(t, []string{"changed chat 8083"}, v.step())
	rewrite(t, root, "shared/embed.toml", port(8084))
	assert.Equal(t, []string{"changed embed 8084"}, v.step(), "behind two links")
}

// A burst is a few steps, and the last state is right.
func TestWatchBurst(t *testing.T) {
	t.Parallel()
	const writes = 1000
	for name, file := range map[string]func(i int) string{
		"one file":   func(int) string { return "chat" },
		"many files": func(i int) string { return fmt.Sprintf("s%04d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			v := watching(t, root, hal0.WithDebounce(100*time.Millisecond))
			last := map[string]string{}
			for i := range writes {
				last[file(i)] = fmt.Sprintf("%s %d", file(i), 8081+i%100)
			}
			go func() {
				for i := range writes {
					put(t, root, "etc/hal0/slots/"+file(i)+".toml", port(8081+i%100))
				}
			}()
			v.until(slices.Collect(maps.Values(last))...)
			assert.Less(t, v.steps, writes/10)
		})
	}
}

// Whatever happens while it is watched, the state that a consumer builds from
// the steps ends up as that of the box.
func TestWatchConverges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			v := watching(t, root, hal0.WithDebounce(time.Millisecond))
			done := make(chan struct{})
			go func() {
				defer close(done)
				r := rand.New(rand.NewPCG(seed, 0))
				for range 300 {
					happen(t, root, r)
				}
				replace(t, root, "etc/hal0/slots/last.toml", port(8081))
			}()
			for v.known["etc/hal0/slots/last.toml"].Kind == "" {
				v.step()
			}
			<-done
			v.until(states(t, root)...)
		})
	}
}

// happen does one of the things that happen to boxes.
func happen(t *testing.T, root string, r *rand.Rand) {
	dir := "etc/hal0/slots/"
	name := dir + string(rune('a'+r.IntN(5))) + ".toml"
	text := []string{"", "port = 1\n", port(8081), port(8082), port(8083) + "x = 1\n"}[r.IntN(5)]
	switch r.IntN(12) {
	case 0:
		remove(t, root, dir)
	case 1:
		if os.Rename(filepath.Join(root, dir), filepath.Join(root, "aside")) == nil {
			put(t, root, "aside/a.toml", text)
			move(t, root, "aside", dir)
		}
	case 2:
		remove(t, root, "etc")
	case 3:
		put(t, root, "elsewhere", text)
		link(t, root, filepath.Join(root, "elsewhere"), name)
	case 4:
		put(t, root, "elsewhere", text)
	case 5:
		remove(t, root, name)
	case 6:
		put(t, root, profiles, text)
	case 7, 8, 9:
		replace(t, root, name, text)
	default:
		remove(t, root, name) // it may be a link, which a write would follow
		put(t, root, name, text)
	}
}

// states returns the state of the box as a view has it, but for the last good
// values of what is invalid.
func states(t *testing.T, root string) []string {
	box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	var all []string
	for _, name := range box.Names() {
		s, err := box.Slot(name)
		if all = append(all, fmt.Sprintf("%s %d", name, s.Port)); err != nil {
			all[len(all)-1] = "invalid " + name
		}
	}
	if _, err := os.Stat(filepath.Join(root, profiles)); err == nil {
		all = append(all, profiles)
		if slices.ContainsFunc(box.Problems(), func(p hal0.ValidationError) bool { return p.File == filepath.Join(root, profiles) }) {
			all[len(all)-1] = "invalid " + profiles
		}
	}
	return all
}

// A consumer that takes its time finds everything in one step.
func TestWatchCoalesces(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, chat, port(8081))
	v := watching(t, root)
	for n := 8082; n <= 8090; n++ {
		replace(t, root, chat, port(n))
	}
	put(t, root, embed, port(8081))
	remove(t, root, embed)
	assert.Equal(t, []string{"changed chat 8090"}, v.step())
}

// More happens than the system keeps notices of.
func TestWatchOverflow(t *testing.T) {
	t.Parallel()
	limit, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Skip("no inotify here")
	}
	var most int
	_, err = fmt.Sscan(string(limit), &most)
	require.NoError(t, err)
	if most > 100_000 {
		t.Skip("this system keeps very many notices")
	}
	root := t.TempDir()
	rewrite(t, root, chat, port(8081))
	v := watching(t, root)
	for range most/2 + 5000 { // two notices each, and some are on their way already
		put(t, root, "etc/hal0/slots/x", "")
		remove(t, root, "etc/hal0/slots/x")
	}
	rewrite(t, root, chat, port(8082))
	put(t, root, embed, port(8083))
	v.until("chat 8082", "embed 8083")
	put(t, root, embed, port(8084))
	v.until("chat 8082", "embed 8084")
}

func TestWatchOptions(t *testing.T) {
	t.Parallel()
	steps := 0
	for _, err := range hal0.Watch(t.Context(), hal0.DefaultHome(), hal0.WithFiles(fstest.MapFS{})) {
		steps++
		require.EqualError(t, err, "watch a box: unsupported operation: files given with WithFiles tell nobody when they change")
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
	assert.Equal(t, 1, steps)
}

// Not parallel: it looks at all goroutines there are.
func TestWatchLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	root := t.TempDir()
	put(t, root, chat, port(8081))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seq := hal0.Watch(ctx, hal0.HomeAt(root))
	for range 2 { // each loop is a watch of its own
		for changes, err := range seq {
			require.NoError(t, err)
			require.Len(t, changes, 1)
			break
		}
		goleak.VerifyNone(t, before)
	}
	steps := 0
	for _, err := range seq {
		require.NoError(t, err, "the end of the context is no error")
		steps++
		cancel()
	}
	assert.Equal(t, 1, steps)
	goleak.VerifyNone(t, before)
	for range seq {
		t.Error("a step after the end of the context")
	}
	goleak.VerifyNone(t, before)
}
