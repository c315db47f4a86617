package slot

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/enum"
	"github.com/hal0ai/hal0-go/profile"
)

// A Finding is one thing that was found of a slot before anything is started:
// what is wrong with it, or what is good to know. It is plain data and prints as
// JSON.
type Finding struct {
	// Slot is the slot's name, "" for what is of the whole box.
	Slot     string   `json:"slot"`
	Severity Severity `json:"severity"`
	// Code is stable, such as "flags.unknown"; Message is for people.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Fix is what to do, "" where there is nothing to do.
	Fix string `json:"fix,omitempty"`
	// File, Line, Column and Path are the key to change; zero where there is none,
	// or none that stands in a file.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"`
	// Estimate is set by what is about memory.
	Estimate *Estimate `json:"estimate,omitempty"`
	// Err is the cause or the sentinel that an error for it matches with
	// [errors.Is], or nil.
	Err error `json:"-"`

	keys []string // the path in segments
}

// A Severity is how much a [Finding] matters. The zero value is none.
type Severity string

// The severities, the worst first.
const (
	SeverityError   Severity = "error"   // the slot would not start, or not serve
	SeverityWarning Severity = "warning" // it may not, or not as meant
	SeverityInfo    Severity = "info"    // nothing is wrong
)

var severities = []Severity{SeverityError, SeverityWarning, SeverityInfo}

// Severities returns every severity, the worst first. The slice is the
// caller's.
func Severities() []Severity { return slices.Clone(severities) }

// ParseSeverity returns the severity written s. The error lists them.
func ParseSeverity(s string) (Severity, error) { return enum.Parse("severity", severities, s) }

// Valid reports whether s is one of the severities.
func (s Severity) Valid() bool { return slices.Contains(severities, s) }

// MarshalText implements [encoding.TextMarshaler]. A value that is not a
// severity is an error.
func (s Severity) MarshalText() ([]byte, error) {
	v, err := ParseSeverity(string(s))
	return []byte(v), err
}

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseSeverity].
func (s *Severity) UnmarshalText(text []byte) error { return enum.Set(s, ParseSeverity, text) }

// rank is 0 for the worst.
func (s Severity) rank() int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities)
}

// Worst returns the worst severity among findings, "" when there are none.
func Worst(findings []Finding) Severity {
	worst := Severity("")
	for _, f := range findings {
		if f.Severity.rank() < worst.rank() {
			worst = f.Severity
		}
	}
	return worst
}

// SortFindings orders findings by slot, and those of a slot by severity, the
// worst first. Otherwise their order stays.
func SortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Severity.rank(), b.Severity.rank()))
	})
}

// Codes of findings. Warnings of a [Plan] become findings with their own codes.
const (
	FindFile           = "slot.invalid"         // a file of the box has a problem
	FindDisabled       = "slot.disabled"        // enabled = false
	FindFlagUnknown    = "flags.unknown"        // the image's server has no such flag
	FindFlagRemoved    = "flags.removed"        // the flag is gone from it
	FindFlagForm       = "flags.form"           // a value that it does not take, or none where it takes one
	FindFlagValue      = "flags.value"          // another value than it takes
	FindFlagUnchecked  = "flags.unchecked"      // what the image's server accepts is not known
	FindFlags          = "flags.accepted"       // the image's server takes every flag
	FindModelFile      = WarnModelFile          // the model's file can't be read
	FindModelUnchecked = "model.unchecked"      // nobody can look at its files
	FindModelHidden    = "model.not-mounted"    // it is where the container can't see it
	FindModelParts     = "model.parts"          // it is split, and not all parts can be loaded
	FindModelContext   = "model.context"        // the context is larger than the model's own
	FindModelMTP       = "model.no-mtp"         // MTP is on, and the model has no heads for it
	FindCacheType      = "model.cache-type"     // the model or the other flags don't allow the KV type
	FindModel          = "model.readable"       // what the model is
	FindProjector      = "model.projector"      // the vision projector can't be read or seen
	FindMemoryOver     = "memory.too-small"     // it can't fit
	FindMemoryTight    = "memory.tight"         // it may not fit
	FindMemoryTotal    = "memory.together"      // the slots may not fit side by side
	FindMemory         = "memory.fits"          // it fits
	FindMemoryUnknown  = "memory.unknown"       // what the device has is not known
	FindPort           = "port.in-use"          // another process listens there
	FindDevice         = WarnDevice             // the host lacks a device node
	FindDeviceAccess   = "device.access"        // the container's groups may not open a node
	FindImageAbsent    = "image.absent"         // it has to be pulled
	FindImage          = "image.not-launchable" // the local image is not the one to launch
	FindImageReady     = "image.ready"          // it is there, and the one to launch
	FindTemplate       = "template.unreadable"  // the chat template can't be read or seen
	FindTemplateDir    = "template.outside"     // it leads out of the template directory
	FindRuntime        = "runtime.unavailable"  // nobody can be asked about images and containers
	FindMount          = "mount.missing"        // the host has no such directory
	FindSpec           = "container.invalid"    // the container could never be launched
	FindForeign        = "container.foreign"    // a container that hal0 did not start has its name
)

func foundf(severity Severity, code, format string, args ...any) Finding {
	return Finding{Severity: severity, Code: code, Message: fmt.Sprintf(format, args...)}
}

// fix returns f with what to do.
func (f Finding) fix(format string, args ...any) Finding {
	f.Fix = fmt.Sprintf(format, args...)
	return f
}

// At returns f with the key to change, in segments: "model", "default". Its place in
// a file is [File.LocateFinding]'s.
func (f Finding) At(keys ...string) Finding {
	f.keys = keys
	return f
}

// LocateFinding gives a finding of the file's slot that has a key the key's
// position: in the file, or in the one that the slot takes it from. What is
// built in stands in no file that could be changed.
func (f *File) LocateFinding(found Finding, in Inputs) Finding {
	found.Slot = f.Slot.Name
	if len(found.keys) == 0 {
		return found
	}
	key := conf.At(nil, "", found.keys...)
	p := conf.Problems(f.locate(key, in))[0]
	found.Path = p.Path
	if p.File != profile.Seeds().Locate(key).File {
		found.File, found.Line, found.Column = p.File, p.Line, p.Column
	}
	return found
}
