package slot

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
)

// A Tenant is a slot that runs, or wants to, with what it takes of the memory that
// slots on the GPU share.
type Tenant struct {
	Slot   string            `json:"slot"`
	Device device.Device     `json:"device"`
	Type   provider.SlotType `json:"type"`
	// Bytes is what it takes, such as [Estimate.Total]; 0 when that is not known.
	Bytes int64 `json:"bytes"`
}

// A Decision says what has to happen before a slot may come up.
type Decision struct {
	Wanted string `json:"wanted"`
	// Stop are the slots to stop first, in this order; empty when there is room.
	Stop []Eviction `json:"stop"`
}

// An Eviction is a slot that has to stop.
type Eviction struct {
	Slot   string `json:"slot"`
	Reason Reason `json:"reason"`
	// Message is the reason for people.
	Message string `json:"message"`
	// Returns tells that the slot is to come up again once the wanted one is down.
	Returns bool `json:"returns"`
}

// A Reason is why a slot has to stop.
type Reason string

// The reasons.
const (
	ReasonImage  Reason = "image"  // image generation and other slots exclude each other on the GPU
	ReasonMemory Reason = "memory" // the pool is not large enough for both
)

// Arbitrate decides which of the running slots have to stop before wanted may come
// up, as they share one GPU and its memory. It is pure, and the same whatever the
// order of running.
//
//  1. Slots that are not on a GPU are not concerned: they stop nobody, and nobody
//     stops them. Neither does a slot stop itself: a wanted slot that runs is
//     replaced.
//  2. An image slot excludes every other slot on the GPU: it takes memory as images
//     are asked for, how much nobody can tell beforehand. When one is wanted, the
//     others stop and come back once it is down; another image slot stops too, and
//     does not come back, as one takes the place of the other.
//  3. When another slot on the GPU is wanted, a running image slot stops. It does not
//     come back: image slots come up when images are asked for.
//  4. Slots other than image slots are up side by side as long as what they are known
//     to take fits into the pool. Otherwise the fewest stop that make room, and of
//     those that make room the smallest. They do not come back, as nothing ends the
//     wanted slot. A slot that would not fit into the empty pool stops nobody: there
//     is no room to make, and [CheckMemory] says so. Neither pool nor slots whose
//     size is not known are counted.
func Arbitrate(wanted Tenant, running []Tenant, pool Memory) Decision {
	d := Decision{Wanted: wanted.Slot, Stop: []Eviction{}}
	if !wanted.Device.IsGPU() {
		return d
	}
	others := slices.DeleteFunc(slices.Clone(running), func(t Tenant) bool { return !t.Device.IsGPU() || t.Slot == wanted.Slot })
	slices.SortFunc(others, func(a, b Tenant) int { return strings.Compare(a.Slot, b.Slot) })
	var staying []Tenant
	for _, t := range others {
		if wanted.Type != provider.Image && t.Type != provider.Image {
			staying = append(staying, t)
			continue
		}
		d.Stop = append(d.Stop, Eviction{
			Slot: t.Slot, Reason: ReasonImage, Returns: t.Type != provider.Image,
			Message: fmt.Sprintf("slot %s (%s on %s) and slot %s (%s) share the GPU, and an image slot takes it alone", t.Slot, t.Type, t.Device, wanted.Slot, wanted.Type),
		})
	}
	d.Stop = append(d.Stop, crowded(wanted, staying, pool)...)
	return d
}

// Seat returns steps without those starts for which a slot on the GPU would have to
// stop: they become [Leave], with that reason. What runs, or replaces what runs, keeps
// its place. Of what is to start, image slots come last, and otherwise what comes
// first in steps: a box with an image slot and others starts the others. tenants are
// the slots with a plan, by name. Seat is pure.
func Seat(steps []Step, tenants map[string]Tenant, pool Memory) []Step {
	seated := slices.Clone(steps)
	var taken []Tenant
	var starts []*Step
	for i := range seated {
		s := &seated[i]
		t, ok := tenants[s.Slot]
		switch {
		case ok && (s.Action == Adopt || s.Action == Replace):
			taken = append(taken, t)
		case ok && s.Action == Start:
			starts = append(starts, s)
		}
	}
	slices.SortStableFunc(starts, func(a, b *Step) int { return last(tenants[a.Slot]) - last(tenants[b.Slot]) })
	for _, s := range starts {
		t := tenants[s.Slot]
		if d := Arbitrate(t, taken, pool); len(d.Stop) > 0 {
			s.Action, s.Reason = Leave, "there is no room for it on the GPU: "+d.Stop[0].Message
			continue
		}
		taken = append(taken, t)
	}
	return seated
}

// last is 1 for a slot that comes up after the others.
func last(t Tenant) int {
	if t.Type == provider.Image {
		return 1
	}
	return 0
}

// crowded returns those of the others that have to stop for the pool to have room
// for wanted.
func crowded(wanted Tenant, others []Tenant, pool Memory) []Eviction {
	taken := int64(0)
	for _, t := range others {
		taken += t.Bytes
	}
	short := taken + wanted.Bytes - pool.Bytes
	if pool.Bytes == 0 || wanted.Bytes == 0 || wanted.Bytes > pool.Bytes || short <= 0 {
		return nil
	}
	var stop []Eviction
	for _, t := range fewest(others, short) {
		stop = append(stop, Eviction{
			Slot: t.Slot, Reason: ReasonMemory,
			Message: fmt.Sprintf("slot %s takes %s, and slot %s needs %s where %s of %s are left (%s)",
				t.Slot, Bytes(t.Bytes), wanted.Slot, Bytes(wanted.Bytes), Bytes(max(0, pool.Bytes-taken)), Bytes(pool.Bytes), pool.Pool),
		})
	}
	return stop
}

// fewest returns the fewest tenants that take need together: the largest, until
// one is left to choose, and then the smallest that is enough.
func fewest(tenants []Tenant, need int64) []Tenant {
	bySize := slices.SortedStableFunc(slices.Values(tenants), func(a, b Tenant) int { return cmp.Compare(a.Bytes, b.Bytes) })
	var chosen []Tenant
	for need > 0 && len(bySize) > 0 {
		i := slices.IndexFunc(bySize, func(t Tenant) bool { return t.Bytes >= need })
		if i < 0 {
			i = len(bySize) - 1
		}
		chosen = append(chosen, bySize[i])
		need -= bySize[i].Bytes
		bySize = slices.Delete(bySize, i, i+1)
	}
	return chosen
}
