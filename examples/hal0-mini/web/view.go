package web

import (
	"encoding/json"
	"maps"
	"reflect"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// A view is a box as it was at one time: what its files say, and the states of its
// slots. It is never changed; the JSON and the pages are made of the same values.
type view struct {
	*files
	states  map[string]hal0.Status // by slot
	unknown error                  // why there are no states
}

// files is what the files of a box say. It stays from one view to the next while
// only states change.
type files struct {
	box         *hal0.Box
	profiles    []Profile
	profilesErr error // the problems of profiles.toml: then there are no profiles to speak of
	resolutions []hal0.Resolution
	report      hal0.Report
}

// A Profile is one of the profiles that a box serves.
type Profile struct {
	hal0.ProfileUse
	// ResolvedFlags are the flags as they are launched: with the bundle of
	// multi-token prediction, if it is on.
	ResolvedFlags string              `json:"resolved_flags"`
	Family        provider.Name       `json:"runtime_family"`
	SlotTypes     []provider.SlotType `json:"supported_slot_types"`
	// Pin is how the image is pinned.
	Pin slot.Image `json:"image_pin"`
}

// A Slot is a slot with everything that is known of it.
type Slot struct {
	Name string `json:"slot"`
	// Config is what its file says, nil if that has problems.
	Config *slot.Slot `json:"config"`
	// Plan is how it would be launched, nil if it can't be.
	Plan *slot.Plan `json:"plan"`
	// Errors are why it can't.
	Errors hal0.ValidationErrors `json:"errors"`
	// Status is what it does, nil if that is not known.
	Status *hal0.Status `json:"status"`
}

func newView(box *hal0.Box) *view {
	return &view{files: readFiles(box), states: map[string]hal0.Status{}, unknown: hal0.ErrNoRuntime}
}

func readFiles(box *hal0.Box) *files {
	return &files{box: box, resolutions: box.ResolveAll(), report: box.Check()}
}

// withBox is the view with other files.
func (v *view) withBox(box *hal0.Box) *view {
	next := *v
	next.files = readFiles(box)
	return &next
}

// withoutStates is the view when states are not known.
func (v *view) withoutStates(err error) *view {
	next := *v
	next.states, next.unknown = map[string]hal0.Status{}, err
	return &next
}

// withStates is the view with the states of some slots, and those that differ from
// what they were.
func (v *view) withStates(statuses []hal0.Status) (next *view, changed []hal0.Status) {
	next = &view{files: v.files, states: maps.Clone(v.states)}
	for _, s := range statuses {
		if known, ok := v.states[s.Slot]; !ok || !reflect.DeepEqual(known, s) {
			changed = append(changed, s)
		}
		next.states[s.Slot] = s
	}
	return next, changed
}

// A failure is the JSON of every answer that is none.
type failure struct {
	// Code is stable, such as "not_found"; Message is for people.
	Code    string `json:"code"`
	Message string `json:"message"`
	// Details are more about it; the problems of a file, for one.
	Details json.RawMessage `json:"details,omitempty"`
}
