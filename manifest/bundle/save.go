package bundle

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Save writes the images refs, each "registry/repository@sha256:…", from a
// registry to w as one archive, and returns them. Every byte is verified against
// its digest on the way. What is shared between images is written once. Memory
// does not grow with the images' layers.
//
// A transfer that breaks off is taken up again where it was, as long as each
// time some bytes come. It blocks until all is written or ctx ends. An error
// matches [ErrPartial] when something was written before it: w then holds a
// part of an archive, which [Open] refuses. [ErrPlatform]: there is no image
// for the platform.
func Save(ctx context.Context, w io.Writer, from Source, refs []string, opts Options) ([]Image, error) {
	s := saver{from: from, opts: &opts, seen: map[digest.Digest]bool{}}
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(refs))) {
		if err := s.gather(ctx, ref); err != nil {
			return nil, err
		}
	}
	out := &countingWriter{w: w}
	if err := s.write(ctx, out); err != nil {
		if out.n > 0 {
			err = fmt.Errorf("%w (%d bytes are written): %w", ErrPartial, out.n, err)
		}
		return nil, err
	}
	return s.images, nil
}

// A saver knows what an archive will hold.
type saver struct {
	from   Source
	opts   *Options
	images []Image
	top    []ispec.Descriptor
	parts  [kindIndex + 1][]savedPart
	seen   map[digest.Digest]bool
	total  int64
}

// A savedPart is a blob, and its content unless it is a layer.
type savedPart struct {
	part
	ref  string // repo@digest
	data []byte
}

// gather reads an image's documents, down to its layers' descriptors.
func (s *saver) gather(ctx context.Context, ref string) error {
	repo, d, err := parseRef(ref)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotPinned, err)
	}
	data, mediaType, err := s.from.Manifest(ctx, ref)
	if err != nil {
		return err
	}
	top := part{desc: ispec.Descriptor{MediaType: mediaType, Digest: d, Size: int64(len(data))}}
	if top.kind, err = kindOf(mediaType); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	g := gathering{saver: s, ref: ref, repo: repo, image: Image{Ref: ref}, counted: map[digest.Digest]bool{}}
	if err := g.document(ctx, top, data); err != nil {
		return fmt.Errorf("%s: %w", ref, err)
	}
	s.images = append(s.images, g.image)
	s.top = append(s.top, named(ref, top))
	return nil
}

// A gathering is the gathering of one image.
type gathering struct {
	*saver
	ref, repo string
	image     Image
	counted   map[digest.Digest]bool
}

func (g *gathering) document(ctx context.Context, p part, data []byte) error {
	if err := g.add(p, data); err != nil {
		return err
	}
	parts, err := parse(p, data)
	if err != nil {
		return err
	}
	if p.kind == kindIndex {
		return g.instances(ctx, parts)
	}
	for _, p := range parts {
		if p.kind == kindConfig {
			err = g.config(ctx, p)
		} else {
			err = g.add(p, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// instances gathers the images of an index that are for the platform.
func (g *gathering) instances(ctx context.Context, manifests []part) error {
	platform := g.opts.platform()
	var others []string
	for _, m := range manifests {
		if !fits(&m.desc, platform) {
			if m.desc.Platform != nil {
				others = append(others, m.desc.Platform.OS+"/"+m.desc.Platform.Architecture)
			}
			continue
		}
		data, _, err := g.from.Manifest(ctx, g.name(m))
		if err == nil {
			err = g.document(ctx, m, data)
		}
		if err != nil {
			return err
		}
	}
	if len(g.image.Platforms) == 0 {
		return fmt.Errorf("%w: want %s, the index has %s", ErrPlatform, platform, truncate(strings.Join(others, ", ")))
	}
	return nil
}

func (g *gathering) name(p part) string { return g.repo + "@" + p.desc.Digest.String() }

func (g *gathering) config(ctx context.Context, p part) error {
	body, err := g.from.Blob(ctx, g.name(p), 0)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("%s %s: %w", p.kind, p.desc.Digest, err)
	}
	if err := g.add(p, data); err != nil {
		return err
	}
	platform, err := platformOf(p, data)
	if err != nil {
		return err
	}
	if want := g.opts.platform(); platform != want {
		return fmt.Errorf("%w: want %s, it is for %s", ErrPlatform, want, platform)
	}
	if !slices.Contains(g.image.Platforms, platform) {
		g.image.Platforms = append(g.image.Platforms, platform)
	}
	return nil
}

// add notes a blob. data, of one that is not a layer, is verified.
func (g *gathering) add(p part, data []byte) error {
	if p.kind != kindLayer && (int64(len(data)) != p.desc.Size || digest.FromBytes(data) != p.desc.Digest) {
		return fmt.Errorf("the registry serves other content as %s %s", p.kind, p.desc.Digest)
	}
	if !g.counted[p.desc.Digest] {
		g.counted[p.desc.Digest] = true
		g.image.Size += p.desc.Size
	}
	if !g.seen[p.desc.Digest] {
		g.seen[p.desc.Digest] = true
		g.total += p.desc.Size
		g.parts[p.kind] = append(g.parts[p.kind], savedPart{p, g.name(p), data})
	}
	return nil
}

// write writes the archive.
func (s *saver) write(ctx context.Context, w io.Writer) error {
	index, err := topIndex(s.top)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(w)
	if err := writeHead(archive, index); err != nil {
		return err
	}
	m := newMeter(s.opts, Fetching, "", s.total)
	for k := kindIndex; k >= kindLayer; k-- {
		for _, p := range s.parts[k] {
			if err := writeHeader(archive, blobs+p.desc.Digest.Encoded(), p.desc.Size); err != nil {
				return err
			}
			t := transfer{from: s.from, part: p, verifier: p.desc.Digest.Verifier()}
			t.out = io.MultiWriter(archive, t.verifier, m)
			if err := t.run(ctx); err != nil {
				return err
			}
			m.tell()
		}
	}
	return archive.Close()
}

// writeHead writes what comes before the blobs.
func writeHead(archive *tar.Writer, index []byte) error {
	if err := writeHeader(archive, ispec.ImageLayoutFile, int64(len(layout))); err != nil {
		return err
	}
	if _, err := io.WriteString(archive, layout); err != nil {
		return err
	}
	if err := writeHeader(archive, ispec.ImageIndexFile, int64(len(index))); err != nil {
		return err
	}
	_, err := archive.Write(index)
	return err
}

func writeHeader(archive *tar.Writer, name string, size int64) error {
	return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644})
}

// attempts is how often a blob may break off in a row without a byte coming.
const attempts = 4

// A transfer copies one blob.
type transfer struct {
	from     Source
	part     savedPart
	out      io.Writer
	verifier digest.Verifier
	done     int64
}

func (t *transfer) run(ctx context.Context) error {
	if t.part.kind != kindLayer {
		_, err := t.out.Write(t.part.data)
		return err
	}
	for tries := 1; t.done < t.part.desc.Size; tries++ {
		body, err := t.from.Blob(ctx, t.part.ref, t.done)
		if err != nil {
			return err
		}
		n, err := t.copy(body)
		if n > 0 {
			tries = 0
		}
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case tries == attempts || isWriteError(err):
			return fmt.Errorf("%s: %w", t.part.ref, err)
		}
	}
	if !t.verifier.Verified() {
		return fmt.Errorf("%s: the registry serves other content", t.part.ref)
	}
	return nil
}

// copy copies as much as comes.
func (t *transfer) copy(body io.ReadCloser) (int64, error) {
	defer body.Close() //nolint:errcheck // only read
	n, err := io.CopyN(writeErrors{t.out}, body, t.part.desc.Size-t.done)
	t.done += n
	if err == io.EOF { //nolint:errorlint // CopyN's own
		err = fmt.Errorf("the blob ends after %d of %d bytes: %w", t.done, t.part.desc.Size, io.ErrUnexpectedEOF)
	}
	return n, err
}
