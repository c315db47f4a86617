package bundle_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/manifest/bundle"
)

// sample is an archive of an index and a single image that share a layer.
func sample(t testing.TB) (s *store, refs []string, archive []byte) {
	t.Helper()
	s = newStore()
	refs = []string{pin(s.image("amd64", "shared", "one")), pin(s.index(s.image("arm64", "arm"), s.image("amd64", "shared", "two")))}
	return s, refs, save(t, s, refs...)
}

func reindex(t testing.TB, e *entry, change func(*ispec.Index)) {
	t.Helper()
	var index ispec.Index
	require.NoError(t, json.Unmarshal(e.data, &index))
	change(&index)
	data, err := json.Marshal(index)
	require.NoError(t, err)
	e.data = data
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s, refs, archive := sample(t)
	find := func(entries []entry, content string) int {
		for i := range entries {
			if string(entries[i].data) == content {
				return i
			}
		}
		t.Fatal(content)
		return 0
	}
	without := func(entries []entry, i int) []entry { return append(entries[:i:i], entries[i+1:]...) }
	rename := func(name string) func([]entry) []entry {
		return func(e []entry) []entry { e[find(e, "one")].Name = name; return e }
	}
	typed := func(kind byte, link string) func([]entry) []entry {
		return func(e []entry) []entry {
			return append(e, entry{Header: tar.Header{Name: "blobs/sha256/" + digest.FromString("two").Encoded(), Typeflag: kind, Linkname: link}})
		}
	}
	index := func(change func(*ispec.Index)) func([]entry) []entry {
		return func(e []entry) []entry { reindex(t, &e[1], change); return e }
	}
	for name, tc := range map[string]struct {
		change func([]entry) []entry
		text   string
	}{
		"nothing":            {func([]entry) []entry { return nil }, "it is cut off, or no image layout: it has no oci-layout or no index.json"},
		"no layout":          {func(e []entry) []entry { return without(e, 0) }, "it has no oci-layout"},
		"no index":           {func(e []entry) []entry { return without(e, 1) }, `nothing before it refers to "blobs/sha256/`},
		"index after blobs":  {func(e []entry) []entry { return append(without(e, 1), e[1]) }, `nothing before it refers to "blobs/sha256/`},
		"two layouts":        {func(e []entry) []entry { return append(e, e[0]) }, "oci-layout: want one, of version 1.0.0"},
		"two indexes":        {func(e []entry) []entry { return append(e, e[1]) }, "index.json: want one, that names an image"},
		"other version":      {func(e []entry) []entry { e[0].data = []byte(`{"imageLayoutVersion":"2"}`); return e }, "oci-layout: want one, of version 1.0.0"},
		"layout not JSON":    {func(e []entry) []entry { e[0].data = nil; return e }, "oci-layout: want one, of version 1.0.0"},
		"huge layout":        {func(e []entry) []entry { e[0].data = make([]byte, 5<<20); return e }, "oci-layout has 5242880 bytes, want at most 4194304"},
		"huge index":         {func(e []entry) []entry { e[1].data = make([]byte, 5<<20); return e }, "index.json has 5242880 bytes, want at most 4194304"},
		"index not JSON":     {func(e []entry) []entry { e[1].data = []byte("{"); return e }, "index.json: unexpected end of JSON input"},
		"empty index":        {index(func(i *ispec.Index) { i.Manifests = nil }), "index.json: want one, that names an image"},
		"no name":            {index(func(i *ispec.Index) { i.Manifests[0].Annotations = nil }), `index.json: image "": want registry/repository@sha256:…`},
		"name with a tag":    {index(func(i *ispec.Index) { i.Manifests[0].Annotations[ispec.AnnotationRefName] = repo + ":v1" }), "without a tag"},
		"another's name":     {index(func(i *ispec.Index) { swapNames(i) }), "comes twice, or for another digest"},
		"name twice":         {index(func(i *ispec.Index) { i.Manifests = append(i.Manifests, i.Manifests[0]) }), "comes twice, or for another digest"},
		"other media type":   {index(func(i *ispec.Index) { i.Manifests[0].MediaType = "text/plain" }), `media type "text/plain" is no image's`},
		"negative size":      {index(func(i *ispec.Index) { i.Manifests[0].Size = -1 }), "it has -1 bytes, want 0 to 4194304"},
		"huge size":          {index(func(i *ispec.Index) { i.Manifests[0].Size = 1 << 60 }), "it has 1152921504606846976 bytes, want 0 to 4194304"},
		"other size":         {index(func(i *ispec.Index) { i.Manifests[0].Size++ }), " bytes, want "},
		"index as manifest":  {index(func(i *ispec.Index) { swapTypes(i) }), "its media type is"},
		"path traversal":     {rename("../../../etc/passwd"), `entry "../../../etc/passwd" is no part of an image layout`},
		"traversal in blobs": {rename("blobs/sha256/../../../../etc/cron.d/x"), `nothing before it refers to "blobs/sha256/../../../../etc/cron.d/x"`},
		"absolute":           {rename("/etc/passwd"), `entry "/etc/passwd" is no part of an image layout`},
		"upper case":         {rename("blobs/sha256/" + strings.ToUpper(digest.FromString("one").Encoded())), "nothing before it refers to"},
		"long name":          {rename(strings.Repeat("x", 5000)), `entry "` + strings.Repeat("x", 100) + `…" is no part of an image layout`},
		"symlink":            {typed(tar.TypeSymlink, "/etc/passwd"), "is no plain file"},
		"hard link":          {typed(tar.TypeLink, "index.json"), "is no plain file"},
		"device":             {typed(tar.TypeChar, ""), "is no plain file"},
		"fifo":               {typed(tar.TypeFifo, ""), "is no plain file"},
		"other directory": {func(e []entry) []entry {
			return append([]entry{{Header: tar.Header{Name: "x/", Typeflag: tar.TypeDir, Mode: 0o755}}}, e...)
		}, `entry "x/" is no plain file`},
		"blob missing": {func(e []entry) []entry { return without(e, find(e, "two")) }, "it is cut off: of " + refs[1] + ", layer " + digest.FromString("two").String() + " is not in it"},
		"blob twice":   {func(e []entry) []entry { return append(e, e[len(e)-1]) }, " comes twice"},
		"blob changed": {func(e []entry) []entry { e[find(e, "two")].data = []byte("TWO"); return e }, "the content of layer " + digest.FromString("two").String() + " has another digest"},
		"blob grown":   {func(e []entry) []entry { e[find(e, "two")].data = []byte("two more"); return e }, "has 8 bytes, want 3"},
		"blob of no image": {func(e []entry) []entry {
			return append(e, entry{tar.Header{Name: "blobs/sha256/" + digest.FromString("x").Encoded()}, []byte("x")})
		}, "nothing before it refers to"},
		"manifest changed": {func(e []entry) []entry { e[3].data = bytes.Replace(e[3].data, []byte("{"), []byte(" "), 1); return e }, "has another digest"},
		"manifest missing": {func(e []entry) []entry { return without(e, 3) }, "nothing before it refers to"},
		"two sizes":        {func(e []entry) []entry { return nested(t, s, e) }, "is referred to as a layer of 3 bytes and as a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, pack(t, tc.change(unpack(t, archive))), append(refs, pinsOf(tc.change(unpack(t, archive)))...)...)
			require.ErrorIs(t, err, bundle.ErrArchive)
			require.ErrorContains(t, err, tc.text)
		})
	}
	_, err := open(t, archive, refs...)
	require.NoError(t, err, "and takes it as it was")
}

func swapTypes(i *ispec.Index) {
	i.Manifests[0].MediaType, i.Manifests[1].MediaType = i.Manifests[1].MediaType, i.Manifests[0].MediaType
}

func swapNames(i *ispec.Index) {
	i.Manifests[0].Annotations, i.Manifests[1].Annotations = i.Manifests[1].Annotations, i.Manifests[0].Annotations
}

// pinsOf are the names in an archive's index that can be pins.
func pinsOf(entries []entry) (pins []string) {
	for _, e := range entries {
		var index ispec.Index
		if e.Name == "index.json" && json.Unmarshal(e.data, &index) == nil {
			for _, m := range index.Manifests {
				pins = append(pins, m.Annotations[ispec.AnnotationRefName])
			}
		}
	}
	return pins
}

// nested returns an archive of one image that names one layer with two sizes.
func nested(t testing.TB, s *store, entries []entry) []entry {
	t.Helper()
	layer := s.put(ispec.MediaTypeImageLayer, []byte("two"))
	again := layer
	again.Size = 5
	d := s.json(ispec.MediaTypeImageManifest, ispec.Manifest{Config: s.put("", []byte("{}")), Layers: []ispec.Descriptor{layer, again}})
	manifest := s.blobs[d.Digest]
	d.Annotations = map[string]string{ispec.AnnotationRefName: pin(d)}
	reindex(t, &entries[1], func(i *ispec.Index) { i.Manifests = []ispec.Descriptor{d} })
	return append(entries[:2:2], entry{tar.Header{Name: "blobs/sha256/" + d.Digest.Encoded()}, manifest})
}

func TestOpenTakesDirectories(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	entries := unpack(t, archive)
	dirs := []entry{{Header: tar.Header{Name: "blobs/", Typeflag: tar.TypeDir, Mode: 0o755}}, {Header: tar.Header{Name: "blobs/sha256/", Typeflag: tar.TypeDir, Mode: 0o755}}}
	_, err := open(t, pack(t, append(dirs, entries...)), refs...)
	require.NoError(t, err)
}

func TestOpenWantsPins(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	_, err := open(t, archive, refs[0], "registry.example/other@"+digest.FromString("x").String())
	require.ErrorIs(t, err, bundle.ErrNotPinned)
	require.EqualError(t, err, "image is not pinned: the archive holds "+refs[1]+"; pinned of it: "+string(digestOf(refs[0])))
	_, err = open(t, archive)
	require.ErrorContains(t, err, "; pinned of it: nothing")
}

func TestOpenWantsThePlatform(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	_, err := bundle.Open(t.Context(), bytes.NewReader(archive), refs, bundle.Options{Platform: "linux/arm64", Dir: t.TempDir()})
	require.ErrorIs(t, err, bundle.ErrPlatform)
	require.ErrorContains(t, err, ` is for ["linux/amd64"], want "linux/arm64"`)
}

// An archive is refused wherever it is cut off, other than in the zeros at its
// end.
func TestOpenRefusesEveryPrefix(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	end := len(bytes.TrimRight(archive, "\x00"))
	for n := 0; n < end; n += 97 {
		_, err := open(t, archive[:n], refs...)
		require.ErrorIs(t, err, bundle.ErrArchive, "%d of %d bytes", n, len(archive))
	}
	_, err := open(t, archive[:end-1], refs...)
	require.ErrorIs(t, err, bundle.ErrArchive)
}

// No byte of the content can be another one.
func TestOpenRefusesEveryFlip(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	entries := unpack(t, archive)
	for i := 2; i < len(entries); i++ {
		changed := unpack(t, archive)
		changed[i].data[len(changed[i].data)/2] ^= 1
		_, err := open(t, pack(t, changed), refs...)
		require.ErrorIs(t, err, bundle.ErrArchive, changed[i].Name)
	}
}

func TestOpenTellsWhatIsCompressed(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(archive)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = open(t, out.Bytes(), refs...)
	require.EqualError(t, err, "the image archive is refused: it is compressed: unpack it first, the images in it are compressed already")
}

// What goes wrong with the reader or the directory is not the archive's fault.
func TestOpenTellsFaultsApart(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	broken := errors.New("input/output error")
	r := io.MultiReader(bytes.NewReader(archive[:1500]), iotest.ErrReader(broken))
	_, err := bundle.Open(t.Context(), r, refs, bundle.Options{Platform: "linux/amd64", Dir: t.TempDir()})
	require.EqualError(t, err, "read the image archive: input/output error")
	require.ErrorIs(t, err, broken)

	_, err = bundle.Open(t.Context(), bytes.NewReader(archive), refs, bundle.Options{Dir: filepath.Join(t.TempDir(), "none")})
	require.ErrorIs(t, err, os.ErrNotExist)

	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	r = io.MultiReader(bytes.NewReader(archive[:1500]), readFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}), bytes.NewReader(archive[1500:]))
	_, err = bundle.Open(ctx, r, refs, bundle.Options{Dir: dir})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, bundle.ErrArchive)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestClosedImageEnds(t *testing.T) {
	t.Parallel()
	_, refs, archive := sample(t)
	a, err := open(t, archive, refs...)
	require.NoError(t, err)
	image, err := a.Image(refs[0])
	require.NoError(t, err)
	_, err = io.ReadFull(image, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, image.Close())
	_, err = image.Read(make([]byte, 10))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// Whatever the archive is: what Open takes, holds just the pinned content, and
// what it refuses, leaves nothing behind.
func FuzzOpen(f *testing.F) {
	s, refs, archive := sample(f)
	f.Add(archive)
	f.Add(archive[:len(archive)/2])
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		a, err := bundle.Open(t.Context(), bytes.NewReader(data), refs, bundle.Options{Platform: "linux/amd64", Dir: dir})
		if err == nil {
			defer a.Close()
			for _, image := range a.Images() {
				assert.Contains(t, refs, image.Ref)
			}
			files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
			require.NoError(t, err)
			for _, name := range files {
				content, err := os.ReadFile(name)
				require.NoError(t, err)
				d := digest.NewDigestFromEncoded(digest.SHA256, filepath.Base(name))
				assert.Equal(t, s.blobs[d], content)
			}
			return
		}
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

func BenchmarkOpen(b *testing.B) {
	s := newStore()
	ref := pin(s.image("amd64", strings.Repeat("0123456789abcdef", 4<<20), strings.Repeat("fedcba9876543210", 4<<20)))
	archive := save(b, s, ref)
	dir := b.TempDir()
	b.SetBytes(int64(len(archive)))
	b.ReportAllocs()
	for b.Loop() {
		a, err := bundle.Open(b.Context(), bytes.NewReader(archive), []string{ref}, bundle.Options{Platform: "linux/amd64", Dir: dir})
		require.NoError(b, err)
		require.NoError(b, a.Close())
	}
}

func BenchmarkSave(b *testing.B) {
	s := newStore()
	ref := pin(s.image("amd64", strings.Repeat("0123456789abcdef", 8<<20)))
	b.SetBytes(128 << 20)
	b.ReportAllocs()
	for b.Loop() {
		_, err := bundle.Save(b.Context(), io.Discard, s, []string{ref}, amd64)
		require.NoError(b, err)
	}
}

// An archive that never comes, from a pipe say, ends with the context.
func TestOpenEndsWhileNothingComes(t *testing.T) {
	t.Parallel()
	silent, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	over := make(chan error, 1)
	go func() {
		_, err := bundle.Open(ctx, silent, nil, bundle.Options{Dir: dir})
		over <- err
	}()
	_, err := writer.Write([]byte("x")) // it is being read
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, <-over, context.Canceled)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}
