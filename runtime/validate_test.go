package runtime_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

// valid has something in every field.
func valid() runtime.Spec {
	return runtime.Spec{
		Name: "hal0-slot-chat", Image: "ghcr.io/hal0ai/toolbox@sha256:" + strings.Repeat("a", 64),
		Command: []string{"--port", "8081", "it's", ""},
		Env:     map[string]string{"B": "2 x", "A": "1"},
		Mounts: []runtime.Mount{
			{Source: "/mnt/ai-models", Target: "/mnt/ai-models", ReadOnly: true, Relabel: runtime.RelabelShared},
			{Source: "/srv/data", Target: "/data", Relabel: runtime.RelabelPrivate},
			{Source: "/srv/data", Target: "/again"},
		},
		Devices:     []string{"/dev/kfd", "/dev/dri/renderD128"},
		Groups:      []string{"993", "44"},
		SecurityOpt: []string{"apparmor=unconfined", "seccomp=unconfined", "label=disable"},
		Ulimits:     []runtime.Ulimit{{Name: "memlock", Soft: -1, Hard: -1}, {Name: "nofile", Soft: 1024, Hard: 4096}},
		Network:     "bridge", IPC: "host",
		Publish: []runtime.Port{
			{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 8081, ContainerPort: 8081},
			{HostIP: netip.MustParseAddr("::1"), HostPort: 8081, ContainerPort: 8081},
		},
		Health: &runtime.Health{Command: "curl -f http://127.0.0.1:8081/health || exit 1", Interval: 30 * time.Second, Timeout: 5 * time.Second, StartPeriod: 3 * time.Minute, Retries: 3},
		Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "chat", runtime.LabelPlan: "sha256:1"},
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	const (
		names    = `letters, digits, "_", "." and "-", beginning with a letter or digit`
		images   = `an image reference such as "ghcr.io/owner/name:tag" or "ghcr.io/owner/name@sha256:" and 64 hex digits`
		text     = "text without NUL, CR or LF"
		paths    = `an absolute path without "..", ".", "//", a final "/", ":", NUL, CR or LF`
		open     = "a directory that does not open the host: not /, /etc, /proc, /sys, /dev, /run/podman, /var/run or a podman socket"
		nodes    = `a device node below /dev, such as "/dev/kfd", without ":"`
		gids     = `a group id in decimal, such as "993"`
		opts     = `"apparmor=…", "seccomp=…" or "label=…"`
		ports    = "1 to 65535"
		ip       = `an address such as "127.0.0.1": without one every address would listen`
		softHard = "a soft limit no higher than the hard one"
	)
	for name, tc := range map[string]struct {
		change func(*runtime.Spec)
		found  string // "field: found what"
		want   string
	}{
		"name empty":        {func(s *runtime.Spec) { s.Name = "" }, `name: found ""`, names},
		"name newline":      {func(s *runtime.Spec) { s.Name = "chat\n" }, `name: found "chat\n"`, names},
		"name dash":         {func(s *runtime.Spec) { s.Name = "-a" }, `name: found "-a"`, names},
		"image empty":       {func(s *runtime.Spec) { s.Image = "" }, `image: found ""`, images},
		"image upper":       {func(s *runtime.Spec) { s.Image = "Repo:v1" }, `image: found "Repo:v1"`, images},
		"image digest":      {func(s *runtime.Spec) { s.Image = "repo@sha256:abc" }, `image: found "repo@sha256:abc"`, images},
		"image flag":        {func(s *runtime.Spec) { s.Image = "--privileged" }, `image: found "--privileged"`, images},
		"command":           {func(s *runtime.Spec) { s.Command[1] = "a\x00" }, `command[1]: found "a\x00"`, text},
		"command newline":   {func(s *runtime.Spec) { s.Command[0] = "a\nb" }, `command[0]: found "a\nb"`, text},
		"env key":           {func(s *runtime.Spec) { s.Env["A=B"] = "c" }, `env: found "A=B"`, `letters, digits and "_", not beginning with a digit`},
		"env value":         {func(s *runtime.Spec) { s.Env["TOKEN"] = "secret\r" }, `env.TOKEN: found "(hidden)"`, "a value without NUL, CR or LF"},
		"source empty":      {func(s *runtime.Spec) { s.Mounts[1].Source = "" }, `mounts[1].source: found ""`, paths},
		"source relative":   {func(s *runtime.Spec) { s.Mounts[1].Source = "a" }, `mounts[1].source: found "a"`, paths},
		"source unclean":    {func(s *runtime.Spec) { s.Mounts[1].Source = "/a/" }, `mounts[1].source: found "/a/"`, paths},
		"source colon":      {func(s *runtime.Spec) { s.Mounts[1].Source = "/a:b" }, `mounts[1].source: found "/a:b"`, paths},
		"source root":       {func(s *runtime.Spec) { s.Mounts[1].Source = "/" }, `mounts[1].source: found "/"`, open},
		"source etc":        {func(s *runtime.Spec) { s.Mounts[1].Source = "/etc/ssl" }, `mounts[1].source: found "/etc/ssl"`, open},
		"source dev":        {func(s *runtime.Spec) { s.Mounts[1].Source = "/dev" }, `mounts[1].source: found "/dev"`, open},
		"source run":        {func(s *runtime.Spec) { s.Mounts[1].Source = "/run" }, `mounts[1].source: found "/run"`, open},
		"source socket":     {func(s *runtime.Spec) { s.Mounts[1].Source = "/srv/podman.sock" }, `mounts[1].source: found "/srv/podman.sock"`, open},
		"target relative":   {func(s *runtime.Spec) { s.Mounts[1].Target = "data" }, `mounts[1].target: found "data"`, paths},
		"target root":       {func(s *runtime.Spec) { s.Mounts[1].Target = "/" }, `mounts[1].target: found "/"`, "a path below /"},
		"target twice":      {func(s *runtime.Spec) { s.Mounts[2].Target = "/data" }, `mounts[2]: found "/data"`, "another target than mounts[1] has"},
		"relabel":           {func(s *runtime.Spec) { s.Mounts[0].Relabel = "z" }, `mounts[0].relabel: found "z"`, `one of ["" "shared" "private"]`},
		"device elsewhere":  {func(s *runtime.Spec) { s.Devices[0] = "/srv/kfd" }, `devices[0]: found "/srv/kfd"`, nodes},
		"device mapped":     {func(s *runtime.Spec) { s.Devices[0] = "/dev/mem:/dev/kfd" }, `devices[0]: found "/dev/mem:/dev/kfd"`, nodes},
		"device escape":     {func(s *runtime.Spec) { s.Devices[0] = "/dev/../etc" }, `devices[0]: found "/dev/../etc"`, nodes},
		"device twice":      {func(s *runtime.Spec) { s.Devices[1] = "/dev/kfd" }, `devices[1]: found "/dev/kfd"`, "another path than devices[0] has"},
		"group name":        {func(s *runtime.Spec) { s.Groups[1] = "render" }, `groups[1]: found "render"`, gids},
		"group sign":        {func(s *runtime.Spec) { s.Groups[1] = "-1" }, `groups[1]: found "-1"`, gids},
		"security kind":     {func(s *runtime.Spec) { s.SecurityOpt[0] = "privileged=true" }, `security_opt[0]: found "privileged=true"`, opts},
		"security value":    {func(s *runtime.Spec) { s.SecurityOpt[0] = "label=" }, `security_opt[0]: found "label="`, opts},
		"ulimit prefix":     {func(s *runtime.Spec) { s.Ulimits[0].Name = "RLIMIT_MEMLOCK" }, `ulimits[0].name: found "RLIMIT_MEMLOCK"`, `one of ["as" "core" "cpu" "data" "fsize" "locks" "memlock" "msgqueue" "nice" "nofile" "nproc" "rss" "rtprio" "rttime" "sigpending" "stack"]`},
		"ulimit low":        {func(s *runtime.Spec) { s.Ulimits[1].Soft = -2 }, `ulimits[1]: found "nofile=-2:4096"`, "limits of at least -1, which is unlimited"},
		"ulimit soft":       {func(s *runtime.Spec) { s.Ulimits[1].Soft = 5000 }, `ulimits[1]: found "nofile=5000:4096"`, softHard},
		"ulimit unlimited":  {func(s *runtime.Spec) { s.Ulimits[1].Soft = -1 }, `ulimits[1]: found "nofile=-1:4096"`, softHard},
		"ulimit twice":      {func(s *runtime.Spec) { s.Ulimits[1].Name = "memlock" }, `ulimits[1]: found "memlock"`, "another name than ulimits[0] has"},
		"network":           {func(s *runtime.Spec) { s.Network = "host" }, `network: found "host"`, `"bridge": on the host's network a server would listen on every address`},
		"ipc":               {func(s *runtime.Spec) { s.IPC = "private" }, `ipc: found "private"`, `"" or "host"`},
		"port without ip":   {func(s *runtime.Spec) { s.Publish[0].HostIP = netip.Addr{} }, `publish[0].host_ip: found "invalid IP"`, ip},
		"port zone":         {func(s *runtime.Spec) { s.Publish[0].HostIP = netip.MustParseAddr("fe80::1%eth0") }, `publish[0].host_ip: found "fe80::1%eth0"`, ip},
		"port zero":         {func(s *runtime.Spec) { s.Publish[0].HostPort = 0 }, `publish[0].host_port: found 0`, ports},
		"port inside":       {func(s *runtime.Spec) { s.Publish[0].ContainerPort = 65536 }, `publish[0].container_port: found 65536`, ports},
		"port twice":        {func(s *runtime.Spec) { s.Publish[1].HostIP = s.Publish[0].HostIP }, `publish[1]: found "127.0.0.1:8081"`, "another address than publish[0] has"},
		"health command":    {func(s *runtime.Spec) { s.Health.Command = " " }, `health.command: found " "`, "a shell command"},
		"health none":       {func(s *runtime.Spec) { s.Health.Command = "none" }, `health.command: found "none"`, "a shell command"},
		"health newline":    {func(s *runtime.Spec) { s.Health.Command = "a\nb" }, `health.command: found "a\nb"`, text},
		"health interval":   {func(s *runtime.Spec) { s.Health.Interval = 1 }, `health.interval: found "1ns"`, "at least 1s"},
		"health timeout":    {func(s *runtime.Spec) { s.Health.Timeout = -time.Second }, `health.timeout: found "-1s"`, "at least 1s"},
		"health start":      {func(s *runtime.Spec) { s.Health.StartPeriod = 5 }, `health.start_period: found "5ns"`, "0s, or at least 1s"},
		"health retries":    {func(s *runtime.Spec) { s.Health.Retries = 0 }, `health.retries: found 0`, "at least 1"},
		"label empty":       {func(s *runtime.Spec) { s.Labels[""] = "x" }, `labels: found ""`, `a label name, not empty and without "=", NUL, CR or LF`},
		"label value":       {func(s *runtime.Spec) { s.Labels["x"] = "a\nb" }, `labels.x: found "a\nb"`, text},
		"label not managed": {func(s *runtime.Spec) { s.Labels[runtime.LabelManaged] = "1" }, `labels.hal0.managed: found "1"`, `"true"`},
		"label no slot":     {func(s *runtime.Spec) { delete(s.Labels, runtime.LabelSlot) }, `labels.hal0.slot: found ""`, "the name of the slot"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := valid()
			tc.change(&s)
			err := s.Validate()
			require.EqualError(t, err, tc.found+", want "+tc.want+": invalid container spec")
			assert.ErrorIs(t, err, runtime.ErrInvalidSpec)
		})
	}
}

func TestValidateAccepts(t *testing.T) {
	t.Parallel()
	require.NoError(t, valid().Validate())
	for name, change := range map[string]func(*runtime.Spec){
		"any address":     func(s *runtime.Spec) { s.Publish[0].HostIP = netip.IPv4Unspecified() },
		"no health":       func(s *runtime.Spec) { s.Health = nil },
		"no start period": func(s *runtime.Spec) { s.Health.StartPeriod = 0 },
		"tag and digest":  func(s *runtime.Spec) { s.Image = "localhost/a:v1@sha256:" + strings.Repeat("0", 64) },
		"like a root":     func(s *runtime.Spec) { s.Mounts[0].Source = "/etcetera" },
		"nothing":         func(s *runtime.Spec) { *s = runtime.Spec{Name: "a", Image: "a", Network: "bridge", Labels: s.Labels} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := valid()
			change(&s)
			assert.NoError(t, s.Validate())
		})
	}
}

func TestValidateReportsEverything(t *testing.T) {
	t.Parallel()
	err := runtime.Spec{}.Validate()
	require.Error(t, err)
	var fields []string
	for _, line := range strings.Split(err.Error(), "\n") {
		field, _, _ := strings.Cut(line, ": ")
		fields = append(fields, field)
	}
	assert.Equal(t, []string{"name", "image", "labels.hal0.managed", "labels.hal0.slot", "network"}, fields)
}

// FuzzValidate: whatever a spec says, Validate neither panics nor passes what
// would break a command line.
func FuzzValidate(f *testing.F) {
	seed, err := json.Marshal(valid())
	require.NoError(f, err)
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		var s runtime.Spec
		if json.Unmarshal(data, &s) != nil || s.Validate() != nil {
			return
		}
		for _, word := range s.PodmanRun() {
			assert.NotContains(t, word, "\x00")
			assert.NotContains(t, word, "\n")
		}
	})
}
