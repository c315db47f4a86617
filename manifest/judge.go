package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Local is what the local store holds of an image. The zero value is a store
// that does not hold it.
type Local struct {
	// ID is the image's id without "sha256:"; "" when it is absent.
	ID string `json:"id"`
	// Digests are the digests under which the image was pulled, of an index and
	// of its own manifest alike. An image that was built, or loaded from an archive
	// that keeps no digests, has none, or another.
	Digests []digest.Digest `json:"digests"`
	// Platform is "os/architecture"; "" when it is not known.
	Platform string `json:"platform"`
}

// Holds reports whether the store holds what a launch of the pin needs: the
// pinned image, or any while nothing is pinned. Its platform is not looked at.
func (l Local) Holds(pin Pin) bool {
	return l.ID != "" && (!pin.Published() || slices.Contains(l.Digests, pin.Digest))
}

// Remote is what a registry says of an image; see [Ask].
type Remote struct {
	// Served is what it serves where the image is declared. Instances are filled
	// in only where they were needed.
	Served
	// Platforms are those of the pinned image, nil when nobody asked or the
	// registry does not say.
	Platforms []string `json:"platforms"`
	// PinGone is set when the registry does not serve the pinned digest any more.
	PinGone bool `json:"pin_gone"`
	// Err is why there is nothing in Served, or nil.
	Err *RegistryError `json:"error"`
}

// A Result is what a check found of one image.
type Result struct {
	// Pin is what is declared, and the digest to hold it against.
	Pin Pin `json:"pin"`
	// Local and Registry are what was found; nil when it was not looked.
	Local    *Local  `json:"local"`
	Registry *Remote `json:"registry"`
	Verdict  Verdict `json:"verdict"`
	// Message tells a person which digests differ, and what to do.
	Message string `json:"message"`
}

// Judge holds what was found of an image against its pin, for a host of that
// platform ("os/architecture"). local and remote are nil when it was not looked.
// It is pure: it asks nobody. The first row that applies is the verdict:
//
//	wrong-platform  what would be launched is made for other platforms: the local
//	                image where it is the pin or nothing is pinned, else the
//	                registry's
//	unpublished     nothing is pinned
//	absent          the store holds no image of that reference
//	stale           the store's image is not the pin
//	drift           the registry serves neither the pin nor an index that holds it
//	unreachable     the registry could not be asked
//	match           the pin is all there is
//
// What keeps a slot from starting comes first, then what the registry says. A
// platform that is not known fits.
func Judge(pin Pin, platform string, local *Local, remote *Remote) Result {
	r := Result{Pin: pin, Local: local, Registry: remote}
	made := r.platforms()
	switch {
	case len(made) > 0 && !slices.Contains(made, platform):
		r.Verdict = WrongPlatform
	case !pin.Published():
		r.Verdict = Unpublished
	case local != nil && local.ID == "":
		r.Verdict = Absent
	case local != nil && !local.Holds(pin):
		r.Verdict = Stale
	case remote != nil && r.moved():
		r.Verdict = Drift
	case remote != nil && remote.Err != nil:
		r.Verdict = Unreachable
	default:
		r.Verdict = Match
	}
	r.Message = r.message(platform)
	return r
}

// moved reports whether the registry answered, and does not serve the pin.
func (r *Result) moved() bool {
	return r.Registry.gone() || r.Registry.Err == nil && !r.Registry.Holds(r.Pin.Digest)
}

// gone reports whether the registry answered that it has no such image.
func (g *Remote) gone() bool { return g.Err != nil && errors.Is(g.Err, ErrNotServed) }

// platforms returns what the image that would be launched is made for, as far
// as it is known.
func (r *Result) platforms() []string {
	local := r.Local != nil && r.Local.Holds(r.Pin)
	switch {
	case local && strings.Trim(r.Local.Platform, "/") != "":
		return []string{r.Local.Platform}
	case !local && r.Registry != nil:
		return r.Registry.Platforms
	}
	return nil
}

// message says what is there, and after a colon what to do about it.
func (r *Result) message(platform string) string {
	var facts []string
	for _, fact := range []string{r.localFact(), r.registryFact()} {
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	text := strings.Join(facts, "; ")
	if text == "" {
		text = "nothing was looked at"
	}
	if advice := r.advice(platform); advice != "" {
		text += ": " + advice
	}
	return text
}

func (r *Result) localFact() string {
	switch l := r.Local; {
	case l == nil:
		return ""
	case l.ID == "":
		return "the image is not in the local store"
	case len(l.Digests) == 0 && !r.Pin.Published():
		return "the local image has no digest"
	case len(l.Digests) == 0:
		return fmt.Sprintf("the local image has no digest (it was built here, or loaded from an archive that keeps none), and %s is pinned", r.Pin.Digest)
	case !r.Pin.Published():
		return "the local image is " + digests(l.Digests)
	case l.Holds(r.Pin):
		return fmt.Sprintf("the local image is the pinned %s", r.Pin.Digest)
	default:
		return fmt.Sprintf("the local image is %s, and %s is pinned", digests(l.Digests), r.Pin.Digest)
	}
}

func digests(list []digest.Digest) string {
	words := make([]string, len(list))
	for i, d := range list {
		words[i] = d.String()
	}
	return strings.Join(words, " or ")
}

func (r *Result) registryFact() string {
	switch g := r.Registry; {
	case g == nil:
		return ""
	case g.Err != nil:
		return g.Err.because()
	case r.Pin.Digest == g.Digest:
		return "the registry serves the pinned " + r.Pin.Digest.String()
	case r.Pin.Published() && g.Holds(r.Pin.Digest):
		return fmt.Sprintf("the registry serves the pinned %s as one platform's image of %s", r.Pin.Digest, g.Digest)
	case r.Pin.Published():
		return fmt.Sprintf("the registry serves %s, and %s is pinned", g.Digest, r.Pin.Digest)
	default:
		return "the registry serves " + g.Digest.String()
	}
}

// advice says what to do.
func (r *Result) advice(platform string) string {
	switch r.Verdict {
	case WrongPlatform:
		return fmt.Sprintf("what would be launched is made for %s and this host is %s, so pin an image for that", strings.Join(r.platforms(), " and "), platform)
	case Unpublished:
		return "no digest is pinned, so that the tag decides what runs"
	case Absent, Stale:
		const instead = "load a bundle that holds it, or pin another"
		switch g := r.Registry; {
		case g == nil || !g.PinGone:
		case g.gone(): // as has been said
			return instead
		default:
			return "the registry does not serve the pinned image any more: " + instead
		}
		return fmt.Sprintf("pull %s, or load it from a bundle that keeps digests", r.Pin.Launch)
	case Drift:
		if r.Registry.gone() {
			return "it can't be pulled again by that name, so save it to a bundle, or pin another"
		}
		return "lock the manifest to take the registry's image, or keep the pin"
	case Match, Unreachable:
	}
	return ""
}
