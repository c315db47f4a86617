package runtimetest

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/json"
	goruntime "runtime"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// An archived is a new image, of one empty layer, to make archives of.
type archived struct {
	manifest ispec.Descriptor
	blobs    [][]byte
}

func newArchived(t testing.TB) *archived {
	t.Helper()
	a := &archived{}
	layer := a.add(ispec.MediaTypeImageLayer, make([]byte, 2*512)) // a tar without entries
	config := a.addJSON(t, ispec.MediaTypeImageConfig, ispec.Image{
		Platform: ispec.Platform{OS: "linux", Architecture: goruntime.GOARCH},
		Config:   ispec.ImageConfig{Labels: map[string]string{"hal0.test": rand.Text()}},
		RootFS:   ispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	})
	a.manifest = a.addJSON(t, ispec.MediaTypeImageManifest, ispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ispec.MediaTypeImageManifest,
		Config: config, Layers: []ispec.Descriptor{layer},
	})
	return a
}

func (a *archived) add(mediaType string, data []byte) ispec.Descriptor {
	a.blobs = append(a.blobs, data)
	return ispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
}

func (a *archived) addJSON(t testing.TB, mediaType string, v any) ispec.Descriptor {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return a.add(mediaType, data)
}

// ref returns the image's name by its digest, in a repository of the suite.
func (a *archived) ref(repo string) string {
	return "localhost/hal0-test/" + repo + "@" + a.manifest.Digest.String()
}

// as returns the archive of the image under that name.
func (a *archived) as(t testing.TB, ref string) []byte {
	t.Helper()
	top := a.manifest
	top.Annotations = map[string]string{ispec.AnnotationRefName: ref}
	index, err := json.Marshal(ispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ispec.MediaTypeImageIndex, Manifests: []ispec.Descriptor{top},
	})
	require.NoError(t, err)
	layout, err := json.Marshal(ispec.ImageLayout{Version: ispec.ImageLayoutVersion})
	require.NoError(t, err)
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	write := func(name string, data []byte) {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
		_, err := w.Write(data)
		require.NoError(t, err)
	}
	write(ispec.ImageLayoutFile, layout)
	write(ispec.ImageIndexFile, index)
	for _, blob := range a.blobs {
		write(ispec.ImageBlobsDir+"/sha256/"+digest.FromBytes(blob).Encoded(), blob)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}
