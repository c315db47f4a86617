package slot

import (
	"fmt"
	"slices"

	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/internal/conf"
	"github.com/hal0ai/hal0-go/provider"
)

// CheckFlags holds the flags of the file's plan against what the image's server
// says that it accepts. There is one finding for each flag that it would refuse,
// with where the flag comes from and where to change it, or one that says that
// it takes them all. CheckFlags is pure.
func (f *File) CheckFlags(plan *Plan, help *provider.Help, in Inputs) []Finding {
	var found []Finding
	for _, flag := range plan.Flags {
		if r := help.Refuses(flag); r != nil {
			found = append(found, f.refused(plan, flag, r, help, in))
		}
	}
	if found == nil {
		found = []Finding{f.LocateFinding(foundf(SeverityInfo, FindFlags, "the server in image %s takes all %d flags", plan.Image.Ref, len(plan.Flags)), in)}
	}
	return found
}

// refusalCodes are the codes of refused flags.
var refusalCodes = map[argv.RefusalKind]string{
	argv.RefusedUnknown: FindFlagUnknown, argv.RefusedRemoved: FindFlagRemoved,
	argv.RefusedForm: FindFlagForm, argv.RefusedValue: FindFlagValue,
}

func (f *File) refused(plan *Plan, flag provider.Flag, r *argv.Refusal, help *provider.Help, in Inputs) Finding {
	name := flag.Name
	if name == "" {
		name = flag.Value()
	}
	found := foundf(SeverityError, refusalCodes[r.Kind], "the server in image %s would not start: %s, which comes from %s, %s",
		plan.Image.Ref, name, sourceText(flag.Source, plan), r.Reason)
	found = f.LocateFinding(found.At(f.flagKeys(plan, flag, in)...), in)
	instead := r.Instead
	if near := conf.Closest(flag.Name, help.Names()); instead == "" && r.Kind == argv.RefusedUnknown && near != "" {
		instead = "it has " + near
	}
	found.Fix = flagFix(flag.Source, plan, in)
	if instead != "" {
		found.Fix += "; instead: " + instead
	}
	return found
}

// sourceText says where a flag comes from.
func sourceText(source provider.Source, plan *Plan) string {
	switch source {
	case provider.FromProfile:
		return "profile " + plan.Profile
	case provider.FromMTP:
		return "the multi-token-prediction bundle"
	case provider.FromModel:
		return "the registry entry of model " + plan.Model
	case provider.FromType:
		return "the slot's type"
	case provider.FromSlot:
		return "the slot's file"
	case provider.FromBase:
	}
	return "hal0 itself"
}

// flagFix says how to get rid of a flag.
func flagFix(source provider.Source, plan *Plan, in Inputs) string {
	p, _ := in.Profiles.Get(plan.Profile)
	switch {
	case source == provider.FromProfile && p.Seed:
		return fmt.Sprintf("profile %s is a seed and can't be changed: clone it under another name, change the flags of the clone and choose it in the slot, or use another image", plan.Profile)
	case source == provider.FromProfile, source == provider.FromModel, source == provider.FromSlot:
		return "remove or change it there, or use another image"
	case source == provider.FromMTP:
		return "set mtp = false in the slot's file, or use an image whose server drafts by multi-token prediction"
	}
	return "use another image"
}

// flagKeys returns the key to change to be rid of a flag; none for what hal0
// itself adds.
func (f *File) flagKeys(plan *Plan, flag provider.Flag, in Inputs) []string {
	switch flag.Source {
	case provider.FromProfile:
		return []string{"profile", plan.Profile, "flags"}
	case provider.FromMTP:
		if f.Slot.MTP == nil {
			return []string{"profile", plan.Profile, "mtp"}
		}
		return []string{"mtp"}
	case provider.FromType:
		return []string{"type"}
	case provider.FromModel:
		entry, _, _ := in.Registry.Get(plan.Model)
		if key := keyOf(flag, entry.Defaults.ExtraArgs.Words()); key != "" {
			return append([]string{"models", plan.Model}, ownModelKeys[key]...)
		}
		return []string{"models", plan.Model, "defaults", "extra_args"}
	case provider.FromSlot:
		if key := keyOf(flag, f.Slot.Server.ExtraArgs.Words()); key != "" {
			return ownSlotKeys[key]
		}
		return []string{"server", "extra_args"}
	case provider.FromBase:
	}
	return nil
}

// The keys of a slot's file, and of a model's registry entry, that become flags
// of llama-server, by the flags' canonical names.
var (
	ownSlotKeys = map[string][]string{
		"--chat-template-file": {"chat_template"},
		"--gpu-layers":         {"model", "n_gpu_layers"},
		"--rope-freq-base":     {"model", "rope_freq_base"},
	}
	ownModelKeys = map[string][]string{
		"--chat-template-file": {"defaults", "chat_template"},
		"--gpu-layers":         {"defaults", "n_gpu_layers"},
		"--mmproj":             {"mmproj"},
	}
)

// keyOf returns the canonical name of a flag that a key of its own stands for,
// "" for one that is among the extra arguments.
func keyOf(flag provider.Flag, extra []string) string {
	g := provider.LlamaServerGrammar()
	key := g.Key(flag.Name)
	own := ownSlotKeys[key] != nil || ownModelKeys[key] != nil
	if !own || slices.ContainsFunc(extra, func(word string) bool { return g.Key(word) == key }) {
		return ""
	}
	return key
}
