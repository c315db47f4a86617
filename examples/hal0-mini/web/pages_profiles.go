package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/slot"
)

// A profilesList is the page of all profiles, or of those of one class.
type profilesList struct {
	Filters []filter
	Cards   []profileCard
}

// A filter is a link to the profiles of one class.
type filter struct {
	Name    string
	URL     string
	Class   device.Class // "" for all
	Count   int
	Current bool
}

// A profileCard is a profile as people see it.
type profileCard struct {
	hal0.ProfileUse
	Bench *bench
	Pin   pin
	// Flags are as they are launched, without secrets.
	Flags []provider.Flag
	Users []slotLink
}

// A bench is what was measured with a profile, as a bar.
type bench struct {
	TPS, RTF float64
	Percent  float64 // of the bar
}

// A slotLink names a slot with its state, "" if that is not known.
type slotLink struct {
	Name  string
	State hal0.State
}

// A pin says how sure it is which image a reference means.
type pin struct {
	Digest string // "" for none
	Text   string // what follows if there is none
}

func profilesPage(v *view, r *http.Request) page {
	if problems := v.profilesErr(); len(problems) > 0 {
		return invalidProfiles(problems)
	}
	class := device.Class(r.URL.Query().Get("class"))
	if class != "" && !class.Valid() {
		return notFound("There is no such device class.")
	}
	return page{status: http.StatusOK, template: "profiles", title: "Profiles", section: "/profiles", variant: string(class), content: func() any {
		list := profilesList{Filters: filters(v.profiles, class)}
		for _, card := range v.cards() {
			if class == "" || card.Class == class {
				list.Cards = append(list.Cards, card)
			}
		}
		return list
	}}
}

func profilePage(v *view, r *http.Request) page {
	if problems := v.profilesErr(); len(problems) > 0 {
		return invalidProfiles(problems)
	}
	i := slices.IndexFunc(v.profiles, func(p hal0.ProfileUse) bool { return p.Name == r.PathValue("name") })
	if i < 0 {
		return notFound("This box has no profile of that name.")
	}
	return page{status: http.StatusOK, template: "profile", title: v.profiles[i].Name, section: "/profiles", content: func() any { return v.cards()[i] }}
}

func invalidProfiles(problems hal0.ValidationErrors) page {
	return page{status: http.StatusInternalServerError, template: "failure", title: "Profiles", section: "/profiles", content: func() any {
		return failurePage{
			Heading: "Profiles can’t be shown", Problems: problems,
			Text: "The profiles file has problems, so what profiles this box has is not known. Correct them, and this page shows the profiles.",
		}
	}}
}

// filters are the classes that there are profiles of, and all.
func filters(profiles []hal0.ProfileUse, current device.Class) []filter {
	list := []filter{{Name: "All", URL: "/profiles", Count: len(profiles), Current: current == ""}}
	for _, class := range device.Classes() {
		f := filter{Name: string(class), URL: "/profiles?class=" + string(class), Class: class, Current: class == current}
		for _, p := range profiles {
			if p.Class == class {
				f.Count++
			}
		}
		if f.Count > 0 || f.Current {
			list = append(list, f)
		}
	}
	return list
}

// cards are all profiles. Bars compare each with the best of them, so that they
// stay as they are when fewer are shown.
func (v *view) cards() []profileCard {
	best := 0.0
	for _, p := range v.profiles {
		best = max(best, p.TPS)
	}
	cards := make([]profileCard, len(v.profiles))
	for i, p := range v.profiles {
		cards[i] = profileCard{ProfileUse: p, Bench: benchOf(p, best), Pin: pinOf(string(p.Pin.Digest), p.Image, p.Pin.Managed())}
		if flags, err := slot.ProfileFlags(p.Profile, v.box.Providers()); err == nil { // else it is among the problems
			cards[i].Flags = slot.Plan{Flags: flags}.Redacted().Flags
		}
		for _, name := range p.UsedBy {
			cards[i].Users = append(cards[i].Users, slotLink{name, v.states[name].State})
		}
	}
	return cards
}

// benchOf scales tokens a second to the best of all profiles, and the real-time
// factor to 1, where a server is as fast as what it makes is played.
func benchOf(p hal0.ProfileUse, best float64) *bench {
	switch {
	case p.TPS > 0:
		return &bench{TPS: p.TPS, Percent: 100 * p.TPS / best}
	case p.RTF > 0:
		return &bench{RTF: p.RTF, Percent: 100 * min(p.RTF, 1)}
	}
	return nil
}

// Repo is the image without its digest, which the pin tells.
func (c profileCard) Repo() string {
	repo, _, _ := strings.Cut(c.Image, "@")
	return repo
}

// pinOf tells of the digest that is launched, or of why there is none.
func pinOf(digest, ref string, managed bool) pin {
	if digest != "" {
		return pin{Digest: digest}
	}
	if _, after, ok := strings.Cut(ref, "@"); ok {
		return pin{Digest: after}
	}
	if managed {
		return pin{Text: "not published: pulled by tag"}
	}
	return pin{Text: "not in the manifest: pulled by tag"}
}
