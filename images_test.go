package hal0_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/bundle"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime"
)

// save returns the archive of the box's images.
func (b *imageBox) save(slots ...string) []byte {
	b.t.Helper()
	var out bytes.Buffer
	images, err := b.open().SaveImages(b.t.Context(), &out, b.client, bundle.Options{}, slots...)
	require.NoError(b.t, err)
	require.Len(b.t, images, 1)
	return out.Bytes()
}

// What was saved where there is a registry is loaded where there is none, and
// Up starts it by its digest and nothing else.
func TestImagesForABoxWithoutARegistry(t *testing.T) {
	for name, which := range map[string]func(index, instance digest.Digest) digest.Digest{
		"an index is pinned":   func(index, _ digest.Digest) digest.Digest { return index },
		"a manifest is pinned": func(_, instance digest.Digest) digest.Digest { return instance },
	} {
		t.Run(name, func(t *testing.T) {
			b := newImageBox(t, 8170)
			d := which(b.push("1"))
			b.pin(d)
			pin := b.name("@" + d.String())
			archive := b.save()
			b.registry.Fail(registrytest.Login)
			b.registry.Requests()
			airGapped := []hal0.CallOption{hal0.PullImage(hal0.PullNever), hal0.VerifyImage(hal0.VerifyEnforce)}
			_, err := b.open().Up(t.Context(), "one", airGapped...)
			require.ErrorIs(t, err, runtime.ErrImageNotFound)

			var steps []bundle.Step
			opts := bundle.Options{Dir: t.TempDir(), Report: func(s bundle.Step) { steps = append(steps, s) }}
			images, err := b.open().LoadImages(t.Context(), bytes.NewReader(archive), opts)
			require.NoError(t, err)
			require.Len(t, images, 1)
			assert.Equal(t, pin, images[0].Ref)
			assert.Equal(t, bundle.Verifying, steps[0].Phase)
			assert.Equal(t, bundle.Step{Phase: bundle.Loaded, Ref: pin}, steps[len(steps)-1])
			assert.Equal(t, manifest.Match, b.check().Verdict)

			up, err := b.open().Up(t.Context(), "one", airGapped...)
			require.NoError(t, err)
			assert.Equal(t, hal0.StateReady, up.State)
			assert.Equal(t, pin, up.Container.Image)
			local, err := b.rt.Image(t.Context(), pin)
			require.NoError(t, err)
			assert.Equal(t, local.ID, up.Container.ImageID)
			assert.Contains(t, local.RepoDigests, pin)

			steps = nil
			again, err := b.open().LoadImages(t.Context(), bytes.NewReader(archive), opts)
			require.NoError(t, err)
			assert.Equal(t, images, again)
			assert.Equal(t, bundle.Step{Phase: bundle.Present, Ref: pin}, steps[len(steps)-1])
			assert.Empty(t, b.registry.Requests(), "nobody asks the registry")
			require.NoError(t, b.open().Down(t.Context(), "one"))
		})
	}
}

func TestImagesThatAreNotTaken(t *testing.T) {
	b := newImageBox(t, 8171)
	index, _ := b.push("1")
	b.pin(index)
	pin := b.name("@" + index.String())
	archive := b.save("one")
	opts := bundle.Options{Dir: t.TempDir()}
	other := digest.FromString("another")
	b.pin(other)
	_, err := b.open().LoadImages(t.Context(), bytes.NewReader(archive), opts)
	require.ErrorIs(t, err, bundle.ErrNotPinned)
	require.EqualError(t, err, "image is not pinned: the archive holds "+pin+"; pinned of it: "+other.String())
	b.pin(index)

	flipped := bytes.Clone(archive)
	flipped[len(flipped)/2] ^= 1
	for _, damaged := range [][]byte{flipped, archive[:len(archive)/2], nil} {
		_, err = b.open().LoadImages(t.Context(), bytes.NewReader(damaged), opts)
		require.ErrorIs(t, err, bundle.ErrArchive)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opts.Report = func(s bundle.Step) {
		if s.Done == s.Total {
			cancel()
		}
	}
	_, err = b.open().LoadImages(ctx, bytes.NewReader(archive), opts)
	require.ErrorIs(t, err, context.Canceled)
	_, err = b.rt.Image(t.Context(), pin)
	require.ErrorIs(t, err, runtime.ErrImageNotFound)
}

func TestSaveImagesWantsPins(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	b := &stubBox{t: t, home: root}
	b.write("etc/hal0/slots/one.toml", "port = 8081\ndevice = \"cpu\"\ntype = \"tts\"\nimage = \"localhost/tts:v1\"\n")
	b.write("etc/hal0/slots/two.toml", "port = 8082\n")
	b.write("etc/hal0/slots/three.toml", "port = 8083\ndevice = \"cpu\"\ntype = \"tts\"\nenabled = false\n")
	box, err := hal0.Open(hal0.HomeAt(root), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	_, err = box.SaveImages(t.Context(), io.Discard, nil, bundle.Options{})
	require.ErrorIs(t, err, bundle.ErrNotPinned)
	require.ErrorIs(t, err, hal0.ErrInvalid, "every problem is told")
	require.ErrorContains(t, err, "slot one: image is not pinned: localhost/tts:v1 has no digest in the manifest, so nothing would tell that what is loaded is that image\nslot two: ")
	_, err = box.SaveImages(t.Context(), io.Discard, nil, bundle.Options{}, "none")
	require.ErrorIs(t, err, hal0.ErrNoSlot)
	wrong := errors.New("no registry here")
	_, err = box.SaveImages(t.Context(), io.Discard, noSource{wrong}, bundle.Options{}, "three")
	require.ErrorIs(t, err, wrong, "one that is not enabled is saved when it is named")
	require.ErrorContains(t, err, "ghcr.io/hal0ai/hal0-toolbox-kokoro@sha256:")
	_, err = box.LoadImages(t.Context(), nil, bundle.Options{})
	require.EqualError(t, err, "the box was opened without a container runtime")
}

type noSource struct{ err error }

func (n noSource) Manifest(context.Context, string) ([]byte, string, error) { return nil, "", n.err }

func (n noSource) Blob(context.Context, string, int64) (io.ReadCloser, error) { return nil, n.err }

func TestPull(t *testing.T) {
	b := newImageBox(t, 8172)
	index, _ := b.push("1")
	b.pin(index)
	var steps []runtime.PullStep
	image, err := b.open().Pull(t.Context(), "one", hal0.OnPull(func(s runtime.PullStep) { steps = append(steps, s) }))
	require.NoError(t, err)
	assert.Contains(t, image.RepoDigests, b.name("@"+index.String()))
	assert.Equal(t, runtime.PullDone, steps[len(steps)-1].Phase)
	b.registry.Fail(registrytest.Login)
	again, err := b.open().Pull(t.Context(), "one")
	require.NoError(t, err, "a pinned image that is present needs no registry")
	assert.Equal(t, image, again)
	b.pin("")
	_, err = b.open().Pull(t.Context(), "one")
	require.ErrorIs(t, err, runtime.ErrPull, "a tag may have moved")
	for _, secret := range registrytest.Secrets() {
		assert.NotContains(t, err.Error(), secret)
	}
	_, err = b.open().Pull(t.Context(), "none")
	require.ErrorIs(t, err, hal0.ErrNoSlot)
}

// fakeLoader is a runtime that has no images, and takes those that it is given
// until it says otherwise.
type fakeLoader struct {
	runtime.Runtime
	load func(ref string, archive io.Reader) error
}

func (f *fakeLoader) Image(context.Context, string) (runtime.Image, error) {
	return runtime.Image{}, runtime.ErrImageNotFound
}

func (f *fakeLoader) LoadImage(_ context.Context, ref string, archive io.Reader) (runtime.Image, error) {
	return runtime.Image{RepoDigests: []string{ref}}, f.load(ref, archive)
}

// twoImages returns a box that pins two images, one by its manifest alone and
// one by a slot alone, the pins, and the archive of them.
func twoImages(t *testing.T) (home hal0.Home, pins []string, archive []byte) {
	t.Helper()
	r := registrytest.Start(t)
	client, err := registry.New()
	require.NoError(t, err)
	defer client.Close()
	b := &stubBox{t: t, home: t.TempDir()}
	noise := make([]byte, 10<<20)
	_, err = rand.Read(noise)
	require.NoError(t, err)
	for i := range 2 {
		repo := fmt.Sprintf("hal0/image%d", i)
		d := r.Push(t, repo+":v1", registrytest.Image(t, "linux/amd64", repo, noise))
		tag := r.Host + "/" + repo + ":v1"
		pins = append(pins, r.Host+"/"+repo+"@"+d.String())
		b.write(fmt.Sprintf("etc/hal0/slots/s%d.toml", i), fmt.Sprintf("port = %d\ndevice = \"cpu\"\ntype = \"tts\"\nimage = %q\n",
			8081+i, []string{tag + "@" + d.String(), tag}[i]))
		b.write("etc/hal0/manifest.json", fmt.Sprintf(`{"_schema":"hal0.manifest.v1","toolbox_images":{"last":{"tag":%q,"digest":%q}}}`, tag, d))
	}
	box, err := hal0.Open(hal0.HomeAt(b.home), hal0.WithHost(device.Host{}))
	require.NoError(t, err)
	var out bytes.Buffer
	_, err = box.SaveImages(t.Context(), &out, client, bundle.Options{Platform: "linux/amd64"}, "s1", "s0", "s1")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(b.home, "etc/hal0/slots/s1.toml")))
	return hal0.HomeAt(b.home), pins, out.Bytes()
}

func TestLoadImagesTellsHowFarItGot(t *testing.T) {
	t.Parallel()
	home, pins, archive := twoImages(t)
	full := errors.New("no space left on device")
	for name, tc := range map[string]struct {
		load  func(ref string, archive io.Reader) error
		fails int // the image that fails, from 1; 0 for none
	}{
		"all are taken":               {load: drain},
		"the first is refused unread": {load: func(string, io.Reader) error { return full }, fails: 1},
		"the second is refused": {load: func(ref string, archive io.Reader) error {
			return errors.Join(drain(ref, archive), map[bool]error{true: full}[ref == pins[1]])
		}, fails: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, err := hal0.Open(home, hal0.WithHost(device.Host{}), hal0.WithRuntime(&fakeLoader{load: tc.load}))
			require.NoError(t, err)
			var loading, loaded []string
			opts := bundle.Options{Platform: "linux/amd64", Dir: t.TempDir(), Report: func(s bundle.Step) {
				switch s.Phase {
				case bundle.Loading:
					assert.LessOrEqual(t, s.Done, s.Total)
					loading = append(loading, s.Ref)
				case bundle.Loaded:
					loaded = append(loaded, s.Ref)
				case bundle.Present, bundle.Fetching:
					t.Errorf("%s", s.Phase)
				case bundle.Verifying:
					assert.Empty(t, loading, "all is verified before the first is loaded")
				}
			}}
			images, err := box.LoadImages(t.Context(), bytes.NewReader(archive), opts)
			left, readErr := os.ReadDir(opts.Dir)
			require.NoError(t, readErr)
			assert.Empty(t, left)
			if tc.fails == 0 {
				require.NoError(t, err)
				require.Len(t, images, 2)
				assert.Equal(t, pins, loaded)
				assert.NotEmpty(t, loading)
				return
			}
			require.ErrorIs(t, err, full)
			require.ErrorContains(t, err, fmt.Sprintf("image %d of 2: ", tc.fails))
			assert.Len(t, images, tc.fails-1)
			assert.Len(t, loaded, tc.fails-1)
		})
	}
}

func drain(_ string, archive io.Reader) error {
	_, err := io.Copy(io.Discard, archive)
	return err
}

func TestLoadImagesWantsALoader(t *testing.T) {
	t.Parallel()
	var plain struct{ runtime.Runtime }
	box, err := hal0.Open(hal0.HomeAt(t.TempDir()), hal0.WithHost(device.Host{}), hal0.WithRuntime(plain))
	require.NoError(t, err)
	_, err = box.LoadImages(t.Context(), nil, bundle.Options{})
	require.EqualError(t, err, "struct { runtime.Runtime } can't load images from an archive")
}
