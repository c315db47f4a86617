// Package manifest reads manifest.json, in which a hal0 release pins the
// container images that it was made with.
package manifest

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// Schema is the value of "_schema" that this package reads.
const Schema = "hal0.manifest.v1"

//go:embed manifest.json
var embedded []byte

// ErrNotPinned is an image that no digest is pinned for, or another one.
var ErrNotPinned = errors.New("image is not pinned")

// A Manifest is an immutable set of pins. The zero value knows no image. It may
// be used concurrently.
type Manifest struct {
	// Version and Channel are the release's.
	Version, Channel string

	pins   []Pin
	byName map[string]int // by short name
	byRef  map[string]int // by reference as written, and by canonical reference
}

// A Pin is one image of the manifest, or one that it does not know; see
// [Manifest.Resolve].
type Pin struct {
	// Name is the short name, such as "vulkan"; "" for an image that the manifest
	// does not know.
	Name string `json:"name"`
	// Ref is the reference as the manifest writes it.
	Ref string `json:"ref"`
	// Digest is the digest of the release's image, or "" while the image is
	// unpublished.
	Digest digest.Digest `json:"digest"`
	// Launch is what to run: "repo@digest", or Ref while there is no digest.
	Launch string `json:"launch"`
	// Notes are for people.
	Notes string `json:"notes,omitempty"`
}

// Published reports whether the release has a digest for the image.
func (p Pin) Published() bool { return p.Digest != "" }

// Fixed reports whether the reference names its digest itself, so that no
// registry can come to mean another by it.
func (p Pin) Fixed() bool { return strings.Contains(p.Ref, "@") }

// Managed reports whether the manifest knows the image.
func (p Pin) Managed() bool { return p.Name != "" }

// EmbeddedText returns the file that [Embedded] reads. The slice is the
// caller's.
func EmbeddedText() []byte { return slices.Clone(embedded) }

// Embedded returns the manifest of the release that this library was made
// with.
func Embedded() *Manifest { return embeddedManifest() }

var embeddedManifest = sync.OnceValue(func() *Manifest {
	m, err := Parse("manifest.json", embedded)
	if err != nil {
		panic("the embedded manifest does not load: " + err.Error()) // a test loads it
	}
	return m
})

type file struct {
	Schema  string            `koanf:"_schema"`
	Version string            `koanf:"version"`
	Channel string            `koanf:"channel"`
	Images  map[string]*image `koanf:"toolbox_images" validate:"dive"`
}

type image struct {
	Tag    string  `koanf:"tag" validate:"required"`
	Digest *string `koanf:"digest"`
	Notes  string  `koanf:"_notes" conf:"multiline"`
}

// Parse reads a manifest; name is what errors call the file. Keys that begin
// with "_" are comments. The error holds every problem of the file: a
// reference or a digest that is malformed is one, never a silent tag.
func Parse(name string, data []byte) (*Manifest, error) {
	doc, err := conf.ParseJSON(name, data)
	if err != nil {
		return nil, err
	}
	if images, ok := doc.Raw()["toolbox_images"].(map[string]any); ok {
		maps.DeleteFunc(images, func(key string, _ any) bool { return strings.HasPrefix(key, "_") })
	}
	var f file
	problems := conf.Problems(doc.Decode(&f, conf.Ignore))
	if f.Schema != "" && f.Schema != Schema {
		problems = append(problems, doc.Problem(conf.ErrValue,
			fmt.Sprintf("unknown schema %q: want %s", f.Schema, Schema), "_schema"))
	}
	m := &Manifest{Version: f.Version, Channel: f.Channel, byName: map[string]int{}, byRef: map[string]int{}}
	for _, short := range slices.Sorted(maps.Keys(f.Images)) {
		if e := f.Images[short]; e != nil {
			problems = append(problems, m.add(doc, short, *e)...)
		}
	}
	problems.Sort()
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// add appends the pin of one entry, or returns what is wrong with it.
func (m *Manifest) add(doc *conf.Document, short string, e image) conf.ValidationErrors {
	if e.Tag == "" {
		return nil // reported by Decode
	}
	if short == "" {
		return conf.ValidationErrors{doc.Problem(conf.ErrValue, "has no name: want a short one, such as vulkan", "toolbox_images", short)}
	}
	named, err := ParseRef(e.Tag)
	if err != nil {
		return conf.ValidationErrors{doc.Problem(conf.ErrValue, err.Error(), "toolbox_images", short, "tag")}
	}
	var d digest.Digest
	if e.Digest != nil && *e.Digest != "" {
		if d, err = ParseDigest(*e.Digest); err != nil {
			return conf.ValidationErrors{doc.Problem(conf.ErrValue, err.Error(), "toolbox_images", short, "digest")}
		}
	}
	if own, ok := named.(reference.Digested); ok {
		if d != "" && d != own.Digest() {
			return conf.ValidationErrors{doc.Problem(conf.ErrConflict,
				fmt.Sprintf("is %s, but the tag names %s", d, own.Digest()), "toolbox_images", short, "digest")}
		}
		d = own.Digest()
	}
	pin := Pin{Name: short, Ref: e.Tag, Digest: d, Launch: e.Tag, Notes: e.Notes}
	if d != "" {
		pin.Launch = named.Name() + "@" + d.String()
	}
	if i, taken := m.byRef[named.String()]; taken && m.pins[i].Digest != d {
		return conf.ValidationErrors{doc.Problem(conf.ErrConflict,
			fmt.Sprintf("is %q, but %s pins the same tag to %q", d, m.pins[i].Name, m.pins[i].Digest), "toolbox_images", short, "digest")}
	}
	for _, key := range []string{e.Tag, named.String(), pin.Launch} {
		if _, taken := m.byRef[key]; !taken {
			m.byRef[key] = len(m.pins)
		}
	}
	m.byName[short] = len(m.pins)
	m.pins = append(m.pins, pin)
	return nil
}

// Images returns the pins, sorted by short name. The slice is the caller's.
func (m *Manifest) Images() []Pin {
	if m == nil {
		return nil
	}
	return slices.Clone(m.pins)
}

// Pin returns the pin of an image, by its short name or by a reference in
// whatever form it is written: "ubuntu" and "docker.io/library/ubuntu:latest"
// are one image, and "repo:tag" and "repo@digest" of one entry are too. A word
// that is both a short name and a reference is the short name. ok is false for
// an image that the manifest does not know.
func (m *Manifest) Pin(image string) (pin Pin, ok bool) {
	if m == nil {
		return Pin{}, false
	}
	i, ok := m.byName[image]
	if !ok {
		i, ok = m.byRef[image]
	}
	if !ok {
		named, err := ParseRef(image)
		if err != nil {
			return Pin{}, false
		}
		if i, ok = m.byRef[launchForm(named)]; !ok {
			return Pin{}, false
		}
	}
	return m.pins[i], true
}

// Resolve returns the pin of an image as [Manifest.Pin] does, and of one that the
// manifest does not know a pin without a name: it is launched as it is written,
// and has a digest if it names one. The error is of a reference that is
// malformed.
func (m *Manifest) Resolve(image string) (Pin, error) {
	if pin, ok := m.Pin(image); ok {
		return pin, nil
	}
	named, err := ParseRef(image)
	if err != nil {
		return Pin{}, err
	}
	pin := Pin{Ref: image, Launch: image}
	if d, ok := named.(reference.Digested); ok {
		pin.Digest = d.Digest()
	}
	return pin, nil
}
