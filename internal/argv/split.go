package argv

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kballard/go-shellquote"
)

// A QuoteError tells why a flags string cannot be split into words.
type QuoteError struct {
	Offset int    // where it is, in bytes from 0
	Quote  byte   // the quote or backslash; 0 for a character that no flag can hold
	Reason string // what is wrong, counting characters from 1
}

// Error returns the reason.
func (e *QuoteError) Error() string { return e.Reason }

// Split splits a flags string into words as a POSIX shell does: words stand
// between spaces, tabs and newlines, and single quotes, double quotes and
// backslashes keep those in a word. Nothing is expanded and there are no
// operators and no comments: `;`, `|`, `$`, `*` and `#` are plain characters.
//
// A quote that is not closed, a backslash at the end, a control character
// other than tab and newline, and bytes that are not UTF-8 are a [*QuoteError].
func Split(s string) ([]string, error) {
	if err := checkCharacters(s); err != nil {
		return nil, err
	}
	words, err := shellquote.Split(s)
	if err != nil {
		return nil, unbalanced(s)
	}
	return words, nil
}

// checkCharacters refuses what cannot be in a flag, or what nobody would see
// in one.
func checkCharacters(s string) error {
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t':
		case unicode.IsControl(r):
			return quoteError(s, i, 0, "the control character %U at character %d cannot be in a flag: remove it", r)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			return quoteError(s, i, 0, "the byte %#x at character %d is not UTF-8: remove it", s[i])
		}
	}
	return nil
}

// unbalanced returns the error of a string that ends inside quotes or right
// after a backslash.
func unbalanced(s string) error {
	var quote byte // the quote that is open, 0 outside
	at := 0        // where it was opened
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'':
			if i++; i == len(s) && quote == 0 {
				return quoteError(s, i-1, c, "the backslash %c at character %d escapes nothing: nothing follows it", c)
			}
		case quote == 0 && (c == '\'' || c == '"'):
			quote, at = c, i
		case c == quote:
			quote = 0
		}
	}
	return quoteError(s, at, quote, "the quote %c at character %d is never closed", quote)
}

// quoteError returns the error of what stands at a byte offset of s. format
// takes it and its place in characters.
func quoteError(s string, offset int, quote byte, format string, what any) error {
	place := utf8.RuneCountInString(s[:offset]) + 1
	return &QuoteError{Offset: offset, Quote: quote, Reason: fmt.Sprintf(format, what, place)}
}

// Join returns words as one flags string, with quotes around those that a
// shell would change, so that both [Split] and a POSIX shell read the same
// words back.
func Join(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// quote returns a word as a shell must see it.
func quote(word string) string {
	if word != "" && strings.IndexFunc(word, isSpecial) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// isSpecial reports whether a character may mean something to a shell.
func isSpecial(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-_./,:=+@%", r)
}
