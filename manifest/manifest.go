// Package manifest reads manifest.json, in which a hal0 release pins the
// container images that it was made with.
package manifest

import (
	_ "embed"
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

// A Manifest is an immutable set of pins. The zero value knows no image. It may
// be used concurrently.
type Manifest struct {
	// Version and Channel are the release's.
	Version, Channel string

	pins  []Pin
	byRef map[string]int // by reference as written, and by canonical reference
}

// A Pin is one image of the manifest.
type Pin struct {
	// Name is the short name, such as "vulkan".
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
	m := &Manifest{Version: f.Version, Channel: f.Channel, byRef: map[string]int{}}
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
	for _, key := range []string{e.Tag, named.String(), pin.Launch} {
		if _, taken := m.byRef[key]; !taken {
			m.byRef[key] = len(m.pins)
		}
	}
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

// Pin returns the pin of an image reference, in whatever form the reference is
// written: "ubuntu" and "docker.io/library/ubuntu:latest" are one image, and
// "repo:tag" and "repo@digest" of one entry are too. ok is false for an image
// that the manifest does not know.
func (m *Manifest) Pin(ref string) (pin Pin, ok bool) {
	if m == nil {
		return Pin{}, false
	}
	i, ok := m.byRef[ref]
	if !ok {
		named, err := ParseRef(ref)
		if err != nil {
			return Pin{}, false
		}
		if i, ok = m.byRef[launchForm(named)]; !ok {
			return Pin{}, false
		}
	}
	return m.pins[i], true
}

// launchForm returns the canonical form: the digest alone decides when there
// is one, as podman ignores a tag beside it.
func launchForm(named reference.Named) string {
	if d, ok := named.(reference.Digested); ok {
		return named.Name() + "@" + d.Digest().String()
	}
	return named.String()
}

// ParseRef returns an image reference in canonical form: with its registry,
// and with the tag "latest" when it names neither tag nor digest.
func ParseRef(ref string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, fmt.Errorf("%q is not an image reference (%w): want registry/repository:tag or registry/repository@sha256:…", ref, err)
	}
	if d, ok := named.(reference.Digested); ok {
		if _, err := ParseDigest(d.Digest().String()); err != nil {
			return nil, err
		}
	}
	return reference.TagNameOnly(named), nil
}

// ParseDigest returns an image digest: "sha256:" and 64 lower-case hexadecimal
// digits, not all of them zero.
func ParseDigest(s string) (digest.Digest, error) {
	if !digestRE.MatchString(s) || placeholderRE.MatchString(s) {
		return "", fmt.Errorf("%q is not a digest: want sha256: and 64 hexadecimal digits, or \"\" for an image that is not published", s)
	}
	return digest.Digest(s), nil
}
