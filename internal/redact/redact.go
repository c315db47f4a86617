// Package redact takes credentials out of text that others wrote: the errors
// and reports of registries, of podman, and of HTTP clients, which quote the
// addresses that they were given.
package redact

import (
	"regexp"
	"strings"
)

// Mark stands where a credential was.
const Mark = "xxxxx"

var (
	// words are what lies between spaces and quotes: an address is one word.
	words = regexp.MustCompile("[^\\s\"'`<>]+")
	// digested is how the part after the "@" of an image reference begins.
	digested = regexp.MustCompile(`^sha(256|384|512):`)
	// authorization is what a header of that name holds.
	authorization = regexp.MustCompile(`(?i)\b(basic|bearer)(\s+)[A-Za-z0-9+/=._~-]{8,}`)
)

// Text returns s without credentials: the user part of an address or image
// reference and the values in an address's query are replaced by [Mark], and so
// is what follows "Basic" and "Bearer". An image reference's digest stays.
func Text(s string) string {
	if !strings.ContainsAny(s, "@?") && !authorization.MatchString(s) {
		return s
	}
	s = words.ReplaceAllStringFunc(s, word)
	return authorization.ReplaceAllString(s, "${1}${2}"+Mark)
}

// word returns a word without the user part and the query of the address that
// it may be. Without a scheme a "?" begins a query if there is a value in it.
func word(w string) string {
	scheme, rest, found := strings.Cut(w, "://")
	if found {
		scheme += "://"
	} else {
		scheme, rest = "", w
	}
	rest, query, asked := strings.Cut(rest, "?")
	rest = scheme + user(rest)
	switch {
	case !asked:
		return rest
	case found || strings.Contains(query, "="):
		return rest + "?" + values(query)
	}
	return rest + "?" + user(query)
}

// user returns an address or image reference without its user part. A password
// may hold a "/" or "@" that should have been escaped: the last "@" that does
// not begin a digest ends it.
func user(w string) string {
	for at := strings.LastIndexByte(w, '@'); at >= 0; at = strings.LastIndexByte(w[:at], '@') {
		if !digested.MatchString(w[at+1:]) {
			return Mark + w[at:]
		}
	}
	return w
}

// values returns a query with the names and without the values.
func values(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			pairs[i] = Mark + trailing(name)
			continue
		}
		pairs[i] = name + "=" + Mark + trailing(value)
	}
	return strings.Join(pairs, "&")
}

// trailing returns the punctuation that a sentence put after an address.
func trailing(s string) string {
	return s[len(strings.TrimRight(s, ".,:;)")):]
}

// Error returns err with the text that [Text] makes of its text, nil for nil.
// It wraps err, so that [errors.Is] and [errors.As] find what they found.
func Error(err error) error {
	if err == nil {
		return nil
	}
	text := Text(err.Error())
	if text == err.Error() {
		return err
	}
	return &redacted{text, err}
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }
