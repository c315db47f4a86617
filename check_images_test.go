package hal0_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/registrytest"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime"
)

// host is the platform that images are checked against.
var host = "linux/" + goruntime.GOARCH

// errStarted ends an Up that got as far as starting the container.
var errStarted = errors.New("started")

// aStore is a Runtime that holds images and starts nothing.
type aStore struct {
	runtime.Runtime

	mu     sync.Mutex
	images map[string]runtime.Image // by reference
	pulls  map[string]runtime.Image // what can be pulled
	old    *runtime.Container       // what runs already
	err    error                    // of every look at an image

	pulled  []string
	always  bool // of the last pull
	started *runtime.StartOptions
	looks   *registrytest.Gathering // nil: looks at images are answered at once
}

func (s *aStore) Image(_ context.Context, ref string) (runtime.Image, error) {
	if s.looks != nil {
		s.looks.Hold()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	image, ok := s.images[ref]
	switch {
	case s.err != nil:
		return runtime.Image{}, s.err
	case !ok:
		return runtime.Image{}, &runtime.Error{Op: "image", Name: ref, Class: runtime.ErrImageNotFound}
	}
	return image, nil
}

func (s *aStore) Pull(_ context.Context, ref string, opts runtime.PullOptions) (runtime.Image, error) {
	s.pulled = append(s.pulled, ref)
	s.always = opts.Always
	image, ok := s.pulls[ref]
	if !ok {
		return image, &runtime.Error{Op: "pull", Name: ref, Class: runtime.ErrPull, Err: errors.New("no network")}
	}
	return image, nil
}

func (s *aStore) Inspect(context.Context, string) (runtime.Container, error) {
	if s.old == nil {
		return runtime.Container{}, runtime.ErrNotFound
	}
	return *s.old, nil
}

func (s *aStore) Start(_ context.Context, _ runtime.Spec, opts runtime.StartOptions) (runtime.Container, error) {
	s.started = &opts
	return runtime.Container{}, errStarted
}

const (
	pinnedDigest = digest.Digest("sha256:1111111111111111111111111111111111111111111111111111111111111111")
	otherDigest  = digest.Digest("sha256:2222222222222222222222222222222222222222222222222222222222222222")
	repo         = "x.io/server"
	tag          = repo + ":v1"
	pinned       = repo + "@" + string(pinnedDigest)
)

// boxOfOne returns a box of one slot whose image the manifest pins to d.
func boxOfOne(t testing.TB, d digest.Digest, opts ...hal0.Option) *hal0.Box {
	t.Helper()
	files := fstest.MapFS{
		"etc/hal0/manifest.json":   {Data: fmt.Appendf(nil, `{"toolbox_images":{"server":{"tag":%q,"digest":%q}}}`, tag, d)},
		"etc/hal0/profiles.toml":   {Data: []byte("[profile.p]\nimage = \"server\"\ndevice_class = \"cpu\"\n")},
		"etc/hal0/slots/chat.toml": {Data: []byte("port = 8081\ndevice = \"cpu\"\nprofile = \"p\"\n[model]\ndefault = \"/srv/models/m.gguf\"\n")},
	}
	box, err := hal0.Open(hal0.DefaultHome(), append([]hal0.Option{hal0.WithFiles(files), hal0.WithHost(device.Host{})}, opts...)...)
	require.NoError(t, err)
	require.Empty(t, box.Problems())
	return box
}

func stored(id, platform string, digests ...digest.Digest) runtime.Image {
	image := runtime.Image{ID: id, Platform: platform}
	for _, d := range digests {
		image.RepoDigests = append(image.RepoDigests, repo+"@"+d.String())
	}
	return image
}

// What Up does with each state of the local store, under each policy.
func TestUpDecidesByTheImage(t *testing.T) {
	t.Parallel()
	good, other, bare := stored("good", host, otherDigest, pinnedDigest), stored("other", host, otherDigest), stored("bare", host)
	arm, odd := stored("arm", "linux/riscv64", pinnedDigest), stored("odd", host, otherDigest)
	const pull = "pull " + pinned + ", or load it from a bundle that keeps digests"
	const isOther = "slot chat: x.io/server:v1: the local image is " + string(otherDigest) + ", and " + string(pinnedDigest) + " is pinned: " + pull
	isBare := "slot chat: x.io/server:v1: the local image has no digest (it was built here, or loaded from an archive that keeps none), and " + string(pinnedDigest) + " is pinned: " + pull
	isArm := "slot chat: x.io/server:v1: the local image is the pinned " + string(pinnedDigest) + ": what would be launched is made for linux/riscv64 and this host is " + host + ", so pin an image for that"
	const noNetwork = "pull " + pinned + ": pull failed: no network"
	type images = map[string]runtime.Image
	for name, tc := range map[string]struct {
		digest        digest.Digest
		images, pulls images
		opts          []hal0.CallOption
		err           error
		want          string // the id that the start is held to, or the error's text
		pulled        bool
		warning       string
	}{
		"the pin":                      {digest: pinnedDigest, images: images{pinned: good}, want: "good"},
		"absent":                       {digest: pinnedDigest, pulls: images{pinned: good}, want: "good", pulled: true},
		"absent, no network":           {digest: pinnedDigest, err: runtime.ErrPull, want: noNetwork, pulled: true},
		"absent, never":                {digest: pinnedDigest, opts: []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, err: runtime.ErrImageNotFound, want: "slot chat: x.io/server:v1: the image is not in the local store: " + pull},
		"stale":                        {digest: pinnedDigest, images: images{tag: other}, pulls: images{pinned: good}, want: "good", pulled: true},
		"stale, no network":            {digest: pinnedDigest, images: images{tag: other}, err: hal0.ErrImage, want: isOther + " (" + noNetwork + ")", pulled: true},
		"stale, never":                 {digest: pinnedDigest, images: images{tag: other}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, err: hal0.ErrImage, want: isOther},
		"side-loaded, never":           {digest: pinnedDigest, images: images{tag: bare}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, err: hal0.ErrImage, want: isBare},
		"side-loaded, never, warn":     {digest: pinnedDigest, images: images{tag: bare}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullNever), hal0.VerifyImage(hal0.VerifyWarn)}, err: hal0.ErrImage, want: isBare},
		"the runtime errs":             {digest: pinnedDigest, images: images{pinned: odd}, err: hal0.ErrImage, want: isOther},
		"the runtime errs, warn":       {digest: pinnedDigest, images: images{pinned: odd}, opts: []hal0.CallOption{hal0.VerifyImage(hal0.VerifyWarn)}, want: "", warning: strings.TrimPrefix(isOther, "slot chat: ")},
		"the runtime errs, off":        {digest: pinnedDigest, images: images{pinned: odd}, opts: []hal0.CallOption{hal0.VerifyImage(hal0.VerifyOff)}, want: ""},
		"a pull brings another":        {digest: pinnedDigest, pulls: images{pinned: odd}, err: hal0.ErrImage, want: isOther, pulled: true},
		"another platform":             {digest: pinnedDigest, images: images{pinned: arm}, err: hal0.ErrImage, want: isArm},
		"another platform, warn":       {digest: pinnedDigest, images: images{pinned: arm}, opts: []hal0.CallOption{hal0.VerifyImage(hal0.VerifyWarn)}, want: "", warning: strings.TrimPrefix(isArm, "slot chat: ")},
		"the pin, always":              {digest: pinnedDigest, images: images{pinned: good}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullAlways)}, want: "good"},
		"unpublished":                  {images: images{tag: bare}, want: "bare"},
		"unpublished, absent":          {pulls: images{tag: other}, want: "other", pulled: true, warning: "no digest is pinned for x.io/server:v1: it is pulled by its tag, which can move"},
		"unpublished, always":          {images: images{tag: bare}, pulls: images{tag: other}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullAlways)}, want: "other", pulled: true, warning: "no digest is pinned for x.io/server:v1: it is pulled by its tag, which can move"},
		"unpublished, always, offline": {images: images{tag: bare}, opts: []hal0.CallOption{hal0.PullImage(hal0.PullAlways)}, err: runtime.ErrPull, want: "pull x.io/server:v1: pull failed: no network", pulled: true},
		"unpublished, never":           {opts: []hal0.CallOption{hal0.PullImage(hal0.PullNever)}, err: hal0.ErrImage, want: "slot chat: x.io/server:v1: the image is not in the local store: no digest is pinned, so that the tag decides what runs"},
		"unpublished, other platform":  {images: images{tag: stored("arm", "linux/riscv64")}, err: hal0.ErrImage, want: "slot chat: x.io/server:v1: the local image has no digest: what would be launched is made for linux/riscv64 and this host is " + host + ", so pin an image for that"},
		"no such verify policy":        {opts: []hal0.CallOption{hal0.VerifyImage("none")}, err: nil, want: `verify policy "none": want one of enforce, warn, off`},
		"no such pull policy":          {opts: []hal0.CallOption{hal0.PullImage("")}, err: nil, want: `pull policy "": want one of missing, always, never`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &aStore{images: tc.images, pulls: tc.pulls}
			var warnings []string
			opts := append(slices.Clone(tc.opts), hal0.OnProgress(func(e hal0.Event) {
				if e.Warning {
					warnings = append(warnings, e.Message)
				}
			}))
			_, err := boxOfOne(t, tc.digest, hal0.WithRuntime(s)).Up(t.Context(), "chat", opts...)
			require.Error(t, err)
			assert.Equal(t, tc.pulled, len(s.pulled) > 0, "pulled %v", s.pulled)
			assert.Equal(t, strings.HasPrefix(name, "unpublished, always"), s.always, "a digest can't have moved")
			if errors.Is(err, errStarted) {
				assert.Equal(t, runtime.StartOptions{ImageID: tc.want}, *s.started)
				assert.Equal(t, tc.warning, strings.Join(warnings, "\n"))
				return
			}
			assert.Nil(t, s.started, "refused before anything is made")
			require.EqualError(t, err, tc.want)
			if tc.err != nil {
				assert.ErrorIs(t, err, tc.err)
			}
		})
	}
}

// A container that runs the plan is adopted only if it runs the image too.
func TestUpChecksWhatItAdopts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		policy  hal0.VerifyPolicy
		id      string
		replace bool
		warns   int
	}{
		"the image":     {hal0.VerifyEnforce, "good", false, 0},
		"another":       {hal0.VerifyEnforce, "other", true, 0},
		"another, warn": {hal0.VerifyWarn, "other", false, 1},
		"another, off":  {hal0.VerifyOff, "other", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &aStore{images: map[string]runtime.Image{pinned: stored("good", host, pinnedDigest)}}
			box := boxOfOne(t, pinnedDigest, hal0.WithRuntime(s))
			plan, err := box.Resolve("chat")
			require.NoError(t, err)
			s.old = &runtime.Container{ID: "old", Name: plan.Spec.Name, ImageID: tc.id, State: runtime.StateRunning, Labels: plan.Spec.Labels, Publish: plan.Spec.Publish}
			ctx, cancel := context.WithCancelCause(t.Context())
			warns, ready := 0, false
			adopted := errors.New("adopted")
			_, err = box.Up(ctx, "chat", hal0.VerifyImage(tc.policy), hal0.OnProgress(func(e hal0.Event) {
				if e.State == hal0.StateWarming {
					cancel(adopted) // nothing listens there
				}
				if e.Warning {
					warns++
				}
				ready = ready || e.State == hal0.StateReady
			}))
			assert.Equal(t, tc.replace, errors.Is(err, errStarted), "%v", err)
			assert.Equal(t, !tc.replace, errors.Is(err, adopted), "%v", err)
			assert.Equal(t, tc.warns, warns)
			assert.False(t, ready)
		})
	}
}

// A box can have another policy for all its calls.
func TestDefaultsOfABox(t *testing.T) {
	t.Parallel()
	s := &aStore{images: map[string]runtime.Image{pinned: stored("odd", host, otherDigest)}}
	box := boxOfOne(t, pinnedDigest, hal0.WithRuntime(s), hal0.WithDefaults(hal0.VerifyImage(hal0.VerifyOff)))
	_, err := box.Up(t.Context(), "chat")
	require.ErrorIs(t, err, errStarted)
	_, err = box.Up(t.Context(), "chat", hal0.VerifyImage(hal0.VerifyEnforce))
	require.ErrorIs(t, err, hal0.ErrImage, "the call's own comes last")
}

// aRegistry serves what its table says.
type aRegistry map[string]manifest.Served

func (r aRegistry) Digest(ctx context.Context, ref string) (digest.Digest, error) {
	s, err := r.Describe(ctx, ref)
	return s.Digest, err
}

func (r aRegistry) Describe(_ context.Context, ref string) (manifest.Served, error) {
	s, ok := r[ref]
	if !ok {
		return s, &manifest.RegistryError{Ref: ref, Class: manifest.ErrNotServed}
	}
	return s, nil
}

func TestCheckImages(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"etc/hal0/manifest.json": {Data: fmt.Appendf(nil, `{"toolbox_images":{"server":{"tag":%q,"digest":%q},"free":{"tag":"x.io/free:v1"}}}`, tag, pinnedDigest)},
		"etc/hal0/profiles.toml": {Data: []byte(`[profile.p]
image = "x.io/own:dev"
device_class = "cpu"
[profile.same]
image = "x.io/server:v1"
device_class = "cpu"
[profile.broken]
image = "not a ref"
device_class = "cpu"
`)},
		"etc/hal0/slots/a.toml": {Data: []byte("port = 8081\ndevice = \"cpu\"\nprofile = \"p\"\nimage = \"x.io/mine@" + otherDigest + "\"\n")},
		"etc/hal0/slots/b.toml": {Data: []byte("port = 8082\ndevice = \"cpu\"\nprofile = \"p\"\nimage = \"x.io/own:dev\"\n")},
	}
	s := &aStore{images: map[string]runtime.Image{pinned: stored("good", host, pinnedDigest), "x.io/free:v1": stored("free", host, otherDigest)}}
	r := aRegistry{tag: {Digest: otherDigest}, "x.io/own:dev": {Digest: otherDigest, Instances: []manifest.Instance{{Digest: otherDigest, Platform: "linux/riscv64"}}}}
	open := func(opts ...hal0.Option) *hal0.Box {
		box, err := hal0.Open(hal0.DefaultHome(), append(opts, hal0.WithFiles(files), hal0.WithHost(device.Host{}))...)
		require.NoError(t, err)
		return box
	}
	verdicts := func(results []manifest.Result) (list []string) {
		for _, r := range results {
			list = append(list, r.Pin.Ref+" "+string(r.Verdict))
		}
		return list
	}
	results, err := open(hal0.WithRuntime(s)).CheckImages(t.Context())
	require.EqualError(t, err, `profile broken: image: "not a ref" is not an image reference (invalid reference format): want registry/repository:tag or registry/repository@sha256:…`)
	assert.Equal(t, []string{"x.io/free:v1 unpublished", tag + " match", "x.io/mine@" + string(otherDigest) + " absent", "x.io/own:dev unpublished"}, verdicts(results))

	results, _ = open(hal0.WithRuntime(s), hal0.WithRegistry(r)).CheckImages(t.Context(), hal0.AskRegistry())
	assert.Equal(t, []string{"x.io/free:v1 unpublished", tag + " drift", "x.io/mine@" + string(otherDigest) + " absent", "x.io/own:dev wrong-platform"}, verdicts(results))
	assert.Equal(t, otherDigest, results[1].Registry.Digest)
	assert.Equal(t, "the image is not in the local store; the registry does not serve it: load a bundle that holds it, or pin another", results[2].Message)

	results, _ = open(hal0.WithRegistry(r)).CheckImages(t.Context(), hal0.AskRegistry())
	assert.Equal(t, []string{"x.io/free:v1 unpublished", tag + " drift", "x.io/mine@" + string(otherDigest) + " drift", "x.io/own:dev unpublished"}, verdicts(results), "without a runtime the registry alone is asked")

	_, err = open().CheckImages(t.Context())
	require.ErrorIs(t, err, hal0.ErrNoRuntime)
	_, err = open(hal0.WithRuntime(s)).CheckImages(t.Context(), hal0.AskRegistry())
	require.ErrorIs(t, err, hal0.ErrNoRegistry)
	_, err = open(hal0.WithRuntime(&aStore{err: runtime.ErrUnavailable})).CheckImages(t.Context())
	require.ErrorIs(t, err, runtime.ErrUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = open(hal0.WithRuntime(s)).CheckImages(ctx)
	require.ErrorIs(t, err, context.Canceled)
	files["etc/hal0/manifest.json"] = &fstest.MapFile{Data: []byte("{")}
	_, err = open(hal0.WithRuntime(s)).CheckImages(t.Context())
	require.ErrorIs(t, err, hal0.ErrSyntax)
}

// askedAtOnce is a registry that holds questions.
type askedAtOnce struct {
	aRegistry
	questions *registrytest.Gathering
}

func (r askedAtOnce) Digest(ctx context.Context, ref string) (digest.Digest, error) {
	r.questions.Hold()
	return r.aRegistry.Digest(ctx, ref)
}

// The store and the registries are asked many things side by side, and no more
// than a few at a time.
func TestCheckImagesIsBounded(t *testing.T) {
	t.Parallel()
	s := &aStore{looks: registrytest.Gather(8)}
	r := askedAtOnce{aRegistry{}, registrytest.Gather(32)}
	box := boxOfImages(t, "x.io", 64, pinnedDigest, hal0.WithRuntime(s), hal0.WithRegistry(r))
	results, err := box.CheckImages(t.Context(), hal0.AskRegistry())
	require.NoError(t, err)
	assert.Len(t, results, 64)
	assert.Equal(t, 8, s.looks.Most())
	assert.Equal(t, 32, r.questions.Most())
	assert.True(t, slices.IsSortedFunc(results, func(a, b manifest.Result) int { return strings.Compare(a.Pin.Name, b.Pin.Name) }))
}

// boxOfImages returns a box whose manifest has n images of a registry.
func boxOfImages(tb testing.TB, host string, n int, d digest.Digest, opts ...hal0.Option) *hal0.Box {
	tb.Helper()
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(`"image%03d":{"tag":"%s/hal0/image%03d:v1","digest":%q}`, i, host, i, d)
	}
	files := fstest.MapFS{
		"etc/hal0/manifest.json": {Data: []byte(`{"toolbox_images":{` + strings.Join(entries, ",") + `}}`)},
		"etc/hal0/profiles.toml": {Data: []byte("# none\n")},
	}
	box, err := hal0.Open(hal0.DefaultHome(), append(opts, hal0.WithFiles(files), hal0.WithHost(device.Host{}))...)
	require.NoError(tb, err)
	return box
}

// Sixty-four images of as many repositories, over HTTP, from a registry that
// takes 50 ms for every answer: where the images are there, and where they are
// not, so that the registry is also asked what they are made for.
func BenchmarkCheckImages(b *testing.B) {
	const n, latency = 64, 50 * time.Millisecond
	r := registrytest.Start(b)
	image := registrytest.Index(b, registrytest.Image(b, host, "1", nil))
	var d digest.Digest
	local := &aStore{images: map[string]runtime.Image{}}
	for i := range n {
		name := fmt.Sprintf("hal0/image%03d", i)
		d = r.Push(b, name+":v1", image)
		local.images[r.Host+"/"+name+"@"+d.String()] = stored("i", host, d)
	}
	r.Fail(func(http.ResponseWriter, *http.Request) bool {
		<-time.After(latency)
		return false
	})
	for name, rt := range map[string]*aStore{"present": local, "absent": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				client, err := registry.New() // which knows nobody yet
				require.NoError(b, err)
				box := boxOfImages(b, r.Host, n, d, hal0.WithRuntime(rt), hal0.WithRegistry(client))
				results, err := box.CheckImages(b.Context(), hal0.AskRegistry())
				if err != nil || len(results) != n || results[n-1].Registry.Digest != d {
					b.Fatal(results, err)
				}
				require.NoError(b, client.Close())
			}
			b.ReportMetric(float64(r.MostConnections()), "connections")
		})
	}
}
