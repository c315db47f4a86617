package bundle

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/hal0ai/hal0-go/internal/ctxread"
)

// Open reads the archive r to its end into a directory, verifies all of it, and
// returns it. pins are the images that it may hold, each
// "registry/repository@sha256:…"; it need not hold them all.
//
// Each blob is checked against the digest and size by which another one refers
// to it, from the pins on down, before the next is read: what is written to the
// directory is what the pinned images consist of, and no more, whatever the
// archive holds. Names, links, entries that nothing refers to or that come
// twice, an image without a pin ([ErrNotPinned]) or for another platform alone
// ([ErrPlatform]), and an archive that is cut off are refused; all but
// these two match [ErrArchive].
//
// It blocks until all is read or ctx ends, which it notices between two reads of
// r. After an error nothing is left behind.
func Open(ctx context.Context, r io.Reader, pins []string, opts Options) (*Archive, error) {
	dir, err := os.MkdirTemp(opts.Dir, "hal0-images-")
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	a := &Archive{dir: dir, root: root}
	body, done := ctxread.Open(ctx, r)
	defer func() { _ = done() }() // the source remembers
	source := &source{ctx: ctx, r: body}
	in := reader{source: source, root: root, opts: &opts, pins: pins, wanted: map[digest.Digest]*wanted{}}
	in.meter = newMeter(&opts, Verifying, "", 0)
	if err := in.run(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	a.images = in.images()
	return a, nil
}

// A source is a reader that ends with ctx and remembers how it failed.
type source struct {
	ctx context.Context
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (n int, err error) {
	if s.ctx.Err() != nil {
		s.err = context.Cause(s.ctx)
		return 0, s.err
	}
	n, err = s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// A reader reads an archive.
type reader struct {
	source *source
	root   *os.Root
	opts   *Options
	pins   []string
	meter  *meter

	layout bool
	top    []topImage
	wanted map[digest.Digest]*wanted
}

// A topImage is an image of index.json.
type topImage struct {
	ref string
	part
}

// wanted is a blob that something refers to.
type wanted struct {
	part
	optional bool // an index need not have all its manifests here
	here     bool
	parts    []part // of an index or manifest that is here
	platform string // of a configuration that is here
}

func (r *reader) run() error {
	in := bufio.NewReader(r.source)
	if head, _ := in.Peek(4); bytes.HasPrefix(head, []byte("\x1f\x8b")) || bytes.Equal(head, []byte("\x28\xb5\x2f\xfd")) {
		return refusef("it is compressed: unpack it first, the images in it are compressed already")
	}
	archive := tar.NewReader(in)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return r.complete()
		}
		if err == nil {
			err = r.entry(h, archive)
		}
		if err != nil {
			return r.because(err)
		}
	}
}

// because returns err, as a refusal if the archive is to blame.
func (r *reader) because(err error) error {
	var file *fs.PathError
	known := errors.Is(err, ErrArchive) || errors.Is(err, ErrNotPinned) || errors.Is(err, ErrPlatform)
	switch {
	case r.source.err != nil:
		return fmt.Errorf("read the image archive: %w", r.source.err)
	case known || errors.As(err, &file):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refusef("it is cut off: %w", err)
	}
	return refusef("it is no tar archive, or was changed: %w", err)
}

// entry reads one entry.
func (r *reader) entry(h *tar.Header, body io.Reader) error {
	encoded, isBlob := strings.CutPrefix(h.Name, blobs)
	switch {
	case h.Typeflag == tar.TypeDir && (h.Name == blobs || h.Name == ispec.ImageBlobsDir+"/"):
		return nil
	case h.Typeflag != tar.TypeReg:
		return refusef("entry %q is no plain file", truncate(h.Name))
	case h.Name == ispec.ImageLayoutFile:
		return r.readLayout(h, body)
	case h.Name == ispec.ImageIndexFile:
		return r.readIndex(h, body)
	case isBlob:
		return r.readBlob(digest.NewDigestFromEncoded(digest.SHA256, encoded), h, body)
	}
	return refusef("entry %q is no part of an image layout", truncate(h.Name))
}

func readDocument(h *tar.Header, body io.Reader) ([]byte, error) {
	if h.Size > maxDocument {
		return nil, refusef("%s has %d bytes, want at most %d", truncate(h.Name), h.Size, maxDocument)
	}
	return io.ReadAll(body)
}

func (r *reader) readLayout(h *tar.Header, body io.Reader) error {
	data, err := readDocument(h, body)
	if err != nil {
		return err
	}
	var l ispec.ImageLayout
	if err := json.Unmarshal(data, &l); err != nil || l.Version != ispec.ImageLayoutVersion || r.layout {
		return refusef("%s: want one, of version %s", ispec.ImageLayoutFile, ispec.ImageLayoutVersion)
	}
	r.layout = true
	return nil
}

func (r *reader) readIndex(h *tar.Header, body io.Reader) error {
	data, err := readDocument(h, body)
	if err != nil {
		return err
	}
	var index ispec.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return refusef("%s: %w", ispec.ImageIndexFile, err)
	}
	if r.top != nil || len(index.Manifests) == 0 {
		return refusef("%s: want one, that names an image", ispec.ImageIndexFile)
	}
	for _, d := range index.Manifests {
		if err := r.want(d); err != nil {
			return err
		}
	}
	return nil
}

// want notes an image of index.json.
func (r *reader) want(d ispec.Descriptor) error {
	ref := d.Annotations[ispec.AnnotationRefName]
	_, named, err := parseRef(ref)
	if err != nil {
		return refusef("%s: %w", ispec.ImageIndexFile, err)
	}
	k, err := kindOf(d.MediaType)
	if err != nil {
		return refusef("%s: %s: %w", ispec.ImageIndexFile, ref, err)
	}
	if d.Digest != named || slices.ContainsFunc(r.top, func(t topImage) bool { return t.ref == ref }) {
		return refusef("%s: %s comes twice, or for another digest", ispec.ImageIndexFile, ref)
	}
	if !slices.Contains(r.pins, ref) {
		return fmt.Errorf("%w: the archive holds %s; pinned of it: %s", ErrNotPinned, ref, r.pinnedLike(ref))
	}
	top := topImage{ref, part{k, d}}
	r.top = append(r.top, top)
	return r.refer(top.part, false)
}

// pinnedLike returns the pinned digests of ref's repository.
func (r *reader) pinnedLike(ref string) string {
	repo, _, _ := strings.Cut(ref, "@")
	var like []string
	for _, pin := range r.pins {
		if d, ok := strings.CutPrefix(pin, repo+"@"); ok {
			like = append(like, d)
		}
	}
	if len(like) == 0 {
		return "nothing"
	}
	return strings.Join(like, ", ")
}

// refer notes that something refers to a blob.
func (r *reader) refer(p part, optional bool) error {
	if err := p.check(); err != nil {
		return refusef("%w", err)
	}
	w := r.wanted[p.desc.Digest]
	if w == nil {
		r.wanted[p.desc.Digest] = &wanted{part: p, optional: optional}
		if !optional {
			r.meter.step.Total += p.desc.Size
		}
		return nil
	}
	if w.kind != p.kind || w.desc.Size != p.desc.Size || w.kind >= kindManifest && w.desc.MediaType != p.desc.MediaType {
		return refusef("%s is referred to as a %s of %d bytes and as a %s of %d", p.desc.Digest, w.kind, w.desc.Size, p.kind, p.desc.Size)
	}
	if w.optional && !optional {
		w.optional = false
		if !w.here {
			r.meter.step.Total += p.desc.Size
		}
	}
	return nil
}

func (r *reader) readBlob(d digest.Digest, h *tar.Header, body io.Reader) error {
	w := r.wanted[d]
	switch {
	case w == nil:
		return refusef("nothing before it refers to %q", truncate(h.Name))
	case w.here:
		return refusef("%s comes twice", h.Name)
	case h.Size != w.desc.Size:
		return refusef("%s %s has %d bytes, want %d", w.kind, d, h.Size, w.desc.Size)
	}
	if w.optional {
		r.meter.step.Total += w.desc.Size
	}
	w.here = true
	data, err := r.keep(w, body)
	if err != nil {
		return err
	}
	r.meter.tell()
	switch w.kind {
	case kindLayer:
		return nil
	case kindConfig:
		w.platform, err = platformOf(w.part, data)
	default:
		err = r.readParts(w, data)
	}
	if err != nil && !errors.Is(err, ErrArchive) {
		return refusef("%w", err)
	}
	return err
}

// keep verifies a blob while it writes it to the directory, and returns it unless
// it is a layer.
func (r *reader) keep(w *wanted, body io.Reader) (data []byte, err error) {
	f, err := r.root.OpenFile(w.desc.Digest.Encoded(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	verifier := w.desc.Digest.Verifier()
	var kept bytes.Buffer
	out := []io.Writer{f, verifier, r.meter}
	if w.kind != kindLayer {
		out = append(out, &kept)
	}
	_, err = io.Copy(io.MultiWriter(out...), body)
	if err = cmp.Or(err, f.Close()); err != nil {
		return nil, err
	}
	if !verifier.Verified() {
		return nil, refusef("the content of %s %s has another digest", w.kind, w.desc.Digest)
	}
	return kept.Bytes(), nil
}

func (r *reader) readParts(w *wanted, data []byte) (err error) {
	if w.parts, err = parse(w.part, data); err != nil {
		return err
	}
	for _, p := range w.parts {
		if err := r.refer(p, w.kind == kindIndex); err != nil {
			return err
		}
	}
	return nil
}

// complete returns what is missing at the end of an archive.
func (r *reader) complete() error {
	if !r.layout || r.top == nil {
		return refusef("it is cut off, or no image layout: it has no %s or no %s", ispec.ImageLayoutFile, ispec.ImageIndexFile)
	}
	for _, t := range r.top {
		for p := range r.tree(t.part) {
			if w := r.wanted[p.desc.Digest]; !w.here {
				return refusef("it is cut off: of %s, %s %s is not in it", t.ref, p.kind, p.desc.Digest)
			}
		}
		if platforms := r.platforms(t.part); !slices.Contains(platforms, r.opts.platform()) {
			return fmt.Errorf("%w: %s is for %q, want %q", ErrPlatform, t.ref, platforms, r.opts.platform())
		}
	}
	return nil
}
