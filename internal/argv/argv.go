// Package argv reads and merges command lines: it splits a flags string into
// words, reads words as the flags of a program whose [Grammar] is known, and
// collapses flags that repeat to the last one, telling where each flag comes
// from and what replaced those that are gone.
//
// Everything here is pure and safe for concurrent use.
package argv

import (
	"encoding/json"
	"slices"
	"strings"
)

// A Source tells where a flag comes from.
type Source string

// The sources, in order of precedence: a later one wins.
const (
	Base    Source = "base"    // the launch that every slot has
	Profile Source = "profile" // the profile's flags
	MTP     Source = "mtp"     // the multi-token-prediction bundle
	Model   Source = "model"   // the model's registry entry
	Type    Source = "type"    // the slot's type
	Slot    Source = "slot"    // the slot file
)

// Sources returns the sources in order of precedence. The slice is the
// caller's.
func Sources() []Source {
	return []Source{Base, Profile, MTP, Model, Type, Slot}
}

// A Flag is one flag of a command line. As JSON it is
// {"flag":"-b","value":"1024","source":"slot"}: "value" is left out when there
// is none, and of several it holds all, joined by a space, with the list under
// "values". Reading that JSON gives back the same flag.
type Flag struct {
	Name   string   // as written; "" for a word that belongs to no flag
	Values []string // nil for none; shared with the words that were parsed
	Source Source
}

// Value returns the values joined by a space, "" for none. Of a word that
// belongs to no flag it is the word.
func (f Flag) Value() string { return strings.Join(f.Values, " ") }

// AppendTo appends the flag's words to argv.
func (f Flag) AppendTo(argv []string) []string {
	if f.Name != "" {
		argv = append(argv, f.Name)
	}
	return append(argv, f.Values...)
}

// Argv returns the words of flags, in order.
func Argv(flags []Flag) []string {
	argv := make([]string, 0, 2*len(flags)+1)
	for _, f := range flags {
		argv = f.AppendTo(argv)
	}
	return argv
}

// Has reports whether one of flags sets what the flag name sets, in whichever
// spelling, negations included.
func Has(flags []Flag, g *Grammar, name string) bool {
	key := g.Key(name)
	return slices.ContainsFunc(flags, func(f Flag) bool {
		return f.Name != "" && g.Key(f.Name) == key
	})
}

// A Dropped is a flag that another one replaced. As JSON it is the flag with
// "by".
type Dropped struct {
	Flag
	By Source // of the flag that replaced it
}

// wire is the JSON of a Flag and of a Dropped.
type wire struct {
	Flag   string   `json:"flag"`
	Value  *string  `json:"value,omitempty"`
	Values []string `json:"values,omitempty"`
	Source Source   `json:"source"`
	By     Source   `json:"by,omitempty"`
}

func (f Flag) wire() wire {
	w := wire{Flag: f.Name, Source: f.Source}
	if len(f.Values) > 0 {
		w.Value = new(f.Value())
	}
	if len(f.Values) > 1 {
		w.Values = f.Values
	}
	return w
}

func (w wire) flag() Flag {
	f := Flag{Name: w.Flag, Values: w.Values, Source: w.Source}
	if w.Values == nil && w.Value != nil {
		f.Values = []string{*w.Value}
	}
	return f
}

// MarshalJSON implements [json.Marshaler].
func (f Flag) MarshalJSON() ([]byte, error) { return json.Marshal(f.wire()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Flag) UnmarshalJSON(data []byte) error {
	var w wire
	err := json.Unmarshal(data, &w)
	if err == nil {
		*f = w.flag()
	}
	return err
}

// MarshalJSON implements [json.Marshaler].
func (d Dropped) MarshalJSON() ([]byte, error) {
	w := d.wire()
	w.By = d.By
	return json.Marshal(w)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Dropped) UnmarshalJSON(data []byte) error {
	var w wire
	err := json.Unmarshal(data, &w)
	if err == nil {
		*d = Dropped{Flag: w.flag(), By: w.By}
	}
	return err
}
