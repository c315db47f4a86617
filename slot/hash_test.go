package slot_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

func fullSpec() runtime.Spec {
	return runtime.Spec{
		Name: "n", Image: "i", Command: []string{"a", "b"}, Env: map[string]string{"K": "v"},
		Mounts:  []runtime.Mount{{Source: "/s", Target: "/t", ReadOnly: true, Relabel: "shared"}},
		Devices: []string{"/dev/a"}, Groups: []string{"1"}, SecurityOpt: []string{"x=y"},
		Ulimits: []runtime.Ulimit{{Name: "memlock", Soft: 1, Hard: 2}}, Network: "bridge", IPC: "host",
		Publish: []runtime.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 1, ContainerPort: 2}},
		Health:  &runtime.Health{Command: "c", Interval: time.Second, Timeout: time.Second, StartPeriod: time.Second, Retries: 1},
		Labels:  map[string]string{"L": "v"},
	}
}

// changes calls visit after each single change of a value below v, and undoes
// it again.
func changes(t *testing.T, path string, v reflect.Value, visit func(path string)) {
	t.Helper()
	change := func(to any) {
		old := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(to).Convert(v.Type()))
		visit(path)
		v.Set(old)
	}
	switch v.Interface().(type) {
	case netip.Addr:
		change(netip.MustParseAddr("::1"))
		return
	case map[string]string:
		change(map[string]string{"K": "other"})
		change(map[string]string{"K": "v", "L": "v", "M": ""})
		return
	}
	switch v.Kind() {
	case reflect.String:
		change("changed")
	case reflect.Int, reflect.Int64:
		change(v.Int() + 1)
	case reflect.Bool:
		change(!v.Bool())
	case reflect.Slice:
		for i := range v.Len() {
			changes(t, fmt.Sprintf("%s[%d]", path, i), v.Index(i), visit)
		}
		change(reflect.Append(v, reflect.Zero(v.Type().Elem())).Interface())
		change(reflect.Zero(v.Type()).Interface())
	case reflect.Pointer:
		changes(t, path, v.Elem(), visit)
		change(reflect.Zero(v.Type()).Interface())
	case reflect.Struct:
		for i := range v.NumField() {
			changes(t, path+"."+v.Type().Field(i).Name, v.Field(i), visit)
		}
	default:
		t.Fatalf("%s is a %s: teach the test about it", path, v.Kind())
	}
}

// Whatever changes the launch changes the hash: every field counts.
func TestHashCoversEveryField(t *testing.T) {
	t.Parallel()
	spec := fullSpec()
	seen := map[string]string{slot.Hash(&spec): "nothing"}
	changes(t, "spec", reflect.ValueOf(&spec).Elem(), func(path string) {
		h := slot.Hash(&spec)
		assert.NotContains(t, seen, h, "%s changed as %s does", path, seen[h])
		seen[h] = path
	})
	assert.Greater(t, len(seen), 40)
	assert.Equal(t, fullSpec(), spec)
}

func TestHashTellsListsApart(t *testing.T) {
	t.Parallel()
	a, b := runtime.Spec{Command: []string{"ab", "c"}}, runtime.Spec{Command: []string{"a", "bc"}}
	assert.NotEqual(t, slot.Hash(&a), slot.Hash(&b))
	a, b = runtime.Spec{Devices: []string{"1"}}, runtime.Spec{Groups: []string{"1"}}
	assert.NotEqual(t, slot.Hash(&a), slot.Hash(&b))
}

// The same slot and inputs give the same plan, byte for byte, and what does not
// change the launch does not change the hash.
func TestHashIsOfTheLaunch(t *testing.T) {
	t.Parallel()
	first, err := json.Marshal(resolve(t, chat()))
	require.NoError(t, err)
	for range 20 {
		again, err := json.Marshal(resolve(t, chat()))
		require.NoError(t, err)
		require.Equal(t, string(first), string(again))
	}
	want := resolve(t, chat()).Hash
	assert.Equal(t, want, resolve(t, chat()).Spec.Labels[runtime.LabelPlan])
	same := map[string]func(*slot.Slot){
		"role":              func(s *slot.Slot) { s.Role = "primary" },
		"idle timeout":      func(s *slot.Slot) { s.IdleTimeoutS = new(0) },
		"thinking":          func(s *slot.Slot) { s.EnableThinking = new(true) },
		"what it is anyway": func(s *slot.Slot) { s.Provider, s.Device, s.Type = provider.LlamaServer, "gpu-rocm", "llm" },
	}
	for name, change := range same {
		assert.Equal(t, want, resolve(t, chat(change)).Hash, name)
	}
	other := map[string]func(*slot.Slot){
		"port":        func(s *slot.Slot) { s.Port = 8082 },
		"context":     func(s *slot.Slot) { s.Model.ContextSize = new(4096) },
		"environment": func(s *slot.Slot) { s.Server.Env = map[string]string{"A": "1"} },
		"image":       func(s *slot.Slot) { s.Image = "localhost/x:1" },
		"arguments":   extraArgs("--metrics"),
	}
	for name, change := range other {
		assert.NotEqual(t, want, resolve(t, chat(change)).Hash, name)
	}
}
