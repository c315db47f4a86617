package hal0

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/internal/file"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// A Record is the last step of a slot's life as it is kept on the disk, for
// dashboards and other programs: one JSON file for each slot, [Home.Record].
//
// It tells what [Box.Up] and [Box.Down] did last, not what is now: a server that
// ended since has not written it. [Box.Status] looks.
type Record struct {
	// Slot is the slot's name, "name" in the file.
	Slot  string
	State State
	// Model is the name to use in requests, "" when the image brings its own;
	// "model_id" in the file, and null there when it is "".
	Model string
	// Port is the one that the slot is published on; 0 when that is not known.
	Port int
	// Updated is when the state was entered; in the file "updated_at", in seconds
	// since 1970 with up to six decimals.
	Updated time.Time
	// Message says the step to a person.
	Message string
	// Launch is what the container was started from, "extra" in the file. It is
	// zero as long as there is no container.
	Launch Launch
}

// A Launch is what a container was started from.
type Launch struct {
	// Container is the container's id.
	Container string `json:"container,omitempty"`
	// Plan is the hash of the plan.
	Plan string `json:"plan,omitempty"`
	// Spec is the plan's container, secrets replaced: see [slot.Redact].
	Spec *runtime.Spec `json:"spec,omitempty"`
}

// recordFile is the form of the file.
type recordFile struct {
	Name    string  `json:"name" koanf:"name" validate:"required"`
	State   string  `json:"state" koanf:"state" validate:"required"`
	Model   *string `json:"model_id" koanf:"model_id"`
	Port    int     `json:"port" koanf:"port" validate:"min=0,max=65535"`
	Updated float64 `json:"updated_at" koanf:"updated_at" validate:"min=0"`
	Message string  `json:"message" koanf:"message" conf:"multiline"`
	Extra   Launch  `json:"extra" validate:"-"`
}

// Record returns the path of a slot's state record.
func (h Home) Record(slot string) string { return filepath.Join(h.recordDir(slot), "state.json") }

// recordDir is the directory of a slot's state, whose lock keeps other programs
// from the slot.
func (h Home) recordDir(slot string) string { return filepath.Join(h.State, "slots", slot) }

// ParseRecord reads a state record; name is what errors call the file. Keys that
// are not known are ignored: other programs write more. The error holds every
// problem of the file, with its position.
func ParseRecord(name string, data []byte) (Record, error) {
	doc, err := conf.ParseJSON(name, data)
	if err != nil {
		return Record{}, err
	}
	var f recordFile
	problems := conf.Problems(doc.Decode(&f, conf.Ignore))
	state, err := ParseState(f.State)
	if err != nil && f.State != "" {
		problems = append(problems, doc.Problem(conf.ErrValue, err.Error(), "state"))
	}
	var rest struct {
		Extra Launch `json:"extra"`
	}
	if err := json.Unmarshal(data, &rest); err != nil {
		problems = append(problems, doc.Problem(conf.ErrType, "does not say what the container was started from: want container and plan as strings and spec as an object", "extra"))
	}
	problems.Sort()
	if err := problems.Err(); err != nil {
		return Record{}, err
	}
	r := Record{Slot: f.Name, State: state, Port: f.Port, Updated: fromEpoch(f.Updated), Message: f.Message, Launch: rest.Extra}
	if f.Model != nil {
		r.Model = *f.Model
	}
	return r, nil
}

// Encode returns r as the text of a state record, which [ParseRecord] reads back.
// Equal values give equal bytes.
func (r Record) Encode() ([]byte, error) {
	f := recordFile{Name: r.Slot, State: string(r.State), Port: r.Port, Updated: toEpoch(r.Updated), Message: r.Message, Extra: r.Launch}
	if r.Model != "" {
		f.Model = &r.Model
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the state record of slot %s: %w", r.Slot, err)
	}
	return append(data, '\n'), nil
}

// toEpoch returns seconds since 1970, to the microsecond: a float64 holds no
// more.
func toEpoch(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMicro()) / 1e6
}

func fromEpoch(seconds float64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}

// maxRecord is the most bytes of a record.
const maxRecord = 1 << 20

// Record returns the last step of a slot's life that was written down, or
// [fs.ErrNotExist] where there is none. It can be read while the slot comes up.
func (b *Box) Record(name string) (Record, error) {
	if err := b.known(name); err != nil {
		return Record{}, err
	}
	path := b.home.Record(name)
	data, err := b.read(path, maxRecord)
	if err != nil {
		return Record{}, err
	}
	return ParseRecord(path, data)
}

// keepsRecords reports whether the box writes what becomes of its slots: one in
// memory does not.
func (b *Box) keepsRecords() bool { return b.opts.files == nil }

// A hold is a slot held against other programs, with its record.
type hold struct {
	tree *file.Tree // nil: nothing is kept
	path string
}

// hold waits until no other program works on the slot, or until ctx ends, which
// is [ErrLocked]. Where the state directory can't be written it holds nothing,
// and the error says why; the slot can be worked on nevertheless.
func (b *Box) hold(ctx context.Context, name string) (hold, error) {
	if !b.keepsRecords() {
		return hold{}, nil
	}
	dir := b.home.recordDir(name)
	if err := file.MakeDir(dir); err != nil {
		return hold{}, fmt.Errorf("%s: can't be made: %w", dir, err)
	}
	tree, err := file.Lock(ctx, dir)
	if err != nil {
		return hold{}, err
	}
	return hold{tree, b.home.Record(name)}, nil
}

// held reports whether a program works on the slot at this moment: what the record
// says is going on would be an old story otherwise.
func (b *Box) held(name string) bool {
	return b.keepsRecords() && file.Locked(b.home.recordDir(name))
}

func (h hold) release() {
	if h.tree != nil {
		h.tree.Unlock()
	}
}

// write replaces the record.
func (h hold) write(r Record) error {
	if h.tree == nil {
		return nil
	}
	text, err := r.Encode()
	if err != nil {
		return err
	}
	return h.tree.Update(h.path, maxRecord, func([]byte) ([]byte, error) { return text, nil })
}

// forget removes the record.
func (h hold) forget() error {
	if h.tree == nil {
		return nil
	}
	return h.tree.Update(h.path, maxRecord, func([]byte) ([]byte, error) { return nil, nil })
}

// recorded returns the slot's record if there is one that can be read.
func (b *Box) recorded(name string) (Record, bool) {
	r, err := b.Record(name)
	return r, err == nil && r.Slot == name
}

// toldToEnd reports whether the slot's record says that somebody takes this container
// down: it has not crashed then.
func (b *Box) toldToEnd(name string, c *runtime.Container) bool {
	r, ok := b.recorded(name)
	return ok && r.State == StateUnloading && r.Launch.Container == c.ID
}

// launchOf returns what a container of ours was started from, if the slot's record
// tells.
func (b *Box) launchOf(c *runtime.Container) *runtime.Spec {
	r, ok := b.recorded(c.Labels[runtime.LabelSlot])
	if !ok || r.Launch.Plan == "" || r.Launch.Plan != c.Labels[runtime.LabelPlan] {
		return nil
	}
	return r.Launch.Spec
}

// launch is what a plan's container is written down as.
func launch(c *runtime.Container, plan *slot.Plan) Launch {
	spec := slot.Redact(plan.Spec)
	return Launch{Container: c.ID, Plan: plan.Hash, Spec: &spec}
}
