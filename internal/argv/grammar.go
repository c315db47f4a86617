package argv

import (
	"slices"
	"strings"
	"sync"
)

// A Grammar says how a program reads its flags: which names are one flag, how
// many values each takes, which add up when they repeat. It is immutable and
// safe for concurrent use. The zero value is [Plain].
type Grammar struct {
	known map[string]*entry // by every spelling; nil if no flag is known
}

// An entry is a known flag.
type entry struct {
	*spec
	key string // its first long name
	id  int    // its place in the table
}

// A spec is a flag as the table writes it.
type spec struct {
	names string // every spelling, separated by spaces
	takes takes
	adds  bool   // given twice, it means both
	stops string // why it cannot be used, "" if it can
}

// takes says how many values a flag has.
type takes int

const (
	nothing takes = iota
	one
	two
	optional // one, or none if the next word looks like a flag
)

// Plain returns the grammar of a program about which nothing is known. What
// looks like a value belongs to the flag before it, `--flag=value` is one
// word, and nothing collapses.
func Plain() *Grammar { return new(Grammar) }

// LlamaServer returns the grammar of llama.cpp's llama-server, build 11669,
// with the flags of older builds that later ones dropped. A flag of yet
// another build is read as [Plain] does.
func LlamaServer() *Grammar { return llamaServer() }

var llamaServer = sync.OnceValue(func() *Grammar {
	g := &Grammar{known: make(map[string]*entry, 2*len(llamaServerFlags))}
	for i := range llamaServerFlags {
		s := &llamaServerFlags[i]
		names := strings.Fields(s.names)
		e := &entry{spec: s, key: names[slices.IndexFunc(names, isLong)], id: i}
		for _, name := range names {
			g.known[name] = e
		}
	}
	return g
})

// Key returns the canonical name of a flag: its first long one, whichever
// alias it is written with, also for a negation: `-b` is "--batch-size" and
// `--no-mmap` is "--mmap". `_` counts as `-` inside a long name, and `=value`
// is cut off.
//
// A long name that the grammar does not know is its own key, and shares it
// with its negation `--no-…`, unless that would be the negation of a flag that
// takes a value. [Plain] knows no aliases and no negations: it only cuts off
// `=value`.
func (g *Grammar) Key(name string) string {
	if e := g.known[name]; e != nil {
		return e.key
	}
	return g.unusualKey(name)
}

// unusualKey is Key for what is not in the table letter by letter.
func (g *Grammar) unusualKey(name string) string {
	if !isFlag(name) {
		return name
	}
	name, _, _ = strings.Cut(name, "=")
	if g.known == nil {
		return name
	}
	if e := g.lookup(name); e != nil {
		return e.key
	}
	if !isLong(name) {
		return name
	}
	return g.positive(hyphens(name))
}

// positive returns the key of an unknown long name: its own, or that of the
// flag that it negates.
func (g *Grammar) positive(name string) string {
	rest, negated := strings.CutPrefix(name, "--no-")
	if !negated || rest == "" || strings.HasPrefix(rest, "no-") {
		return name
	}
	switch e := g.known["--"+rest]; {
	case e == nil:
		return "--" + rest
	case e.takes == one || e.takes == two:
		return name
	default:
		return e.key
	}
}

// lookup returns the known flag that a word is, nil for none.
func (g *Grammar) lookup(word string) *entry {
	e := g.known[word]
	if e == nil && isLong(word) {
		e = g.known[hyphens(word)]
	}
	return e
}

// hyphens returns a long name with `-` for `_`.
func hyphens(name string) string { return strings.ReplaceAll(name, "_", "-") }

// isLong reports whether a word begins as a long flag.
func isLong(word string) bool { return len(word) > 2 && word[0] == '-' && word[1] == '-' }

// isFlag reports whether a word looks like a flag: it begins with a hyphen,
// is more than hyphens, and is not a negative number.
func isFlag(word string) bool {
	if len(word) < 2 || word[0] != '-' || word == "--" {
		return false
	}
	return !isDigit(word[1]) && (word[1] != '.' || len(word) < 3 || !isDigit(word[2]))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
