package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/opencontainers/go-digest"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// An Archive is one that was read and verified; see [Open]. It may be used
// concurrently until it is closed.
type Archive struct {
	dir    string
	root   *os.Root
	images []archived
}

// An archived image is all of its parts, those first that refer to others.
type archived struct {
	Image
	parts []part
}

// Images returns the images that it holds, in its order. The slice is the
// caller's.
func (a *Archive) Images() []Image {
	images := make([]Image, len(a.images))
	for i, image := range a.images {
		images[i] = image.Image
		images[i].Platforms = slices.Clone(image.Platforms)
	}
	return images
}

// Image returns one image as an archive of its own: the form in which
// [runtime.ImageLoader] takes it. The caller closes it.
func (a *Archive) Image(ref string) (io.ReadCloser, error) {
	i := slices.IndexFunc(a.images, func(image archived) bool { return image.Ref == ref })
	if i < 0 {
		return nil, fmt.Errorf("the archive holds no image %q", ref)
	}
	r, w := io.Pipe()
	s := &stream{PipeReader: r, over: make(chan struct{})}
	go func() {
		defer close(s.over)
		w.CloseWithError(a.write(w, &a.images[i]))
	}()
	return s, nil
}

// A stream is an image that is being written to a pipe.
type stream struct {
	*io.PipeReader
	over chan struct{}
}

// Close returns once nothing is written any more.
func (s *stream) Close() error {
	err := s.PipeReader.Close()
	<-s.over
	return err
}

func (a *Archive) write(w io.Writer, image *archived) error {
	index, err := topIndex([]ispec.Descriptor{named(image.Ref, image.parts[0])})
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	if err := writeHead(archive, index); err != nil {
		return err
	}
	for _, p := range image.parts {
		if err := a.writeBlob(archive, p); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (a *Archive) writeBlob(archive *tar.Writer, p part) error {
	f, err := a.root.Open(p.desc.Digest.Encoded())
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	if err := writeHeader(archive, blobs+p.desc.Digest.Encoded(), p.desc.Size); err != nil {
		return err
	}
	_, err = io.CopyN(archive, f, p.desc.Size)
	return err
}

// Close removes the directory that holds the archive's content.
func (a *Archive) Close() error {
	return errors.Join(a.root.Close(), os.RemoveAll(a.dir))
}

// tree yields a part and all that it refers to, each blob once, without
// manifests of an index that are not in the archive.
func (r *reader) tree(top part) iter.Seq[part] {
	return func(yield func(part) bool) {
		seen := map[digest.Digest]bool{}
		todo := []part{top}
		for len(todo) > 0 {
			p := todo[0]
			todo = todo[1:]
			w := r.wanted[p.desc.Digest]
			if seen[p.desc.Digest] || w.optional && !w.here {
				continue
			}
			seen[p.desc.Digest] = true
			if !yield(p) {
				return
			}
			todo = append(todo, w.parts...)
		}
	}
}

// platforms returns those that an image is here for, sorted.
func (r *reader) platforms(top part) []string {
	var platforms []string
	for p := range r.tree(top) {
		if p.kind == kindConfig {
			platforms = append(platforms, r.wanted[p.desc.Digest].platform)
		}
	}
	slices.Sort(platforms)
	return slices.Compact(platforms)
}

// images returns the images of an archive that is complete.
func (r *reader) images() []archived {
	images := make([]archived, len(r.top))
	for i, t := range r.top {
		images[i].Image = Image{Ref: t.ref, Platforms: r.platforms(t.part)}
		for p := range r.tree(t.part) {
			images[i].Size += p.desc.Size
			images[i].parts = append(images[i].parts, p)
		}
	}
	return images
}
