package manifest

import (
	"fmt"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"github.com/hal0ai/hal0-go/internal/redact"
)

// launchForm returns the canonical form: the digest alone decides when there
// is one, as podman ignores a tag beside it.
func launchForm(named reference.Named) string {
	if d, ok := named.(reference.Digested); ok {
		return named.Name() + "@" + d.Digest().String()
	}
	return named.String()
}

// ParseRef returns an image reference in canonical form: with its registry,
// and with the tag "latest" when it names neither tag nor digest. The error does
// not repeat a password that ref holds.
func ParseRef(ref string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		const want = "want registry/repository:tag or registry/repository@sha256:…"
		if shown := redact.Text(ref); shown != ref {
			return nil, fmt.Errorf("%q is not an image reference (it may hold a login, which has no place there): %s", shown, want)
		}
		return nil, fmt.Errorf("%q is not an image reference (%w): %s", ref, err, want)
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
