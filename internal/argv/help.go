package argv

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Help is what one build of llama-server accepts, read from what it prints for
// --help. It is immutable.
type Help struct {
	flags []helpFlag
	known map[string]int // by every spelling, an index of flags
}

// A helpFlag is one flag of a help text.
type helpFlag struct {
	names   []string
	hint    string   // at its values, such as "N"
	choices []string // the values that it takes, nil where the text does not list them
	removed bool     // the build knows it only to say that it is gone
	instead string   // of one that was removed
	open    bool     // the list of choices goes on in the next line
}

// ErrNoHelp is the error of a text that is not llama-server's help.
var ErrNoHelp = errors.New("not the help of llama-server")

// flagLine is a line that begins a flag: its names, a hint at its values, and
// after two spaces at least what it does. llama.cpp writes three there, or begins
// a new line (common_arg::to_string in common/arg.cpp).
var flagLine = regexp.MustCompile(`^(-[^\s,]+(?:, +-[^\s,]+)*)(?: (\S+(?: \S+)*))?(?: {2,}(.*))?$`)

// ReadHelp reads what llama-server prints for --help. A text that does not tell
// of --model, --host and --port is [ErrNoHelp].
func ReadHelp(text string) (*Help, error) {
	h := &Help{known: map[string]int{}}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		m := flagLine.FindStringSubmatch(line)
		switch {
		case strings.HasPrefix(line, "-----"): // a heading
		case m != nil:
			h.add(strings.Fields(strings.ReplaceAll(m[1], ",", " ")), m[2], m[3])
		case len(h.flags) > 0:
			h.flags[len(h.flags)-1].describe(strings.TrimSpace(line))
		}
	}
	for _, name := range []string{"--model", "--host", "--port"} {
		if !h.Has(name) {
			return nil, fmt.Errorf("%w: it does not tell of %s", ErrNoHelp, name)
		}
	}
	return h, nil
}

func (h *Help) add(names []string, hint, description string) {
	f := helpFlag{names: names, hint: hint}
	switch {
	case choiceHint.MatchString(hint):
		f.choices = strings.Split(strings.Trim(hint, "{}"), ",")
	case listHint.MatchString(hint):
		f.choices = strings.Split(hint, ",")
	}
	f.describe(description)
	for _, name := range names {
		h.known[name] = len(h.flags)
	}
	h.flags = append(h.flags, f)
}

// Hints that list every value: one of them, or several with commas between.
var (
	choiceHint = regexp.MustCompile(`^\{[a-z0-9-]+(,[a-z0-9-]+)+\}$`)
	listHint   = regexp.MustCompile(`^[a-z][a-z0-9-]+(,[a-z][a-z0-9-]+)+$`)
)

// describe reads one line of what a flag does.
func (f *helpFlag) describe(line string) {
	_, instead, removed := strings.Cut(line, "the argument has been removed.")
	list, listed := strings.CutPrefix(line, "allowed values: ")
	switch {
	case removed:
		f.removed, f.instead = true, strings.TrimSpace(instead)
	case f.removed && line != "" && !strings.HasPrefix(line, "(env:"):
		f.instead = strings.TrimSpace(f.instead + " " + line)
	case listed:
		f.choices, f.open = splitList(list)
	case f.open:
		more, open := splitList(line)
		f.choices, f.open = append(f.choices, more...), open
	}
}

// splitList splits a line of a list, and reports whether the list goes on.
func splitList(line string) (items []string, open bool) {
	list, open := strings.CutSuffix(line, ",")
	return strings.Split(list, ", "), open
}

// values returns how many values the flag takes. A build of llama-server leaves
// no choice: a hint is one value, also in brackets.
func (f *helpFlag) values() int {
	switch f.hint {
	case "":
		return 0
	case "START END":
		return 2
	}
	return 1
}

// Has reports whether the build takes a flag of that name.
func (h *Help) Has(name string) bool {
	f := h.find(name)
	return f != nil && !f.removed
}

// Names returns every spelling of every flag that the build takes, in the order
// of the help. The slice is the caller's.
func (h *Help) Names() []string {
	var names []string
	for _, f := range h.flags {
		for _, name := range f.names {
			if h.Has(name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (h *Help) find(name string) *helpFlag {
	i, ok := h.known[name]
	if !ok && isLong(name) {
		i, ok = h.known[hyphens(name)]
	}
	if !ok {
		return nil
	}
	return &h.flags[i]
}

// A Refusal is why a build would not take a flag.
type Refusal struct {
	Kind RefusalKind
	// Reason is to be read after the flag: "is not a flag of it".
	Reason string
	// Instead is what to use instead, "" where that is not known.
	Instead string
}

// A RefusalKind is a kind of [Refusal].
type RefusalKind string

// The kinds of refusals.
const (
	RefusedUnknown RefusalKind = "unknown" // the build has no such flag
	RefusedRemoved RefusalKind = "removed" // the build knows it only to say that it is gone
	RefusedForm    RefusalKind = "form"    // it takes a value and has none, or the other way round
	RefusedValue   RefusalKind = "value"   // it takes other values
)

// Refuses returns why the build would not take f, nil when it would as far as
// the help tells. A word that belongs to no flag is refused by every build.
func (h *Help) Refuses(f Flag) *Refusal {
	known := h.find(f.Name)
	switch {
	case f.Name == "":
		return &Refusal{RefusedUnknown, "belongs to no flag", ""}
	case known == nil:
		return &Refusal{RefusedUnknown, "is not a flag that it has", h.successor(f.Name)}
	case known.removed:
		return &Refusal{RefusedRemoved, "was removed from it", known.instead}
	case known.values() != len(f.Values):
		return &Refusal{RefusedForm, fmt.Sprintf("takes %s in it, and has %s", counted(known.values()), counted(len(f.Values))), ""}
	case known.choices == nil:
		return nil
	}
	given := f.Values
	if listHint.MatchString(known.hint) {
		given = strings.Split(given[0], ",")
	}
	for _, v := range given {
		if !slices.Contains(known.choices, v) {
			return &Refusal{RefusedValue, fmt.Sprintf("does not take %q in it", v), "one of " + strings.Join(known.choices, ", ")}
		}
	}
	return nil
}

// loadModes are older flags and the value of --load-mode that does the same.
var loadModes = map[string]string{
	"--mmap": "mmap", "--no-mmap": "none", "--mlock": "mlock", "-dio": "dio", "--direct-io": "dio",
	"-ndio": "auto", "--no-direct-io": "auto",
}

// successor returns what a build has in the place of an older flag, or "".
func (h *Help) successor(name string) string {
	mode, ok := loadModes[hyphens(name)]
	if !ok || !h.Has("--load-mode") {
		return ""
	}
	return "--load-mode " + mode
}

func counted(values int) string {
	return [...]string{"no value", "one value", "two values"}[min(values, 2)]
}
