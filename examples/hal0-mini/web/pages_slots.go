package web

import (
	"net/http"
	"strings"

	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
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
	for _, s := range v.allSlots() {
		if s.Name == r.PathValue("name") {
			return page{status: http.StatusOK, template: "slot", title: s.Name, section: "/slots", slot: s.Name, content: slotCardOf(s)}
		}
	}
	return notFound("This box has no slot of that name.")
}

func slotCardOf(s Slot) slotCard {
	card := slotCard{Slot: s}
	if s.Plan != nil {
		card.Pin = pinOf(string(s.Plan.Image.Digest), s.Plan.Image.Ref, s.Plan.Image.Entry != "")
	}
	return card
}

// Enabled reports whether the slot's file does not say otherwise.
func (c slotCard) Enabled() bool { return c.Config == nil || c.Config.IsEnabled() }

// Port is where the slot is published, as far as its file tells.
func (c slotCard) Port() int {
	if c.Config == nil {
		return 0
	}
	return c.Config.Port
}

// Sources are the sources of the flags, with how many each has.
func (c slotCard) Sources() []sourceCount { return sourcesOf(c.Plan.Flags) }

// Sources are those of the profile's flags.
func (c profileCard) Sources() []sourceCount { return sourcesOf(c.Flags) }

// A sourceCount is an entry of the legend of a command.
type sourceCount struct {
	Source provider.Source
	About  string
	Count  int
}

// sources tells where flags come from, in order of precedence.
func sources() []sourceCount {
	return []sourceCount{
		{Source: "base", About: "every launch has it"},
		{Source: "profile", About: "the profile’s flags"},
		{Source: "mtp", About: "multi-token prediction"},
		{Source: "model", About: "the model’s registry entry"},
		{Source: "type", About: "the slot’s type"},
		{Source: "slot", About: "the slot’s file"},
	}
}

func sourcesOf(flags []provider.Flag) (list []sourceCount) {
	for _, s := range sources() {
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

// Replacing returns the flag that stands in place of a dropped one, nil if that is
// not among the flags.
func (c slotCard) Replacing(d provider.Dropped) *provider.Flag {
	for i, f := range c.Plan.Flags {
		if f.Source == d.By && f.Name == d.Name {
			return &c.Plan.Flags[i]
		}
	}
	return nil
}

// Run is the command that podman would be given, as a shell reads it.
func (c slotCard) Run() string { return strings.Join(c.Plan.Spec.Command, " ") }

var _ = slot.Bytes
