// Package enum parses the closed sets of words that configuration is written
// in. A set is one slice of constants; parsing, checking and the error's list
// of what is allowed all read it.
package enum

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknown matches every [Error].
var ErrUnknown = errors.New("not one of the allowed values")

// An Error is a word outside its set.
type Error struct {
	Kind    string   // what the set is of, such as "device"
	Found   string   // the word as written
	Allowed []string // the whole set, in its own order
}

// Error returns `device "gpu": want one of gpu-rocm, gpu-vulkan, cpu, npu`.
func (e *Error) Error() string {
	if len(e.Allowed) == 0 {
		return fmt.Sprintf("%s %q: there is none", e.Kind, e.Found)
	}
	return fmt.Sprintf("%s %q: want one of %s", e.Kind, e.Found, strings.Join(e.Allowed, ", "))
}

// Is reports whether target is [ErrUnknown].
func (e *Error) Is(target error) bool { return target == ErrUnknown }

// Parse returns the member of all that is written s, or an [*Error].
func Parse[T ~string](kind string, all []T, s string) (T, error) {
	if i := slices.Index(all, T(s)); i >= 0 {
		return all[i], nil
	}
	return "", &Error{Kind: kind, Found: s, Allowed: Words(all)}
}

// Words returns the members as plain strings.
func Words[T ~string](all []T) []string {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = string(v)
	}
	return words
}

// Set parses text into to, leaving it alone on an error. It is the body of an
// UnmarshalText method.
func Set[T any](to *T, parse func(string) (T, error), text []byte) error {
	v, err := parse(string(text))
	if err == nil {
		*to = v
	}
	return err
}
