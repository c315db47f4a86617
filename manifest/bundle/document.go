package bundle

import (
	"encoding/json"
	"errors"
	"fmt"

	ispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxDocument bounds an index, a manifest, or a configuration, in bytes: the
// size that registries accept for manifests.
const maxDocument = 4 << 20

// Docker's names for what OCI has names of its own for. Registries serve both.
const (
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// A kind is what a blob is.
type kind int

const (
	kindLayer kind = iota
	kindConfig
	kindManifest
	kindIndex
)

func (k kind) String() string {
	return [...]string{"layer", "configuration", "manifest", "index"}[k]
}

// kindOf returns what an image's own document is by its media type.
func kindOf(mediaType string) (kind, error) {
	switch mediaType {
	case ispec.MediaTypeImageIndex, dockerList:
		return kindIndex, nil
	case ispec.MediaTypeImageManifest, dockerManifest:
		return kindManifest, nil
	}
	return 0, fmt.Errorf("media type %q is no image's: want an OCI or Docker (schema 2) manifest or index", truncate(mediaType))
}

// A part is a blob that a document refers to.
type part struct {
	kind kind
	desc ispec.Descriptor
}

// A document is an index or a manifest.
type document struct {
	MediaType string             `json:"mediaType"`
	Manifests []ispec.Descriptor `json:"manifests"`
	Config    *ispec.Descriptor  `json:"config"`
	Layers    []ispec.Descriptor `json:"layers"`
}

// parse returns what an index or manifest refers to: of an index only manifests,
// not what else may be beside them.
func parse(p part, data []byte) ([]part, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%s %s: %w", p.kind, p.desc.Digest, err)
	}
	parts, err := d.parts(p)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", p.kind, p.desc.Digest, err)
	}
	return parts, nil
}

func (d *document) parts(p part) ([]part, error) {
	if d.MediaType != "" && d.MediaType != p.desc.MediaType {
		return nil, fmt.Errorf("its media type is %q, not %q", truncate(d.MediaType), p.desc.MediaType)
	}
	var parts []part
	if p.kind == kindIndex {
		if d.Config != nil || d.Layers != nil {
			return nil, errors.New("it is a manifest too")
		}
		for _, m := range d.Manifests {
			if k, err := kindOf(m.MediaType); err == nil && k == kindManifest {
				parts = append(parts, part{kindManifest, m})
			}
		}
	} else {
		if d.Manifests != nil {
			return nil, errors.New("it is an index too")
		}
		if d.Config == nil {
			return nil, errors.New("it has no configuration")
		}
		parts = append(parts, part{kindConfig, *d.Config})
		for _, l := range d.Layers {
			parts = append(parts, part{kindLayer, l})
		}
	}
	for _, p := range parts {
		if err := p.check(); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// check returns what is wrong with a part's descriptor.
func (p *part) check() error {
	if err := checkDigest(p.desc.Digest); err != nil {
		return fmt.Errorf("%s: %w", p.kind, err)
	}
	if p.desc.Size < 0 || p.kind != kindLayer && p.desc.Size > maxDocument {
		return fmt.Errorf("%s %s: it has %d bytes, want 0 to %d", p.kind, p.desc.Digest, p.desc.Size, maxDocument)
	}
	return nil
}

// platformOf returns the "os/architecture" that an image's configuration tells.
func platformOf(p part, data []byte) (string, error) {
	var c struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return "", fmt.Errorf("%s %s: %w", p.kind, p.desc.Digest, err)
	}
	return truncate(c.OS + "/" + c.Architecture), nil
}

// fits reports whether an index names that platform for an entry.
func fits(d *ispec.Descriptor, platform string) bool {
	return d.Platform != nil && d.Platform.OS+"/"+d.Platform.Architecture == platform
}

// layout is the content of the file oci-layout.
const layout = `{"imageLayoutVersion":"` + ispec.ImageLayoutVersion + `"}`

// blobs is where an archive's blobs are.
const blobs = ispec.ImageBlobsDir + "/sha256/"

// topIndex returns the content of index.json.
func topIndex(images []ispec.Descriptor) ([]byte, error) {
	index := ispec.Index{MediaType: ispec.MediaTypeImageIndex, Manifests: images}
	index.SchemaVersion = 2
	return json.Marshal(index)
}

// named returns what refers to an image in index.json: its descriptor, and
// nothing else but its name.
func named(ref string, p part) ispec.Descriptor {
	return ispec.Descriptor{
		MediaType: p.desc.MediaType, Digest: p.desc.Digest, Size: p.desc.Size,
		Annotations: map[string]string{ispec.AnnotationRefName: ref},
	}
}
