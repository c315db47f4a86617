package hal0

import (
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/slot"
)

// A MemoryUse is the memory that the slots on the GPU share, and what each takes of
// it while it is up.
type MemoryUse struct {
	// Pool is the memory; its Bytes are 0 where that is not known.
	Pool slot.Memory `json:"pool"`
	// Slots are those whose device is a GPU and that have a plan, sorted by name;
	// disabled ones are among them.
	Slots []SlotMemory `json:"slots"`
}

// A SlotMemory is what one slot takes of the GPU's memory.
type SlotMemory struct {
	Slot    string `json:"slot"`
	Enabled bool   `json:"enabled"`
	// Estimate is nil when nothing is known: a server that is no llama-server takes
	// memory as it is asked.
	Estimate *slot.Estimate `json:"estimate"`
	// WeightsOnly tells that the model's files can't be read here: Estimate then
	// has their size as the registry gives it, and no other part.
	WeightsOnly bool `json:"weights_only"`
}

// Memory estimates what the slots on the GPU take of its memory. It blocks on
// reading the metadata of their models, and asks no runtime; what does not
// resolve or can't be read is left out, and is [Box.Doctor]'s to tell. It may be
// called concurrently.
func (b *Box) Memory(opts ...CallOption) MemoryUse {
	c := b.call(opts)
	use := MemoryUse{Pool: b.pool(), Slots: []SlotMemory{}}
	for _, name := range b.Names() {
		plan, err := b.resolve(name, &c)
		if err != nil || !plan.Device.IsGPU() {
			continue
		}
		s := SlotMemory{Slot: name, Enabled: true}
		if e, err := b.entry(name); err == nil {
			s.Enabled = e.file.Slot.IsEnabled()
		}
		s.Estimate, s.WeightsOnly = b.estimate(&plan)
		use.Slots = append(use.Slots, s)
	}
	return use
}

// estimate is what a slot's server takes, and whether that is its weights only;
// nil when nothing is known.
func (b *Box) estimate(plan *slot.Plan) (e *slot.Estimate, weightsOnly bool) {
	if facts, err := b.modelFacts(plan); err == nil && facts != nil {
		whole := slot.EstimateMemory(plan, facts)
		return &whole, false
	}
	if m, ok, err := b.registry.Get(plan.Model); ok && err == nil && m.SizeBytes > 0 {
		return &slot.Estimate{Weights: m.SizeBytes, Context: plan.ContextSize}, true
	}
	return nil, false
}

// pool is the memory that slots on the GPU share; zero where it is not known, and
// then it is not counted.
func (b *Box) pool() slot.Memory {
	hardware, _ := b.Hardware()
	return slot.MemoryOf(hardware, device.GPUVulkan)
}
