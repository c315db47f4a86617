package profile

import (
	"slices"

	"github.com/hal0ai/hal0-go/internal/argv"
)

// Flags are a program's flags as configuration writes them: one string, split
// as a POSIX shell splits words, with nothing expanded. The zero value is no
// flags. Flags are immutable and may be shared.
type Flags struct {
	text  string
	words []string
}

// ParseFlags splits text. An unbalanced quote is an error that tells where it
// was opened.
func ParseFlags(text string) (Flags, error) {
	words, err := argv.Split(text)
	if err != nil {
		return Flags{}, err
	}
	if len(words) == 0 {
		words = nil // as in the zero value
	}
	return Flags{text: text, words: words}, nil
}

// FlagsOf returns words as Flags, quoted where a shell would need it.
func FlagsOf(words ...string) Flags {
	return Flags{text: argv.Join(words), words: slices.Clone(words)}
}

// String returns the text as it was written.
func (f Flags) String() string { return f.text }

// Words returns the words. The slice is shared and must not be changed.
func (f Flags) Words() []string { return f.words }

// MarshalText implements [encoding.TextMarshaler] with [Flags.String].
func (f Flags) MarshalText() ([]byte, error) { return []byte(f.text), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseFlags].
func (f *Flags) UnmarshalText(text []byte) error {
	parsed, err := ParseFlags(string(text))
	if err == nil {
		*f = parsed
	}
	return err
}
