package runtimetest

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/hal0ai/hal0-go/internal/ctxread"
	"github.com/hal0ai/hal0-go/runtime"
)

var _ runtime.ImageLoader = (*Fake)(nil)

// LoadImage implements [runtime.ImageLoader]. It looks for the image's manifest in
// the archive, and for nothing of what that refers to. The image's program is the
// zero [Program]; [Fake.SetProgram] gives a container another.
func (f *Fake) LoadImage(ctx context.Context, ref string, archive io.Reader) (runtime.Image, error) {
	return call(ctx, f, Call{OpLoad, ref}, func() (runtime.Image, error) { return f.load(ctx, ref, archive) })
}

func (f *Fake) load(ctx context.Context, ref string, archive io.Reader) (runtime.Image, error) {
	name, err := canonical(ref)
	if err != nil {
		return runtime.Image{}, err
	}
	pinned, ok := name.(reference.Canonical)
	if !ok {
		return runtime.Image{}, problem(runtime.ErrInvalidSpec, "found a name without a digest, want repository@sha256:…")
	}
	body, done := ctxread.Open(ctx, archive)
	err = errors.Join(checkArchive(body, ref, pinned.Digest()), done())
	switch {
	case ctx.Err() != nil:
		return runtime.Image{}, ctx.Err()
	case err != nil:
		return runtime.Image{}, problem(runtime.ErrLoad, "read the archive: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return copyImage(f.keep(pinned).Image), nil
}

// keep returns the image of that digest, new or present, under that name too;
// f.mu is held.
func (f *Fake) keep(name reference.Canonical) *image {
	if known := f.images.find(name); known != nil {
		return known
	}
	for _, known := range f.images {
		for _, other := range known.RepoDigests {
			if otherName, err := canonical(other); err == nil && otherName.(reference.Canonical).Digest() == name.Digest() {
				known.RepoDigests = append(slices.Clone(known.RepoDigests), name.String())
				f.images[name.String()] = known
				return known
			}
		}
	}
	made := f.makeImage(name, Remote{})
	f.images[name.String()] = made
	return made
}

// checkArchive reads an archive to its end, and returns why it does not hold the
// image of that name and digest.
func checkArchive(r io.Reader, ref string, want digest.Digest) error {
	archive := tar.NewReader(r)
	var index ispec.Index
	blobs := map[digest.Digest]bool{}
	for {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if entry.Name == ispec.ImageIndexFile {
			if err := json.NewDecoder(archive).Decode(&index); err != nil {
				return fmt.Errorf("%s: %w", entry.Name, err)
			}
			continue
		}
		found, err := digest.FromReader(archive)
		if err != nil {
			return err
		}
		blobs[found] = true
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	for _, m := range index.Manifests {
		if m.Annotations[ispec.AnnotationRefName] == ref && m.Digest == want && blobs[want] {
			return nil
		}
	}
	return fmt.Errorf("it has no image %s", ref)
}
