package slot

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
)

// A Difference is one field in which what runs is not what is planned.
type Difference struct {
	// Field is the field of [runtime.Spec], by its JSON name, with the flag or
	// name in it that differs: "image", "command --ctx-size", "env HSA_OVERRIDE",
	// "publish". "image_id" is the image that the launch's reference names today.
	Field string `json:"field"`
	// Running and Planned are the two values; "" where there is none. Secrets are
	// replaced.
	Running string `json:"running"`
	Planned string `json:"planned"`
}

// String returns such as "command --ctx-size: 512, planned 1024".
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s, planned %s", d.Field, orNone(d.Running), orNone(d.Planned))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Compare returns every field in which two launches differ, in the order of
// [runtime.Spec]; nothing for equal ones. grammar reads the commands, so that
// flags are compared by name, whichever spelling they have. The labels that
// hal0 itself sets are left out: they say that something differs, not what.
func Compare(running, planned runtime.Spec, grammar *provider.Grammar) []Difference {
	c := comparison{}
	running, planned = Redact(running), Redact(planned)
	c.text("name", running.Name, planned.Name)
	c.text("image", canonicalImage(running.Image), canonicalImage(planned.Image))
	c.command(running.Command, planned.Command, grammar)
	c.table("env", running.Env, planned.Env)
	c.text("mounts", joined(running.Mounts, mountText), joined(planned.Mounts, mountText))
	c.text("devices", words(running.Devices), words(planned.Devices))
	c.text("groups", words(running.Groups), words(planned.Groups))
	c.text("security_opt", words(running.SecurityOpt), words(planned.SecurityOpt))
	c.text("ulimits", joined(running.Ulimits, runtime.Ulimit.String), joined(planned.Ulimits, runtime.Ulimit.String))
	c.text("network", running.Network, planned.Network)
	c.text("ipc", running.IPC, planned.IPC)
	c.text("publish", joined(running.Publish, runtime.Port.String), joined(planned.Publish, runtime.Port.String))
	c.text("health", healthText(running.Health), healthText(planned.Health))
	c.table("labels", foreignLabels(running.Labels), foreignLabels(planned.Labels))
	return c.found
}

// canonicalImage returns an image's name with its registry, as runtimes tell it.
func canonicalImage(ref string) string {
	if named, err := manifest.ParseRef(ref); err == nil {
		return named.String()
	}
	return ref
}

// A comparison collects differences.
type comparison struct{ found []Difference }

func (c *comparison) text(field, running, planned string) {
	if running != planned {
		c.found = append(c.found, Difference{field, running, planned})
	}
}

// table compares tables name by name.
func (c *comparison) table(field string, running, planned map[string]string) {
	names := make([]string, 0, len(running)+len(planned))
	for name := range running {
		names = append(names, name)
	}
	for name := range planned {
		if _, ok := running[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		c.text(field+" "+name, running[name], planned[name])
	}
}

// command compares command lines flag by flag, in the order in which they stand.
// Where one can't be read by the grammar, or only the order differs, it is one
// difference.
func (c *comparison) command(running, planned []string, grammar *provider.Grammar) {
	if slices.Equal(running, planned) {
		return
	}
	have, errHave := grammar.Parse(nil, argv.Base, running)
	want, errWant := grammar.Parse(nil, argv.Base, planned)
	before := len(c.found)
	if errHave == nil && errWant == nil {
		c.flags(grammar, have, want)
	}
	if len(c.found) == before {
		c.text("command", argv.Join(running), argv.Join(planned))
	}
}

// flags compares flags by name; the values of one that stands several times are
// compared together.
func (c *comparison) flags(grammar *provider.Grammar, running, planned []provider.Flag) {
	have, names := byName(grammar, running, nil)
	want, names := byName(grammar, planned, names)
	for _, name := range names {
		h, w := have[name], want[name]
		c.text("command "+spelling(slices.Concat(w, h)), flagText(h), flagText(w))
	}
}

// byName groups flags by their canonical names, and adds those to names.
func byName(grammar *provider.Grammar, flags []provider.Flag, names []string) (map[string][]provider.Flag, []string) {
	groups := map[string][]provider.Flag{}
	for _, f := range flags {
		key := ""
		if f.Name != "" {
			key = grammar.Key(f.Name)
		}
		groups[key] = append(groups[key], f)
		if !slices.Contains(names, key) {
			names = append(names, key)
		}
	}
	return groups, names
}

// spelling is how a flag is written where it is planned, else where it runs.
func spelling(flags []provider.Flag) string {
	if flags[0].Name == "" {
		return "words"
	}
	return flags[0].Name
}

// flagText is what flags of one name say. One without a value says its name: of
// two that are one, such as --mmap and --no-mmap, that is the difference.
func flagText(flags []provider.Flag) string {
	values := make([]string, len(flags))
	for i, f := range flags {
		values[i] = argv.Join(f.Values)
		if len(f.Values) == 0 {
			values[i] = f.Name
		}
	}
	return strings.Join(values, ", ")
}

func words(s []string) string { return strings.Join(s, " ") }

func joined[T any](items []T, text func(T) string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = text(item)
	}
	return words(texts)
}

func mountText(m runtime.Mount) string {
	text := m.Source + ":" + m.Target
	if m.ReadOnly {
		text += ":ro"
	}
	if m.Relabel != "" {
		text += ":" + m.Relabel
	}
	return text
}

func healthText(h *runtime.Health) string {
	if h == nil {
		return ""
	}
	return fmt.Sprintf("%s (every %s, within %s, after %s, %d retries)", h.Command, h.Interval, h.Timeout, h.StartPeriod, h.Retries)
}

// foreignLabels are the labels that hal0 does not set itself.
func foreignLabels(labels map[string]string) map[string]string {
	others := map[string]string{}
	for name, value := range labels {
		switch name {
		case runtime.LabelManaged, runtime.LabelSlot, runtime.LabelPlan:
		default:
			others[name] = value
		}
	}
	return others
}
