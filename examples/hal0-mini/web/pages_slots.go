package web

import (
	"net/http"

	"github.com/hal0ai/hal0-go/provider"
)

// A slotCard is a slot as people see it.
type slotCard struct {
	Slot
	Pin pin
}

func slotsPage(v *view, _ *http.Request) page {
	slots := v.allSlots()
	cards := make([]slotCard, len(slots))
	for i, s := range slots {
		cards[i] = slotCardOf(s)
	}
	return page{status: http.StatusOK, template: "slots", title: "Slots", section: "/slots", content: cards}
}

func slotPage(v *view, r *http.Request) page {
	s, ok := v.slot(r.PathValue("name"))
	if !ok {
		return notFound("This box has no slot of that name.")
	}
	return page{status: http.StatusOK, template: "slot", title: s.Name, section: "/slots", slot: s.Name, content: slotCardOf(s)}
}

func slotCardOf(s Slot) slotCard {
	card := slotCard{Slot: s}
	if s.Plan != nil {
		card.Pin = pinOf(string(s.Plan.Image.Digest), s.Plan.Image.Ref, s.Plan.Image.Entry != "")
	}
	return card
}

// Disabled reports whether the slot's file says so.
func (c slotCard) Disabled() bool { return c.Config != nil && !c.Config.IsEnabled() }

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
