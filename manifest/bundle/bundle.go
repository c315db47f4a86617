// Package bundle carries images to hosts that reach no registry. [Save] writes
// images that are pinned by their digest as one OCI image layout in a tar
// archive; [Open] reads such an archive and verifies every byte of it; a
// runtime that is a [runtime.ImageLoader] then takes the images one by one.
//
// An archive is made from a registry, not from a local store: podman keeps
// layers unpacked and packs them anew when it exports an image, in the formats
// oci-archive and docker-archive alike, so that neither the manifest nor its
// digest is the one that was pulled. (It does not even load its own oci-archive
// of an image that was pulled by digest: it refuses the name with the digest
// that no longer fits.) Loaded from the registry's own bytes under the name
// "repo@sha256:…", an image has the RepoDigests that it has after a pull, for a
// pinned index and a single manifest alike; podman 4.3.1 compares them itself.
//
// Of an index only the images of one platform are carried, and the index as it
// is: its digest is the pin. Podman reads such a layout.
//
// The archive holds, in this order: oci-layout, index.json, then under
// blobs/sha256 the indexes, the manifests, the configurations, and the layers.
// As each comes after what refers to it, a reader knows the digest and size of
// a blob before it reads it.
package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	goruntime "runtime"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/manifest"
)

// A Source serves the content of images. The client of package
// manifest/registry is one.
//
// Its methods block until there is an answer or ctx ends, and may be called
// concurrently. What they return is verified by the caller. Their errors name
// ref, and hold no credential.
type Source interface {
	// Manifest returns the manifest or index that ref, "repo@sha256:…", names,
	// byte by byte, and its media type.
	Manifest(ctx context.Context, ref string) (data []byte, mediaType string, err error)
	// Blob returns the content of the blob that ref, "repo@sha256:…", names, from
	// byte offset on. The caller closes it.
	Blob(ctx context.Context, ref string, offset int64) (io.ReadCloser, error)
}

// An Image is one image of an archive.
type Image struct {
	// Ref is "repo@sha256:…".
	Ref string `json:"ref"`
	// Platforms are those that the archive holds it for, such as "linux/amd64".
	Platforms []string `json:"platforms"`
	// Size is what the archive holds of it, in bytes, what it shares with others
	// counted in full.
	Size int64 `json:"size"`
}

// Options change what [Save] and [Open] do. The zero value is fine.
type Options struct {
	// Platform is the "os/architecture" of the box; "linux" and this program's
	// architecture when "".
	Platform string
	// Dir is where an archive's content is kept while it is read, as large as the
	// archive; [os.TempDir] when "". Saving needs none.
	Dir string
	// Report, if not nil, is called with the progress, every few MB, from the
	// calling goroutine.
	Report func(Step)
}

func (o *Options) platform() string {
	if o.Platform == "" {
		return "linux/" + goruntime.GOARCH
	}
	return o.Platform
}

// A Phase is what is being done.
type Phase string

// The phases of saving and loading.
const (
	Fetching  Phase = "fetching"  // from the registry into the archive
	Verifying Phase = "verifying" // the archive, into a directory
	Loading   Phase = "loading"   // an image, into the runtime
	Loaded    Phase = "loaded"    // the runtime has the image
	Present   Phase = "present"   // the runtime had the image already
)

// A Step is progress.
type Step struct {
	Phase Phase `json:"phase"`
	// Ref is the image, "" where all of them are meant.
	Ref string `json:"ref,omitempty"`
	// Done and Total are bytes; 0 in the phases Loaded and Present.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
}

// The classes of errors of this package, for [errors.Is].
var (
	// ErrArchive: what is read is no archive of this package, or is cut off, or
	// was changed. Nothing of it is used.
	ErrArchive = errors.New("the image archive is refused")
	// ErrNotPinned: an image whose digest is not one of those that are wanted, or
	// that has none.
	ErrNotPinned = manifest.ErrNotPinned
	// ErrPlatform: the image is not made for the platform.
	ErrPlatform = errors.New("image is for another platform")
	// ErrPartial: writing an archive failed when part of it was written.
	ErrPartial = errors.New("the archive is incomplete: discard it")
)

func refusef(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrArchive, fmt.Errorf(format, args...))
}

// parseRef returns the repository and the digest of "repo@sha256:…".
func parseRef(ref string) (repo string, d digest.Digest, err error) {
	named, err := reference.ParseNamed(ref)
	if err != nil {
		return "", "", fmt.Errorf("image %q: want registry/repository@sha256:…: %w", ref, err)
	}
	digested, ok := named.(reference.Canonical)
	if !ok || ref != named.Name()+"@"+digested.Digest().String() {
		return "", "", fmt.Errorf("image %q: want registry/repository@sha256:…, without a tag", ref)
	}
	return named.Name(), digested.Digest(), checkDigest(digested.Digest())
}

func checkDigest(d digest.Digest) error {
	if err := d.Validate(); err != nil || d.Algorithm() != digest.SHA256 {
		return fmt.Errorf("%q is no digest: want sha256: and 64 hexadecimal digits", truncate(string(d)))
	}
	return nil
}

// truncate shortens what others wrote, to be quoted.
func truncate(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
