package argv

import "slices"

// Collapse keeps, of the flags that share a [Grammar.Key], the last one, which
// is what the program itself heeds, and returns the others with the source of
// the flag that came next. Flags that add up, and words that belong to no
// flag, are all kept.
//
// Both results are in the order of flags, so that a flag that wins stands where
// it was written. kept takes over the memory of flags; dropped is nil if nothing
// was dropped. Collapsing what was kept changes nothing.
func (g *Grammar) Collapse(flags []Flag) (kept []Flag, dropped []Dropped) {
	if g.known == nil {
		return slices.Clip(flags), nil
	}
	var later occurrences
	var room [64]bool // enough for most command lines, and on the stack
	gone := append(room[:0], make([]bool, len(flags))...)
	for i, f := range slices.Backward(flags) {
		next := later.put(g, f.Name, i)
		if next < 0 {
			continue
		}
		if dropped == nil {
			dropped = make([]Dropped, 0, 8)
		}
		dropped = append(dropped, Dropped{Flag: f, By: flags[next].Source})
		gone[i] = true
	}
	slices.Reverse(dropped)
	return without(flags, gone), dropped
}

// without takes the flags out of the slice that are gone.
func without(flags []Flag, gone []bool) []Flag {
	n := slices.Index(gone, true)
	if n < 0 {
		return slices.Clip(flags)
	}
	for i := n; i < len(flags); i++ {
		if !gone[i] {
			flags[n] = flags[i]
			n++
		}
	}
	clear(flags[n:])
	return flags[:n:n]
}

// occurrences remember where each flag was last put. Known flags have a place
// of their own; a map is made only for others.
type occurrences struct {
	known   [len(llamaServerFlags)]int32 // 1 + index, 0 for none
	unknown map[string]int               // index, by key
}

// put notes that a flag stands at index i, and returns where it was put
// before; -1 for nowhere, or if it repeats rightly.
func (o *occurrences) put(g *Grammar, name string, i int) int {
	if name == "" {
		return -1
	}
	if e := g.lookup(name); e != nil {
		if e.adds {
			return -1
		}
		return o.putKnown(e.id, i)
	}
	return o.putUnknown(g, name, i)
}

func (o *occurrences) putKnown(id, i int) int {
	before := int(o.known[id]) - 1
	o.known[id] = int32(i + 1) //nolint:gosec // a command line has at most a megabyte
	return before
}

// putUnknown is for the flags of other builds, some of which negate a flag
// that is known.
func (o *occurrences) putUnknown(g *Grammar, name string, i int) int {
	key := g.Key(name)
	if e := g.known[key]; e != nil {
		return o.putKnown(e.id, i)
	}
	before, found := o.unknown[key]
	if !found {
		before = -1
	}
	if o.unknown == nil {
		o.unknown = make(map[string]int)
	}
	o.unknown[key] = i
	return before
}
