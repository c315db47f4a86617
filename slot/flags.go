package slot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// flags merges the sources in order of precedence, the last one winning.
func (r *resolver) flags() {
	g := r.provider.Grammar()
	m := merge{resolver: r, grammar: g, flags: make([]provider.Flag, 0, 48)}
	m.own(provider.StageBase)
	m.ofProfile()
	m.own(provider.StageModel)
	m.add(provider.FromModel, r.entry.Defaults.ExtraArgs.Words(), r.modelKey("extra_args")...)
	m.own(provider.StageDevice)
	m.slotType()
	m.own(provider.StageSlot)
	m.add(provider.FromSlot, r.slot.Server.ExtraArgs.Words(), "server", "extra_args")
	m.own(provider.StageEnd)
	if len(r.problems) > 0 {
		return
	}
	kept, dropped := g.Collapse(m.flags)
	r.plan.Flags = kept
	r.plan.Dropped = append(append([]provider.Dropped{}, m.dropped...), dropped...)
	r.warnFlags(g)
}

// A merge is a command line in the making.
type merge struct {
	*resolver
	grammar *provider.Grammar
	flags   []provider.Flag
	dropped []provider.Dropped
}

// own adds what the provider itself says at a stage.
func (m *merge) own(at provider.Stage) {
	if words := m.provider.Flags(&m.launch, at); len(words) > 0 {
		m.parse(at.Source(), words, "provider")
	}
}

// add adds words of the configuration, refusing those that only the provider
// may set. path is the key that they stand at.
func (m *merge) add(from provider.Source, words []string, path ...string) {
	if len(words) == 0 {
		return
	}
	for _, f := range m.parse(from, words, path...) {
		key := m.grammar.Key(f.Name)
		if m.reserved(key) {
			m.problem(conf.ErrConflict, fmt.Sprintf("%s is set by hal0 itself, the slot's publishing and routing hang on it: remove it", f.Name), path...)
		}
	}
}

// reserved reports whether only the provider itself may set a flag. Python's
// servers also take the beginning of a name for the whole.
func (m *merge) reserved(key string) bool {
	return len(key) > len("--") && slices.ContainsFunc(m.facts.Reserved, func(name string) bool { return strings.HasPrefix(name, key) })
}

// parse appends words as flags and returns those.
func (m *merge) parse(from provider.Source, words []string, path ...string) []provider.Flag {
	before := len(m.flags)
	flags, err := m.grammar.Parse(m.flags, from, words)
	if err != nil {
		m.problem(conf.ErrValue, err.Error(), path...)
		return nil
	}
	m.flags = flags
	return flags[before:]
}

// take parses words as flags that may be added, one by one, in their order.
func (m *merge) take(from provider.Source, words []string, path ...string) []provider.Flag {
	before := len(m.flags)
	flags := m.parse(from, words, path...)
	m.flags = m.flags[:before]
	return flags
}

// mtp adds the multi-token-prediction bundle, without what the profile pins.
func (m *merge) mtp() {
	on, key := m.profile.MTP, []string{"profile", m.profile.Name, "mtp"}
	if m.slot.MTP != nil {
		on, key = *m.slot.MTP, []string{"mtp"}
	}
	if !on {
		return
	}
	switch {
	case !m.facts.MTP:
		m.problem(conf.ErrConflict, fmt.Sprintf("multi-token prediction is llama-server's, and this slot runs %s: set mtp = false", m.plan.Provider), key...)
		return
	case m.plan.Device == device.CPU:
		m.problem(conf.ErrConflict, "multi-token prediction drafts on a GPU, and this slot's device is cpu: set mtp = false", key...)
		return
	}
	words, err := profile.MTPBundle(m.profile.Backend)
	if err != nil {
		m.problem(conf.ErrConflict, err.Error(), key...)
		return
	}
	pinned := make([]string, 0, 24)
	for _, f := range m.flags {
		if f.Source == provider.FromProfile {
			pinned = append(pinned, m.grammar.Key(f.Name))
		}
	}
	for _, f := range m.take(provider.FromMTP, words, "mtp") {
		if slices.Contains(pinned, m.grammar.Key(f.Name)) {
			m.dropped = append(m.dropped, provider.Dropped{Flag: f, By: provider.FromProfile})
		} else {
			m.flags = append(m.flags, f)
		}
	}
}

// slotType adds the flags that the slot's type needs, unless one says so
// already: below, or in the slot's own arguments.
func (m *merge) slotType() {
	words := m.provider.Flags(&m.launch, provider.StageType)
	if len(words) == 0 {
		return
	}
	own, err := m.grammar.Parse(nil, provider.FromSlot, m.slot.Server.ExtraArgs.Words())
	if err != nil {
		return // reported where they are added
	}
	for _, f := range m.take(provider.FromType, words, "type") {
		if !argv.Has(m.flags, m.grammar, f.Name) && !argv.Has(own, m.grammar, f.Name) {
			m.flags = append(m.flags, f)
		}
	}
}

// contextFlag is the canonical name of the flag that sets the context size.
const contextFlag = "--ctx-size"

// warnFlags warns of what surely was not meant.
func (r *resolver) warnFlags(g *provider.Grammar) {
	sized := r.facts.Model == provider.ModelFile && slices.ContainsFunc(r.plan.Dropped, func(d provider.Dropped) bool {
		return d.Source == provider.FromBase && g.Key(d.Name) == contextFlag
	})
	for _, f := range r.plan.Flags {
		if f.Source == provider.FromBase {
			continue
		}
		if f.Name == "" {
			r.warn(WarnStrayWord, "%q among the flags of the %s belongs to no flag: the server may refuse it", f.Value(), f.Source)
		}
		if sized && g.Key(f.Name) == contextFlag {
			r.warn(WarnContext, "%s %s of the %s wins over the context size %d", f.Name, f.Value(), f.Source, r.launch.ContextSize)
		}
	}
}
