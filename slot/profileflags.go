package slot

import (
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// ProfileFlags returns the flags that a profile gives to the slots which use it, as
// they are launched: its own, and the bundle of multi-token prediction without
// what the profile pins, if it is on. What the provider, the model and the slot
// add or replace is not among them: see [Resolve]. providers may be empty, which
// means the built-in ones.
//
// ProfileFlags is pure. The error holds what would keep a slot with that profile
// from being launched, unless it says itself whether it has mtp: each problem with
// its key.
func ProfileFlags(p profile.Profile, providers provider.Set) ([]provider.Flag, error) {
	if providers.Len() == 0 {
		providers = builtin
	}
	server, err := providers.Get(p.Family())
	if err != nil {
		return nil, err
	}
	r := &resolver{slot: &Slot{}, in: &Inputs{Providers: providers}, profile: p, provider: server, facts: server.Facts()}
	r.plan.Provider = server.Name()
	m := merge{resolver: r, grammar: server.Grammar()}
	m.ofProfile()
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	kept, _ := m.grammar.Collapse(m.flags)
	return kept, nil
}

// ofProfile adds what the profile says.
func (m *merge) ofProfile() {
	m.add(provider.FromProfile, m.profile.Flags.Words(), "profile", m.profile.Name, "flags")
	m.mtp()
}
