package web

import (
	"cmp"
	"net/http"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// A slotCard is a slot as people see it.
type slotCard struct {
	Slot
	// Facts are what it is, by its plan, else by its file; nil if neither tells.
	Facts *slotFacts
	Pin   pin
	// Replaced are the flags that the command does not have.
	Replaced []replacedFlag
}

// slotFacts are what tells one slot from another; each may not be known.
type slotFacts struct {
	Device   device.Device
	Provider provider.Name
	Profile  string
	Model    string
	Type     provider.SlotType
	Port     int
}

// A replacedFlag is a dropped flag and the one in its place, nil if that can't be
// told.
type replacedFlag struct {
	provider.Dropped
	Winner *provider.Flag
}

func slotsPage(v *view, _ *http.Request) page {
	slots := v.allSlots()
	cards := make([]slotCard, len(slots))
	for i, s := range slots {
		cards[i] = v.slotCard(s)
	}
	return page{status: http.StatusOK, template: "slots", title: "Slots", section: "/slots", content: cards}
}

func slotPage(v *view, r *http.Request) page {
	s, ok := v.slot(r.PathValue("name"))
	if !ok {
		return notFound("This box has no slot of that name.")
	}
	return page{status: http.StatusOK, template: "slot", title: s.Name, section: "/slots", slot: s.Name, content: v.slotCard(s)}
}

func (v *view) slotCard(s Slot) slotCard {
	card := slotCard{Slot: s, Facts: factsOf(s)}
	if p := s.Plan; p != nil {
		card.Pin = pinOf(string(p.Image.Digest), p.Image.Ref, p.Image.Entry != "")
		card.Replaced = v.replaced(p)
	}
	return card
}

func factsOf(s Slot) *slotFacts {
	switch {
	case s.Plan != nil:
		f := slotFacts{s.Plan.Device, s.Plan.Provider, s.Plan.Profile, cmp.Or(s.Plan.Model, "the image’s own"), s.Plan.Type, 0}
		if s.Config != nil {
			f.Port = s.Config.Port
		}
		return &f
	case s.Config != nil:
		c := s.Config
		return &slotFacts{c.Device, c.Provider, c.Profile, c.Model.Default, c.Type, c.Port}
	}
	return nil
}

// replaced tells what replaced each dropped flag, whichever spelling it has.
func (v *view) replaced(p *slot.Plan) []replacedFlag {
	list := make([]replacedFlag, len(p.Dropped))
	server, err := v.box.Providers().Get(p.Provider)
	for i, d := range p.Dropped {
		list[i].Dropped = d
		for j, f := range p.Flags {
			if err == nil && f.Source == d.By && server.Grammar().Key(f.Name) == server.Grammar().Key(d.Name) {
				list[i].Winner = &p.Flags[j]
			}
		}
	}
	return list
}

// Disabled reports whether the slot's file says so.
func (c slotCard) Disabled() bool { return c.Config != nil && !c.Config.IsEnabled() }

// Reason says why the slot is not ready, as far as that is known.
func (c slotCard) Reason() string {
	if c.Status == nil {
		return ""
	}
	return c.Status.Reason
}

// Drifts reports whether its container differs from its plan.
func (c slotCard) Drifts() bool { return c.Status != nil && len(c.Status.Drift) > 0 }

// Link is the slot with its state.
func (c slotCard) Link() slotLink { return slotLink{c.Name, c.State} }

// Legend tells the sources of the command's flags.
func (c slotCard) Legend() []sourceCount { return legendOf(c.Plan.Flags) }

// Legend tells the sources of the profile's flags.
func (c profileCard) Legend() []sourceCount { return legendOf(c.Flags) }

// A sourceCount is an entry of the legend of a command.
type sourceCount struct {
	Source provider.Source
	About  string
	Count  int
}

// legendOf returns the sources that flags have, in order of precedence.
func legendOf(flags []provider.Flag) (list []sourceCount) {
	for _, s := range []sourceCount{
		{Source: "base", About: "every launch"},
		{Source: "profile", About: "the profile"},
		{Source: "mtp", About: "multi-token prediction"},
		{Source: "model", About: "the model’s registry entry"},
		{Source: "type", About: "the slot’s type"},
		{Source: "slot", About: "the slot’s file"},
	} {
		for _, f := range flags {
			if f.Source == s.Source {
				s.Count++
			}
		}
		if s.Count > 0 {
			list = append(list, s)
		}
	}
	return list
}
