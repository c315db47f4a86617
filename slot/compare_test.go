package slot_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	spec := func(change func(*runtime.Spec)) runtime.Spec {
		s := runtime.Spec{
			Name: "hal0-slot-a", Image: "x.io/a:1", Command: []string{"--ctx-size", "512", "-fa", "on", "--mmap"},
			Env:    map[string]string{"A": "1", "HF_TOKEN": "abc"},
			Mounts: []runtime.Mount{{Source: "/m", Target: "/m", ReadOnly: true, Relabel: runtime.RelabelShared}},
			Health: &runtime.Health{Command: "true", Interval: time.Second},
			Labels: map[string]string{runtime.LabelPlan: "sha256:1"},
		}
		change(&s)
		return s
	}
	command := func(words ...string) func(*runtime.Spec) { return func(s *runtime.Spec) { s.Command = words } }
	for name, tc := range map[string]struct {
		planned func(*runtime.Spec)
		want    []slot.Difference
	}{
		"nothing":                {func(*runtime.Spec) {}, nil},
		"the plan's own label":   {func(s *runtime.Spec) { s.Labels = map[string]string{runtime.LabelPlan: "sha256:2"} }, nil},
		"image":                  {func(s *runtime.Spec) { s.Image = "x.io/a:2" }, []slot.Difference{{"image", "x.io/a:1", "x.io/a:2"}}},
		"a flag":                 {command("-c", "1024", "-fa", "on", "--mmap"), []slot.Difference{{"command -c", "512", "1024"}}},
		"a flag is new":          {command("--ctx-size", "512", "-fa", "on", "--mmap", "--jinja"), []slot.Difference{{"command --jinja", "", "--jinja"}}},
		"a flag is gone":         {command("--ctx-size", "512", "--mmap"), []slot.Difference{{"command -fa", "on", ""}}},
		"a flag is turned round": {command("--ctx-size", "512", "-fa", "on", "--no-mmap"), []slot.Difference{{"command --no-mmap", "--mmap", "--no-mmap"}}},
		"the order":              {command("-fa", "on", "--ctx-size", "512", "--mmap"), []slot.Difference{{"command", "--ctx-size 512 -fa on --mmap", "-fa on --ctx-size 512 --mmap"}}},
		"what can't be read":     {command("--ctx-size"), []slot.Difference{{"command", "--ctx-size 512 -fa on --mmap", "--ctx-size"}}},
		"env": {func(s *runtime.Spec) { s.Env = map[string]string{"B": "2", "HF_TOKEN": "abc"} },
			[]slot.Difference{{"env A", "1", ""}, {"env B", "", "2"}}},
		"a secret":   {func(s *runtime.Spec) { s.Env = map[string]string{"A": "1", "HF_TOKEN": "xyz"} }, nil},
		"mounts":     {func(s *runtime.Spec) { s.Mounts = nil }, []slot.Difference{{"mounts", "/m:/m:ro:shared", ""}}},
		"the health": {func(s *runtime.Spec) { s.Health = nil }, []slot.Difference{{"health", "true (every 1s, within 0s, after 0s, 0 retries)", ""}}},
		"a label":    {func(s *runtime.Spec) { s.Labels = map[string]string{"owner": "me"} }, []slot.Difference{{"labels owner", "", "me"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := slot.Compare(spec(func(*runtime.Spec) {}), spec(tc.planned), provider.LlamaServerGrammar())
			assert.Equal(t, tc.want, got)
		})
	}
	assert.Equal(t, "command -fa: on, planned none", slot.Difference{Field: "command -fa", Running: "on"}.String())
}

func TestRedact(t *testing.T) {
	t.Parallel()
	spec := runtime.Spec{
		Env:     map[string]string{"HF_TOKEN": "abc", "EMPTY_KEY": "", "HSA_OVERRIDE": "11"},
		Command: []string{"--hf-token", "abc", "--api-key=def", "--n-predict", "5", "-ctk", "q8_0", "--cache-type-k", "q8_0", "--password", "--jinja"},
	}
	got := slot.Redact(spec)
	assert.Equal(t, map[string]string{"HF_TOKEN": "xxxxx", "EMPTY_KEY": "", "HSA_OVERRIDE": "11"}, got.Env)
	assert.Equal(t, []string{"--hf-token", "xxxxx", "--api-key=xxxxx", "--n-predict", "5", "-ctk", "q8_0", "--cache-type-k", "q8_0", "--password", "--jinja"}, got.Command)
	assert.Equal(t, "abc", spec.Env["HF_TOKEN"], "the original stays")
	assert.Equal(t, "abc", spec.Command[1])
}

func TestDecide(t *testing.T) {
	t.Parallel()
	container := func(name string, state runtime.State, hash string) runtime.Container {
		return runtime.Container{ID: "id-" + name, Name: slot.ContainerName(name), State: state, ExitCode: 7,
			Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: name, runtime.LabelPlan: hash}}
	}
	want := func(hash string) slot.Wanted { return slot.Wanted{Plan: slot.Plan{Hash: hash}} }
	running := func(hash string) *runtime.Container { return new(container("a", runtime.StateRunning, hash)) }
	for name, tc := range map[string]struct {
		wanted    slot.Wanted
		container *runtime.Container
		action    slot.Action // "" is no step
		reason    string
	}{
		"wanted, not there":       {want("1"), nil, slot.Start, "it has no container"},
		"wanted, runs":            {want("1"), running("1"), slot.Adopt, "its container runs the plan"},
		"wanted, runs another":    {want("1"), running("2"), slot.Replace, "its container runs another plan"},
		"wanted, exited":          {want("1"), new(container("a", runtime.StateExited, "1")), slot.Start, "its container exited with code 7"},
		"wanted, not started":     {want("1"), new(container("a", runtime.StateCreated, "1")), slot.Start, "its container is created"},
		"disabled, not there":     {slot.Wanted{Disabled: true}, nil, "", ""},
		"disabled, runs":          {slot.Wanted{Disabled: true}, running("1"), slot.Stop, "its file says enabled = false"},
		"without plan, not there": {slot.Wanted{Err: errors.New("no")}, nil, slot.Leave, "its file can't be made a plan"},
		"without plan, runs":      {slot.Wanted{Err: errors.New("no")}, running("1"), slot.Leave, "its file can't be made a plan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.wanted.Slot = "a"
			var containers []runtime.Container
			id := ""
			if tc.container != nil {
				containers, id = append(containers, *tc.container), tc.container.ID
			}
			got := slot.Decide([]slot.Wanted{tc.wanted}, containers)
			if tc.action == "" {
				assert.Empty(t, got)
				return
			}
			assert.Equal(t, []slot.Step{{Slot: "a", Action: tc.action, Reason: tc.reason, Container: id}}, got)
		})
	}
	gone := slot.Decide(nil, []runtime.Container{container("z", runtime.StateRunning, "1"), container("b", runtime.StateExited, "1"), {Name: "other"}})
	assert.Equal(t, []slot.Step{
		{Slot: "b", Action: slot.Stop, Reason: "it has no slot file", Container: "id-b"},
		{Slot: "z", Action: slot.Stop, Reason: "it has no slot file", Container: "id-z"},
	}, gone)
}
