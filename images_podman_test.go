package hal0_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime"
)

// An imageBox is a box whose one slot runs an image of a registry, on real
// podman.
type imageBox struct {
	*stubBox
	registry *registrytest.Registry
	client   *registry.Client
	root     []byte
}

func newImageBox(t *testing.T, port int) *imageBox {
	t.Helper()
	b := &imageBox{stubBox: newStubBox(t, port, ""), registry: registrytest.Start(t)}
	b.root = b.service.StubRoot(t)
	b.connect()
	b.write("etc/hal0/profiles.toml", "[profile.stub]\nimage = \"server\"\ndevice_class = \"cpu\"\n")
	b.pin("")
	return b
}

// connect gives the box a client that knows nothing of the registry yet.
func (b *imageBox) connect() {
	b.t.Helper()
	client, err := registry.New(registry.WithTimeout(2 * time.Second))
	require.NoError(b.t, err)
	b.t.Cleanup(func() { assert.NoError(b.t, client.Close()) })
	b.client = client
}

// name returns the image's reference with what follows its repository.
func (b *imageBox) name(suffix string) string { return b.registry.Host + "/hal0/server" + suffix }

func (b *imageBox) pin(d digest.Digest) {
	b.t.Helper()
	b.write("etc/hal0/manifest.json", fmt.Sprintf(`{"toolbox_images":{"server":{"tag":%q,"digest":%q}}}`, b.name(":v1"), d))
}

// image returns an image that no other test has: podman finds one by its digest
// whatever the repository.
func (b *imageBox) image(platform, version string) v1.Image {
	b.t.Helper()
	return registrytest.Image(b.t, platform, version+" of "+b.registry.Host, b.root)
}

// push publishes an index of an image for another platform and one for this, and
// returns the digests of the index and of the latter.
func (b *imageBox) push(version string) (index, instance digest.Digest) {
	b.t.Helper()
	image := b.image(host, version)
	both := registrytest.Index(b.t, b.image("linux/riscv64", version), image)
	return b.registry.Push(b.t, "hal0/server:v1", both), registrytest.Digest(b.t, image)
}

func (b *imageBox) podman(args ...string) string {
	b.t.Helper()
	out, err := b.service.Podman(args...)
	require.NoError(b.t, err)
	return out
}

// sideLoad takes the image through an archive that keeps no digests.
func (b *imageBox) sideLoad() {
	b.t.Helper()
	archive := filepath.Join(b.t.TempDir(), "image.tar")
	b.podman("pull", "--quiet", b.name(":v1"))
	b.podman("save", "--quiet", "--output", archive, b.name(":v1"))
	b.podman("rmi", b.name(":v1"))
	b.podman("load", "--quiet", "--input", archive)
}

func (b *imageBox) open(opts ...hal0.Option) *hal0.Box {
	b.t.Helper()
	return b.stubBox.open(append(opts, hal0.WithRegistry(b.client))...)
}

// check returns what a check of the box says of the image.
func (b *imageBox) check(opts ...hal0.CallOption) manifest.Result {
	b.t.Helper()
	results, err := b.open().CheckImages(b.t.Context(), opts...)
	require.NoError(b.t, err)
	require.Len(b.t, results, 1)
	text, err := json.Marshal(results)
	require.NoError(b.t, err)
	for _, secret := range registrytest.Secrets() {
		assert.NotContains(b.t, string(text), secret)
	}
	return results[0]
}

// Every verdict, from a real store and a real registry.
func TestCheckImagesOnRealPodman(t *testing.T) {
	for name, tc := range map[string]struct {
		set           func(b *imageBox)
		local, remote manifest.Verdict
		says          []string // in the message of the check that asks the registry
	}{
		"the pin": {func(b *imageBox) {
			index, _ := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			b.pin(index)
		}, manifest.Match, manifest.Match, []string{"the registry serves the pinned sha256:"}},
		"the pin, by digest": {func(b *imageBox) {
			index, _ := b.push("1")
			b.podman("pull", "--quiet", b.name("@"+index.String()))
			b.pin(index)
		}, manifest.Match, manifest.Match, nil},
		"one platform's image is pinned": {func(b *imageBox) {
			_, instance := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			b.pin(instance)
		}, manifest.Match, manifest.Match, []string{"as one platform's image of sha256:"}},
		"one platform's image is there, the index is pinned": {func(b *imageBox) {
			index, instance := b.push("1")
			b.podman("pull", "--quiet", b.name("@"+instance.String()))
			b.pin(index)
		}, manifest.Absent, manifest.Absent, nil},
		"the tag moved": {func(b *imageBox) {
			index, _ := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			b.pin(index)
			b.push("2")
		}, manifest.Match, manifest.Drift, []string{"the registry serves sha256:", " is pinned: lock the manifest"}},
		"stale": {func(b *imageBox) {
			b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			index, _ := b.push("2")
			b.pin(index)
		}, manifest.Stale, manifest.Stale, []string{"the local image is sha256:", "the registry serves the pinned sha256:"}},
		"side-loaded": {func(b *imageBox) {
			index, _ := b.push("1")
			b.sideLoad()
			b.pin(index)
		}, manifest.Stale, manifest.Stale, []string{"or load it from a bundle that keeps digests"}},
		"side-loaded, and the registry is gone": {func(b *imageBox) {
			index, _ := b.push("1")
			b.sideLoad()
			b.pin(index)
			b.registry.Fail(registrytest.Login)
		}, manifest.Stale, manifest.Stale, []string{"the registry wants a login"}},
		"for another platform only": {func(b *imageBox) {
			b.pin(b.registry.Push(b.t, "hal0/server:v1", b.image("linux/riscv64", "1")))
		}, manifest.Absent, manifest.WrongPlatform, []string{"made for linux/riscv64 and this host is " + host}},
		"for another platform, and there": {func(b *imageBox) {
			d := b.registry.Push(b.t, "hal0/server:v1", b.image("linux/riscv64", "1"))
			b.podman("pull", "--quiet", b.name("@"+d.String()))
			b.pin(d)
		}, manifest.WrongPlatform, manifest.WrongPlatform, nil},
		"absent": {func(b *imageBox) {
			index, _ := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			b.podman("rmi", b.name(":v1"))
			b.pin(index)
		}, manifest.Absent, manifest.Absent, []string{"the registry serves the pinned sha256:", ": pull "}},
		"deleted from the registry": {func(b *imageBox) {
			index, _ := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			b.pin(index)
			b.registry.Delete(b.t, "hal0/server:v1")
		}, manifest.Match, manifest.Drift, []string{"the registry does not serve it", "it can't be pulled again by that name"}},
		"moved, and the pin deleted": {func(b *imageBox) {
			index, _ := b.push("1")
			b.pin(index)
			b.push("2")
			b.registry.Delete(b.t, "hal0/server@"+index.String())
		}, manifest.Absent, manifest.Absent, []string{"the registry does not serve the pinned image any more"}},
		"unpublished": {func(b *imageBox) {
			b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
		}, manifest.Unpublished, manifest.Unpublished, []string{"no digest is pinned"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newImageBox(t, 8162)
			tc.set(b)
			got := b.check()
			assert.Equal(t, tc.local, got.Verdict, got.Message)
			got = b.check(hal0.AskRegistry())
			assert.Equal(t, tc.remote, got.Verdict, got.Message)
			for _, words := range tc.says {
				assert.Contains(t, got.Message, words)
			}
		})
	}
}

// The verdicts while the pin is in the store and the registry fails.
func TestCheckImagesOnRealPodmanOfAFailingRegistry(t *testing.T) {
	b := newImageBox(t, 8162)
	index, _ := b.push("1")
	b.podman("pull", "--quiet", b.name(":v1"))
	b.pin(index)
	for name, tc := range map[string]struct {
		fault registrytest.Fault
		want  manifest.Verdict
		says  string
	}{
		"a login":             {registrytest.Login, manifest.Unreachable, "the registry wants a login"},
		"no token":            {registrytest.Token(http.StatusForbidden), manifest.Unreachable, "the registry wants a login"},
		"a token":             {registrytest.Token(http.StatusOK), manifest.Match, "the registry serves the pinned sha256:"},
		"token endpoint down": {registrytest.Token(http.StatusBadGateway), manifest.Unreachable, "answers HTTP 502 Bad Gateway"},
		"slow":                {registrytest.Slow, manifest.Unreachable, "nothing within 2s"},
		"rate limit":          {registrytest.Status(http.StatusTooManyRequests), manifest.Unreachable, "it limits how often it is asked (HTTP 429)"},
		"breaks off":          {registrytest.BreakOff, manifest.Unreachable, "the connection broke off"},
	} {
		b.registry.Fail(tc.fault)
		b.connect()
		assert.Equal(t, manifest.Match, b.check().Verdict, "%s: nobody asks the registry", name)
		got := b.check(hal0.AskRegistry())
		assert.Equal(t, tc.want, got.Verdict, "%s: %s", name, got.Message)
		assert.Contains(t, got.Message, tc.says)
	}
}

// The whole life of a pinned image: fetched, run, adopted, left alone while the
// registry moves, replaced when the pin does.
func TestUpRunsThePinOnRealPodman(t *testing.T) {
	b := newImageBox(t, 8163)
	index, _ := b.push("1")
	b.pin(index)
	first, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, b.name("@"+index.String()), first.Container.Image)
	image, err := b.rt.Image(t.Context(), b.name("@"+index.String()))
	require.NoError(t, err)
	assert.Equal(t, image.ID, first.Container.ImageID)

	moved, _ := b.push("2")
	b.registry.Fail(registrytest.Login)
	same, err := b.open().Up(t.Context(), "one", hal0.PullImage(hal0.PullNever))
	require.NoError(t, err)
	assert.Equal(t, first.Container.ID, same.Container.ID, "adopted")

	b.pin(moved)
	_, err = b.open().Up(t.Context(), "one", hal0.PullImage(hal0.PullNever))
	require.ErrorIs(t, err, runtime.ErrImageNotFound)
	_, err = b.open().Up(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrPull)
	assert.Len(t, b.containers(), 1, "the old one still runs")
	b.registry.Fail(nil)
	second, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.NotEqual(t, first.Container.ImageID, second.Container.ImageID)
}

// What Up refuses, and what it says.
func TestUpRefusesOnRealPodman(t *testing.T) {
	for name, tc := range map[string]struct {
		set  func(b *imageBox) (pinned, found digest.Digest)
		opts []hal0.CallOption
		says string
	}{
		"stale": {func(b *imageBox) (digest.Digest, digest.Digest) {
			old, _ := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			index, _ := b.push("2")
			return index, old
		}, []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, "or load it from a bundle that keeps digests"},
		"stale, the registry fails": {func(b *imageBox) (digest.Digest, digest.Digest) {
			old, _ := b.push("1")
			b.podman("pull", "--quiet", b.name(":v1"))
			index, _ := b.push("2")
			b.registry.Fail(registrytest.Login)
			return index, old
		}, nil, "pull failed"},
		"side-loaded": {func(b *imageBox) (digest.Digest, digest.Digest) {
			index, _ := b.push("1")
			b.sideLoad()
			return index, ""
		}, []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, "or load it from a bundle that keeps digests"},
		"for another platform": {func(b *imageBox) (digest.Digest, digest.Digest) {
			d := b.registry.Push(b.t, "hal0/server:v1", b.image("linux/riscv64", "1"))
			return d, d
		}, nil, "what would be launched is made for linux/riscv64 and this host is " + host},
	} {
		t.Run(name, func(t *testing.T) {
			b := newImageBox(t, 8164)
			pinned, found := tc.set(b)
			b.pin(pinned)
			var shown strings.Builder
			tc.opts = append(tc.opts, hal0.OnProgress(func(e hal0.Event) { shown.WriteString(e.Message) }))
			_, err := b.open().Up(t.Context(), "one", tc.opts...)
			require.ErrorIs(t, err, hal0.ErrImage)
			assert.Contains(t, err.Error(), pinned.String())
			assert.Contains(t, err.Error(), found.String())
			assert.Contains(t, err.Error(), tc.says)
			assert.Empty(t, b.containers(), "nothing is made")
			for _, secret := range registrytest.Secrets() {
				assert.NotContains(t, err.Error()+shown.String(), secret)
			}
		})
	}
}

// A policy can let an image for another platform pass, which says so.
func TestUpWarnsOnRealPodman(t *testing.T) {
	b := newImageBox(t, 8165)
	b.pin(b.registry.Push(t, "hal0/server:v1", b.image("linux/riscv64", "1")))
	var warnings []string
	_, err := b.open().Up(t.Context(), "one", hal0.VerifyImage(hal0.VerifyWarn), hal0.OnProgress(func(e hal0.Event) {
		if e.Warning {
			warnings = append(warnings, e.Message)
		}
	}))
	require.NoError(t, err, "the program inside is one for this host")
	require.Len(t, warnings, 1)
	assert.Contains(t, warnings[0], "what would be launched is made for linux/riscv64")
}

// A container with the labels of the plan that was made from another image is
// replaced.
func TestUpReplacesWhatRunsAnotherImageOnRealPodman(t *testing.T) {
	b := newImageBox(t, 8166)
	index, _ := b.push("1")
	b.pin(index)
	plan, err := b.open().Resolve("one")
	require.NoError(t, err)
	spec := plan.Spec
	spec.Image = b.service.StubImage(t)
	other, err := b.rt.Start(t.Context(), spec, runtime.StartOptions{})
	require.NoError(t, err)
	up, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.NotEqual(t, other.ImageID, up.Container.ImageID)
	assert.Len(t, b.containers(), 1)
}

// Where no digest is pinned, a tag that moved is followed when that is asked for.
func TestUpFollowsATagOnRealPodman(t *testing.T) {
	b := newImageBox(t, 8168)
	b.push("1")
	first, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	b.push("2")
	same, err := b.open().Up(t.Context(), "one")
	require.NoError(t, err)
	assert.Equal(t, first.Container.ID, same.Container.ID)
	second, err := b.open(hal0.WithDefaults(hal0.PullImage(hal0.PullAlways))).Up(t.Context(), "one")
	require.NoError(t, err)
	assert.NotEqual(t, first.Container.ImageID, second.Container.ImageID)
	assert.Len(t, b.containers(), 1)
}

// mover gives a tag to another image when the slot is about to be started.
type mover struct {
	runtime.Runtime
	move func()
}

func (m mover) Start(ctx context.Context, spec runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	m.move()
	return m.Runtime.Start(ctx, spec, opts)
}

// Where no digest is pinned, the tag that moves between the check and the create
// launches nothing.
func TestUpRefusesATagThatMoves(t *testing.T) {
	b := newImageBox(t, 8167)
	b.push("1")
	b.podman("pull", "--quiet", b.name(":v1"))
	box := b.open(hal0.WithRuntime(mover{b.rt, func() { b.podman("tag", b.service.StubImage(t), b.name(":v1")) }}))
	_, err := box.Up(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrImageChanged)
	assert.Empty(t, b.containers())
}
