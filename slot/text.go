package slot

import (
	"reflect"

	"github.com/hal0ai/hal0-go/internal/edit"
)

// Text returns the slot file of a new slot: every field that is set, as a key at
// top level or of a table, in the order of [Slot]. What is left to a default is
// left out, and so are the old keys Backend and Runtime.
func (s Slot) Text() ([]byte, error) {
	var ops []edit.Op
	for _, k := range slotKeys() {
		v := reflect.ValueOf(s).FieldByIndex(k.field)
		if v.IsZero() {
			continue
		}
		at := k.path
		if len(at) > 1 && at[0] == "image" && s.Image != "" { // the key is taken
			at = append([]string{"slot"}, at...)
		}
		ops = append(ops, edit.Set(reflect.Indirect(v).Interface(), at...))
	}
	return edit.TOML(nil, ops...)
}
