package bundle_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/opencontainers/go-digest"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hal0ai/hal0-go/manifest/bundle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A store is a registry in memory: blobs by digest, manifests with their type.
type store struct {
	blobs map[digest.Digest][]byte
	types map[digest.Digest]string
	// blob, if not nil, stands in for Blob.
	blob func(d digest.Digest, offset int64) (io.ReadCloser, error)
}

func newStore() *store {
	return &store{blobs: map[digest.Digest][]byte{}, types: map[digest.Digest]string{}}
}

func digestOf(ref string) digest.Digest {
	_, d, _ := strings.Cut(ref, "@")
	return digest.Digest(d)
}

func (s *store) Manifest(_ context.Context, ref string) ([]byte, string, error) {
	d := digestOf(ref)
	if data, ok := s.blobs[d]; ok {
		return data, s.types[d], nil
	}
	return nil, "", errors.New("manifest unknown")
}

func (s *store) Blob(_ context.Context, ref string, offset int64) (io.ReadCloser, error) {
	d := digestOf(ref)
	if s.blob != nil {
		return s.blob(d, offset)
	}
	if data, ok := s.blobs[d]; ok {
		return io.NopCloser(bytes.NewReader(data[offset:])), nil
	}
	return nil, errors.New("blob unknown")
}

// put keeps content and returns its descriptor.
func (s *store) put(mediaType string, data []byte) ispec.Descriptor {
	d := digest.FromBytes(data)
	s.blobs[d], s.types[d] = data, mediaType
	return ispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}
}

func (s *store) json(mediaType string, v any) ispec.Descriptor {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return s.put(mediaType, data)
}

// image keeps an image for an architecture with those layers.
func (s *store) image(arch string, layers ...string) ispec.Descriptor {
	m := ispec.Manifest{MediaType: ispec.MediaTypeImageManifest}
	m.SchemaVersion = 2
	m.Config = s.json(ispec.MediaTypeImageConfig, map[string]any{"os": "linux", "architecture": arch, "seed": digest.FromString(strings.Join(layers, "+"))})
	for _, l := range layers {
		m.Layers = append(m.Layers, s.put(ispec.MediaTypeImageLayerGzip, []byte(l)))
	}
	d := s.json(m.MediaType, m)
	d.Platform = &ispec.Platform{OS: "linux", Architecture: arch}
	return d
}

func (s *store) index(manifests ...ispec.Descriptor) ispec.Descriptor {
	i := ispec.Index{MediaType: ispec.MediaTypeImageIndex, Manifests: manifests}
	i.SchemaVersion = 2
	return s.json(i.MediaType, i)
}

const repo = "registry.example/hal0/tool"

func pin(d ispec.Descriptor) string { return repo + "@" + d.Digest.String() }

var amd64 = bundle.Options{Platform: "linux/amd64"}

// save returns an archive of refs.
func save(t testing.TB, s *store, refs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	_, err := bundle.Save(t.Context(), &out, s, refs, amd64)
	require.NoError(t, err)
	return out.Bytes()
}

// open opens an archive, and checks that a refusal leaves nothing behind.
func open(t testing.TB, archive []byte, pins ...string) (*bundle.Archive, error) {
	t.Helper()
	dir := t.TempDir()
	a, err := bundle.Open(t.Context(), bytes.NewReader(archive), pins, bundle.Options{Platform: "linux/amd64", Dir: dir})
	if err != nil {
		left, readErr := os.ReadDir(dir)
		require.NoError(t, readErr)
		assert.Empty(t, left, "nothing is left behind")
		return nil, err
	}
	t.Cleanup(func() {
		assert.NoError(t, a.Close())
		left, err := os.ReadDir(dir)
		assert.NoError(t, err)
		assert.Empty(t, left)
	})
	return a, nil
}

// An entry is one entry of a tar.
type entry struct {
	tar.Header
	data []byte
}

func unpack(t testing.TB, archive []byte) (entries []entry) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		entries = append(entries, entry{*h, data})
	}
}

func pack(t testing.TB, entries []entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		e.Size, e.Format = int64(len(e.data)), tar.FormatUnknown
		require.NoError(t, w.WriteHeader(&e.Header))
		_, err := w.Write(e.data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// names returns the entries' names, blobs by their digest.
func names(entries []entry) (list []string) {
	for _, e := range entries {
		list = append(list, strings.TrimPrefix(e.Name, "blobs/sha256/"))
	}
	return list
}

func TestSaveAndOpen(t *testing.T) {
	t.Parallel()
	s := newStore()
	one := s.image("amd64", "shared layer", "layer one")
	many := s.index(s.image("arm64", "other layer"), s.image("amd64", "shared layer", "layer two"),
		s.json(ispec.MediaTypeImageManifest, map[string]any{"attestation": true}))
	refs := []string{pin(one), pin(many)}
	slices.Sort(refs)
	archive := save(t, s, append(refs, refs...)...)
	assert.Equal(t, archive, save(t, s, refs[1], refs[0]), "the same images make the same archive")

	entries := unpack(t, archive)
	list := names(entries)
	assert.Equal(t, []string{"oci-layout", "index.json", many.Digest.Encoded()}, list[:3])
	assert.Len(t, entries, 2+1+2+2+3, "an index, two manifests, two configurations, and three layers, no arm64")

	a, err := open(t, archive, append(refs, repo+"@"+digest.FromString("not in it").String())...)
	require.NoError(t, err)
	images := a.Images()
	require.Len(t, images, 2)
	for i, image := range images {
		assert.Equal(t, refs[i], image.Ref)
		assert.Equal(t, []string{"linux/amd64"}, image.Platforms)
		single, err := a.Image(image.Ref)
		require.NoError(t, err)
		data, err := io.ReadAll(single)
		require.NoError(t, err)
		require.NoError(t, single.Close())
		b, err := open(t, data, image.Ref)
		require.NoError(t, err, "each image by itself is an archive too")
		assert.Equal(t, []bundle.Image{image}, b.Images())
	}
	_, err = a.Image(repo + "@sha256:0")
	require.EqualError(t, err, `the archive holds no image "`+repo+`@sha256:0"`)
}

// Other programs read the layout.
func TestArchiveIsAnImageLayout(t *testing.T) {
	t.Parallel()
	s := newStore()
	refs := []string{pin(s.image("amd64", "a", "b")), pin(s.index(s.image("amd64", "c", "d")))}
	dir := t.TempDir()
	for _, e := range unpack(t, save(t, s, refs...)) {
		path := filepath.Join(dir, filepath.FromSlash(e.Name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, e.data, 0o644))
	}
	top, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	for _, ref := range refs {
		images, err := partial.FindImages(top, match.Name(ref))
		require.NoError(t, err)
		indexes, err := partial.FindIndexes(top, match.Name(ref))
		require.NoError(t, err)
		for _, index := range indexes {
			inside, err := partial.FindImages(index, match.Platforms(v1.Platform{OS: "linux", Architecture: "amd64"}))
			require.NoError(t, err)
			images = append(images, inside...)
		}
		require.Len(t, images, 1)
		config, err := images[0].ConfigFile()
		require.NoError(t, err)
		assert.Equal(t, "amd64", config.Architecture)
		layers, err := images[0].Layers()
		require.NoError(t, err)
		require.Len(t, layers, 2)
		for _, l := range layers {
			content, err := l.Compressed()
			require.NoError(t, err)
			data, err := io.ReadAll(content)
			require.NoError(t, err)
			require.NoError(t, content.Close())
			assert.Len(t, data, 1)
		}
	}
}

func TestSaveFails(t *testing.T) {
	t.Parallel()
	s := newStore()
	good := s.image("amd64", "layer")
	arm := s.image("arm64", "layer")
	arms := s.index(arm, s.image("riscv64", "x"))
	config := s.json(ispec.MediaTypeImageConfig, map[string]string{"os": "linux", "architecture": "arm64"})
	mislabelled := s.json(ispec.MediaTypeImageManifest, ispec.Manifest{Config: config})
	mislabelled.Platform = good.Platform
	hole, lying := digest.FromString("hole"), digest.FromString("lying")
	s.blobs[lying], s.types[lying] = []byte("{}"), ispec.MediaTypeImageManifest
	for name, tc := range map[string]struct {
		ref   string
		class error
		text  string
	}{
		"tag":            {repo + ":v1", bundle.ErrNotPinned, `image "registry.example/hal0/tool:v1": want registry/repository@sha256:…, without a tag`},
		"tag and digest": {repo + ":v1@" + good.Digest.String(), bundle.ErrNotPinned, "without a tag"},
		"short name":     {"tool@" + good.Digest.String(), bundle.ErrNotPinned, "want registry/repository@sha256:…: "},
		"unknown":        {repo + "@" + digest.FromString("unknown").String(), nil, "manifest unknown"},
		"sha512":         {repo + "@" + digest.SHA512.FromString("x").String(), bundle.ErrNotPinned, "is no digest: want sha256: and 64 hexadecimal digits"},
		"arm64":          {pin(arm), bundle.ErrPlatform, "image is for another platform: want linux/amd64, it is for linux/arm64"},
		"index of arm64": {pin(arms), bundle.ErrPlatform, "image is for another platform: want linux/amd64, the index has linux/arm64, linux/riscv64"},
		"mislabelled":    {pin(s.index(mislabelled)), bundle.ErrPlatform, "want linux/amd64, it is for linux/arm64"},
		"layer":          {repo + "@" + s.put(ispec.MediaTypeImageLayer, []byte("x")).Digest.String(), nil, `media type "application/vnd.oci.image.layer.v1.tar" is no image's: want an OCI or Docker (schema 2) manifest or index`},
		"not JSON":       {pin(s.put(ispec.MediaTypeImageManifest, []byte("<html>"))), nil, "invalid character '<'"},
		"both":           {pin(s.put(ispec.MediaTypeImageManifest, []byte(`{"config":{},"manifests":[]}`))), nil, "it is an index too"},
		"both, an index": {pin(s.put(ispec.MediaTypeImageIndex, []byte(`{"layers":[],"manifests":[]}`))), nil, "it is a manifest too"},
		"other type":     {pin(s.put(ispec.MediaTypeImageIndex, []byte(`{"mediaType":"x","manifests":[]}`))), nil, `its media type is "x", not "application/vnd.oci.image.index.v1+json"`},
		"nothing":        {pin(s.put(ispec.MediaTypeImageManifest, []byte(`{}`))), nil, "it has no configuration"},
		"bad digest":     {pin(s.put(ispec.MediaTypeImageManifest, []byte(`{"config":{"digest":"sha256:../../x"}}`))), nil, `configuration: "sha256:../../x" is no digest`},
		"huge":           {pin(s.json(ispec.MediaTypeImageManifest, ispec.Manifest{Config: ispec.Descriptor{Digest: hole, Size: 5 << 20}})), nil, "it has 5242880 bytes, want 0 to 4194304"},
		"no config":      {pin(s.json(ispec.MediaTypeImageManifest, ispec.Manifest{Config: ispec.Descriptor{Digest: hole, Size: 5}})), nil, "blob unknown"},
		"other content":  {repo + "@" + lying.String(), nil, "the registry serves other content as manifest " + lying.String()},
		"other size":     {pin(s.json(ispec.MediaTypeImageManifest, ispec.Manifest{Config: ispec.Descriptor{Digest: config.Digest, Size: 5}})), nil, "the registry serves other content as configuration " + config.Digest.String()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			images, err := bundle.Save(t.Context(), &out, s, []string{pin(good), tc.ref}, amd64)
			require.ErrorContains(t, err, tc.text)
			if tc.class != nil {
				require.ErrorIs(t, err, tc.class)
			}
			require.NotErrorIs(t, err, bundle.ErrPartial)
			assert.Empty(t, images)
			assert.Zero(t, out.Len(), "nothing is written before all is known")
		})
	}
}

// cut is a reader that breaks off.
func cut(data []byte, n int) io.ReadCloser {
	return io.NopCloser(io.MultiReader(bytes.NewReader(data[:n]), failing{errors.New("connection reset")}))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestSaveGoesOnWhereABlobBrokeOff(t *testing.T) {
	t.Parallel()
	s := newStore()
	layer := strings.Repeat("layer", 100)
	ref := pin(s.image("amd64", layer))
	want := save(t, s, ref)
	var offsets []int64
	s.blob = func(d digest.Digest, offset int64) (io.ReadCloser, error) {
		data := s.blobs[d][offset:]
		if string(s.blobs[d]) != layer {
			return io.NopCloser(bytes.NewReader(data)), nil
		}
		offsets = append(offsets, offset)
		switch len(offsets) {
		case 1, 3, 4:
			return cut(data, 100), nil
		case 2:
			return cut(data, 0), nil
		case 5:
			return io.NopCloser(bytes.NewReader(data[:50])), nil // ends too early
		}
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	assert.Equal(t, want, save(t, s, ref))
	assert.Equal(t, []int64{0, 100, 100, 200, 300, 350}, offsets)
}

// A blob of which nothing comes is asked for so often and no more.
func TestSaveGivesUp(t *testing.T) {
	t.Parallel()
	s := newStore()
	ref := pin(s.image("amd64", "layer"))
	asked := 0
	s.blob = func(d digest.Digest, offset int64) (io.ReadCloser, error) {
		if d != digest.FromString("layer") {
			return io.NopCloser(bytes.NewReader(s.blobs[d])), nil
		}
		if asked++; asked == 1 {
			return cut(s.blobs[d], 2), nil
		}
		return cut(s.blobs[d][offset:], 0), nil
	}
	_, err := bundle.Save(t.Context(), io.Discard, s, []string{ref}, amd64)
	require.ErrorContains(t, err, "connection reset")
	assert.Equal(t, 1+4, asked)
}

func TestSaveTellsOfAPartialArchive(t *testing.T) {
	t.Parallel()
	s := newStore()
	ref := pin(s.image("amd64", "layer"))
	layer := digest.FromString("layer")
	full := errors.New("no space left on device")
	for name, tc := range map[string]struct {
		w    func(io.Writer) io.Writer
		blob func() (io.ReadCloser, error)
		text string
		none bool
	}{
		"other content": {blob: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("LAYER")), nil }, text: repo + "@" + layer.String() + ": the registry serves other content"},
		"gone":          {blob: func() (io.ReadCloser, error) { return nil, errors.New("blob unknown") }, text: "blob unknown"},
		"disk full":     {w: func(w io.Writer) io.Writer { return &limited{w, 4610, full} }, text: "no space left on device"},
		"disk full at once": {
			w: func(w io.Writer) io.Writer { return &limited{w, 0, full} }, text: "no space left on device", none: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			from := &store{blobs: s.blobs, types: s.types}
			from.blob = func(d digest.Digest, offset int64) (io.ReadCloser, error) {
				if d == layer {
					asked++
				}
				if d == layer && tc.blob != nil {
					return tc.blob()
				}
				return io.NopCloser(bytes.NewReader(s.blobs[d][offset:])), nil
			}
			var out bytes.Buffer
			var w io.Writer = &out
			if tc.w != nil {
				w = tc.w(w)
			}
			_, err := bundle.Save(t.Context(), w, from, []string{ref}, amd64)
			require.ErrorContains(t, err, tc.text)
			assert.LessOrEqual(t, asked, 1, "nothing of it is worth another try")
			assert.Equal(t, !tc.none, errors.Is(err, bundle.ErrPartial))
			if !tc.none {
				require.ErrorContains(t, err, fmt.Sprintf("the archive is incomplete: discard it (%d bytes are written): ", out.Len()))
			}
			_, err = open(t, out.Bytes(), ref)
			require.ErrorIs(t, err, bundle.ErrArchive, "what is left of it is refused")
		})
	}
}

// limited writes so many bytes and no more.
type limited struct {
	w    io.Writer
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	n, err := l.w.Write(p[:min(l.left, len(p))])
	l.left -= n
	if err == nil && n < len(p) {
		err = l.err
	}
	return n, err
}

func TestSaveIsCancelled(t *testing.T) {
	t.Parallel()
	s := newStore()
	ref := pin(s.image("amd64", "layer"))
	stop := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.blob = func(d digest.Digest, _ int64) (io.ReadCloser, error) {
		if d == digest.FromString("layer") {
			cancel(stop)
			return cut(s.blobs[d], 2), nil
		}
		return io.NopCloser(bytes.NewReader(s.blobs[d])), nil
	}
	_, err := bundle.Save(ctx, io.Discard, s, []string{ref}, amd64)
	require.ErrorIs(t, err, stop)
	require.ErrorIs(t, err, bundle.ErrPartial)
}

func TestProgress(t *testing.T) {
	t.Parallel()
	s := newStore()
	ref := pin(s.index(s.image("amd64", strings.Repeat("a", 20<<20), "b"), s.image("arm64", "c")))
	var saved, read []bundle.Step
	opts := amd64
	opts.Report = func(s bundle.Step) { saved = append(saved, s) }
	var out bytes.Buffer
	images, err := bundle.Save(t.Context(), &out, s, []string{ref}, opts)
	require.NoError(t, err)
	opts.Dir, opts.Report = t.TempDir(), func(s bundle.Step) { read = append(read, s) }
	a, err := bundle.Open(t.Context(), &out, []string{ref}, opts)
	require.NoError(t, err)
	defer a.Close()
	assert.Equal(t, images, a.Images())
	total := images[0].Size
	for phase, steps := range map[bundle.Phase][]bundle.Step{bundle.Fetching: saved, bundle.Verifying: read} {
		require.Greater(t, len(steps), 5)
		assert.Equal(t, bundle.Step{Phase: phase, Done: total, Total: total}, steps[len(steps)-1])
		assert.True(t, slices.IsSortedFunc(steps, func(a, b bundle.Step) int { return int(a.Done - b.Done) }))
		assert.Equal(t, total, steps[3].Total, "known before the layers")
	}
}
