package argv

import (
	"fmt"
	"strings"
)

// A FlagError is a flag that the program would refuse, or with which it would
// not serve.
type FlagError struct {
	Word   string // the flag as written
	Index  int    // its place among the words, from 0
	Name   string // its canonical name
	Reason string // what is wrong and what to do, to be read after Word
}

// Error returns such as "-c needs a value, and nothing follows it".
func (e *FlagError) Error() string { return e.Word + " " + e.Reason }

// Parse reads words as flags of one source and appends them to flags. A flag
// that the grammar knows takes as many values as it should, even those that
// begin with a hyphen. One that it does not know takes the next word if that
// does not look like a flag; a negative number such as -1 or -.5 does not. A
// word that belongs to no flag, a lone - or -- among them, becomes a Flag
// without a name.
//
// A known flag without its value, one that was removed, one that prints and
// exits, and `--flag=value` where the program refuses that are a [*FlagError];
// flags are then returned as they came. The values of the flags share the
// memory of words.
func (g *Grammar) Parse(flags []Flag, src Source, words []string) ([]Flag, error) {
	parsed := flags
	for i := 0; i < len(words); {
		named, values, wrong := g.shape(words[i:])
		if wrong != "" {
			return flags, &FlagError{Word: words[i], Index: i, Name: g.Key(words[i]), Reason: wrong}
		}
		f := Flag{Source: src}
		if named {
			f.Name = words[i]
			i++
		}
		if values > 0 {
			f.Values = words[i : i+values : i+values]
		}
		parsed = append(parsed, f)
		i += values
	}
	return parsed, nil
}

// shape tells of the first flag of words whether it has a name and how many
// values, or what is wrong with it.
func (g *Grammar) shape(words []string) (named bool, values int, wrong string) {
	word := words[0]
	e := g.known[word]
	switch {
	case e == nil && !isFlag(word):
		return false, 1, ""
	case e == nil:
		e = g.lookup(word)
	}
	if e == nil {
		values, wrong = g.guess(words)
		return true, values, wrong
	}
	if e.stops != "" {
		return true, 0, e.stops
	}
	switch e.takes {
	case one:
		values, wrong = 1, g.missing(words, 1, "a value")
	case two:
		values, wrong = 2, g.missing(words, 2, "two values")
	case optional:
		values = optionalValue(words)
	case nothing:
	}
	return true, values, wrong
}

// guess is shape for a flag that is not known.
func (g *Grammar) guess(words []string) (values int, wrong string) {
	name, value, assigned := strings.Cut(words[0], "=")
	switch {
	case !assigned:
		return optionalValue(words), ""
	case g.known == nil:
		return 0, ""
	}
	if e := g.lookup(name); e != nil && e.takes == nothing {
		return 0, "is not a flag, for " + name + " takes no value: write " + name
	}
	return 0, "is not how llama-server takes a value: write " + Join([]string{name, value})
}

// optionalValue returns 1 if the word after the flag looks like its value,
// and 0 otherwise.
func optionalValue(words []string) int {
	if len(words) < 2 || isFlag(words[1]) {
		return 0
	}
	return 1
}

// missing tells what stands where one of the n values of a flag should be; ""
// if they are all there.
func (g *Grammar) missing(words []string, n int, needs string) string {
	for i := 1; i <= n; i++ {
		if i < len(words) && !g.isKnown(words[i]) {
			continue
		}
		after := "it"
		if i > 1 {
			after = Join(words[i-1 : i])
		}
		if i == len(words) {
			return fmt.Sprintf("needs %s, and nothing follows %s", needs, after)
		}
		return fmt.Sprintf("needs %s, and the flag %s follows %s", needs, words[i], after)
	}
	return ""
}

// isKnown reports whether a word is a flag of the table, with or without
// `=value`.
func (g *Grammar) isKnown(word string) bool {
	if !isFlag(word) {
		return false
	}
	name, _, _ := strings.Cut(word, "=")
	return g.lookup(name) != nil
}
