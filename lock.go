package hal0

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/internal/edit"
	"github.com/hal0ai/hal0-go/manifest"
)

// A ManifestLock is what [Box.LockManifest] did, or would do.
type ManifestLock struct {
	// Change is what it did to manifest.json.
	Change Change `json:"change"`
	// Entries are the manifest's, by short name, those that no registry answered
	// for among them.
	Entries []LockEntry `json:"entries"`
}

// A LockEntry is one image of a manifest that is locked.
type LockEntry struct {
	Name string `json:"name"`
	Ref  string `json:"ref"`
	// Before and After are the digests; "" for an image that is not published.
	Before digest.Digest `json:"before"`
	After  digest.Digest `json:"after"`
	// Err is why the registry did not say, and Before was kept; nil otherwise.
	Err *manifest.RegistryError `json:"error"`
}

// Drifted reports whether a registry serves anything else than the manifest
// says. A manifest.json that only had to be written out has not drifted.
func (l ManifestLock) Drifted() bool {
	return slices.ContainsFunc(l.Entries, func(e LockEntry) bool { return e.Before != e.After })
}

// LockManifest asks the registries what they serve for each image of the
// manifest, many at a time, and writes the digests into manifest.json; see
// [Box.SetSettings] for how, and [DryRun] for looking only. Notes, order and keys
// that hal0 does not know stay. A box without a manifest.json gets the release's,
// locked: from then on the box's own counts.
//
// A digest is never lost: where a registry does not answer, or serves nothing
// any more, the entry keeps what it has, and says why. An entry whose reference
// names a digest is left alone and its registry not asked; one that pins one
// platform's image of what is served is left alone too.
//
// It blocks until all registries have answered; only then is the file locked.
// The error is [ErrNoRegistry], the context's, or the file's:
// [ErrChanging] when it came to pin other images while the registries were
// asked, and then nothing is written.
func (b *Box) LockManifest(ctx context.Context, opts ...EditOption) (ManifestLock, error) {
	if b.opts.registry == nil {
		return ManifestLock{}, ErrNoRegistry
	}
	name := b.home.Manifest()
	text, err := b.read(name, maxConfig)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ManifestLock{}, err
	}
	m, err := manifest.Parse(name, orEmbedded(text))
	if err != nil {
		return ManifestLock{}, err
	}
	entries, err := b.lockEntries(ctx, m.Images())
	if err != nil {
		return ManifestLock{}, err
	}
	change, err := b.edit(ctx, name, opts, func(old []byte, _ *Box) ([]byte, error) {
		now, err := manifest.Parse(name, orEmbedded(old))
		if err != nil {
			return nil, err
		}
		if !slices.Equal(now.Images(), m.Images()) {
			return nil, fmt.Errorf("%s: %w: it was edited while the registries were asked, and nothing is written; lock it again", name, ErrChanging)
		}
		return edit.JSON(orEmbedded(old), lockOps(entries)...)
	})
	if err != nil {
		return ManifestLock{}, err
	}
	return ManifestLock{change, entries}, nil
}

// orEmbedded returns the text of a manifest.json, or the release's where there
// is none.
func orEmbedded(text []byte) []byte {
	if text == nil {
		return manifest.EmbeddedText()
	}
	return text
}

// lockEntries asks the registries, except about images that are pinned by their
// own reference.
func (b *Box) lockEntries(ctx context.Context, pins []manifest.Pin) ([]LockEntry, error) {
	loose := slices.DeleteFunc(slices.Clone(pins), manifest.Pin.Fixed)
	remotes, err := b.askRegistry(ctx, loose, make([]*manifest.Local, len(loose)))
	if err != nil {
		return nil, err
	}
	entries := make([]LockEntry, len(pins))
	for i, p := range pins {
		entries[i] = LockEntry{Name: p.Name, Ref: p.Ref, Before: p.Digest, After: p.Digest}
		if j := slices.Index(loose, p); j >= 0 {
			entries[i].After, entries[i].Err = manifest.Lock(p, *remotes[j]), remotes[j].Err
		}
	}
	return entries, nil
}

// lockOps are the edits that a lock makes.
func lockOps(entries []LockEntry) []edit.Op {
	var ops []edit.Op
	for _, e := range entries {
		if e.Before != e.After {
			ops = append(ops, edit.Set(e.After.String(), "toolbox_images", e.Name, "digest"))
		}
	}
	return ops
}
