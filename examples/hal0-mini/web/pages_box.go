package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go"
)

// A boxView is the page of the box itself.
type boxView struct {
	Hardware
	Devices []hal0.DeviceInfo
	Pool    pool
}

// A pool is the GPU's memory as a picture: a bar on which the slots that are
// enabled stand one after the other. Lengths are in bytes.
type pool struct {
	Name  string
	Size  int64 // 0 where it is not known
	Taken int64
	Slots []share
	Parts []part
}

// A share is what one slot takes of the pool.
type share struct {
	hal0.SlotMemory
	Hue int // its colour, from 1; 0 when it is not in the picture
}

// A part is one rectangle of the picture, in thousandths of its width.
type part struct {
	Slot  string
	Kind  string // "weights", "context" or "compute"
	Hue   int
	Bytes int64
	X, W  float64
}

// hues is how many colours there are for slots.
const hues = 6

func boxPage(v *view, _ *http.Request) page {
	return page{status: http.StatusOK, template: "box", title: "Box", section: "/box", content: func() any {
		hardware := v.hardware()
		return boxView{Hardware: hardware, Devices: v.devices, Pool: poolOf(hardware.Memory)}
	}}
}

func poolOf(use hal0.MemoryUse) pool {
	p := pool{Name: use.Pool.Pool, Size: use.Pool.Bytes}
	for _, s := range use.Slots {
		one := share{SlotMemory: s}
		if s.Enabled && s.Estimate != nil {
			one.Hue = len(p.Slots)%hues + 1
			p.Taken += s.Estimate.Total()
		}
		p.Slots = append(p.Slots, one)
	}
	p.draw()
	return p
}

// draw places the parts of slots on the bar.
func (p *pool) draw() {
	whole := float64(max(p.Size, p.Taken))
	x := 0.0
	for _, s := range p.Slots {
		if s.Hue == 0 {
			continue
		}
		for _, one := range s.parts() {
			if one.Bytes > 0 {
				one.Slot, one.Hue, one.X, one.W = s.Slot, s.Hue, x, 1000*float64(one.Bytes)/whole
				p.Parts, x = append(p.Parts, one), x+one.W
			}
		}
	}
}

// Kinds are what the parts of a slot are for.
func (p pool) Kinds() []string { return []string{"weights", "context", "compute"} }

// Shaded reports whether there are parts of more than one kind.
func (p pool) Shaded() bool {
	return slices.ContainsFunc(p.Parts, func(one part) bool { return one.Kind != p.Parts[0].Kind })
}

// Over is by how much the slots are more than the pool has; 0 when they fit, or
// when that is not known.
func (p pool) Over() int64 {
	if p.Size == 0 {
		return 0
	}
	return max(0, p.Taken-p.Size)
}

// Free is what they leave of it.
func (p pool) Free() int64 { return max(0, p.Size-p.Taken) }

// Edge is where the pool ends on the bar, in thousandths.
func (p pool) Edge() float64 {
	if p.Over() == 0 {
		return 1000
	}
	return 1000 * float64(p.Size) / float64(p.Taken)
}

// OverWidth is how wide the part beyond that edge is.
func (p pool) OverWidth() float64 { return 1000 - p.Edge() }

// Percent is how much of the pool a number of bytes is.
func (p pool) Percent(n int64) float64 {
	if p.Size == 0 {
		return 0
	}
	return 100 * float64(n) / float64(p.Size)
}

// Note is what to know of the numbers.
func (s share) Note() string {
	var notes []string
	if !s.Enabled {
		notes = append(notes, "Disabled: not counted.")
	}
	switch {
	case s.Estimate == nil:
		notes = append(notes, "Takes memory as it is asked: not counted.")
	case s.WeightsOnly:
		notes = append(notes, "Weights only: its files can’t be read here.")
	case s.Estimate.AtMost:
		notes = append(notes, "The context may take less.")
	}
	return strings.Join(notes, " ")
}

// Weights are the sizes of its files.
func (s share) Weights() int64 { return s.Estimate.Weights + s.Estimate.Projector }

// Context is what it keeps of its context.
func (s share) Context() int64 { return s.Estimate.KV + s.Estimate.State + s.Estimate.Draft }

// parts are what it takes, by what for; each may be 0.
func (s share) parts() []part {
	return []part{{Kind: "weights", Bytes: s.Weights()}, {Kind: "context", Bytes: s.Context()}, {Kind: "compute", Bytes: s.Estimate.Compute}}
}
