package manifest

import "github.com/hal0ai/hal0-go/internal/enum"

// A Verdict is what a check says of one image. The zero value is not a verdict.
type Verdict string

// The verdicts.
const (
	Match         Verdict = "match"          // what is there is what is pinned
	Drift         Verdict = "drift"          // the registry serves something else than the pin, or nothing
	Stale         Verdict = "stale"          // the local image is not the pin
	Absent        Verdict = "absent"         // there is no local image
	Unpublished   Verdict = "unpublished"    // nothing is pinned: the tag decides
	Unreachable   Verdict = "unreachable"    // the registry could not be asked
	WrongPlatform Verdict = "wrong-platform" // the image is made for another platform
)

var verdicts = []Verdict{Match, Drift, Stale, Absent, Unpublished, Unreachable, WrongPlatform}

// Verdicts returns every verdict. The slice is the caller's.
func Verdicts() []Verdict { return append([]Verdict(nil), verdicts...) }

// ParseVerdict returns the verdict written s. The error lists the verdicts.
func ParseVerdict(s string) (Verdict, error) { return enum.Parse("verdict", verdicts, s) }

// Launchable reports whether the local image may be started: what the registry
// says is no reason against it.
func (v Verdict) Launchable() bool {
	switch v {
	case Match, Drift, Unpublished, Unreachable:
		return true
	case Stale, Absent, WrongPlatform:
	}
	return false
}

// UnmarshalText sets v to the verdict written text.
func (v *Verdict) UnmarshalText(text []byte) error { return enum.Set(v, ParseVerdict, text) }
