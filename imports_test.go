package hal0_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/hal0ai/hal0-go"

// deps returns what a package is compiled from, without the standard library
// and without itself.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", pkg).Output()
	require.NoError(t, err, "go list -deps %s", pkg)
	var list []string
	for _, d := range strings.Fields(string(out)) {
		if d != pkg {
			list = append(list, d)
		}
	}
	return list
}

// The arrows between the packages: what each may import of this module.
func TestArrows(t *testing.T) {
	t.Parallel()
	leaves := []string{"internal/argv", "internal/conf", "internal/ctxread", "internal/edit", "internal/enum", "internal/gguf", "internal/redact", "internal/schema", "internal/sharedpull", "internal/watch"}
	allowed := map[string][]string{
		"runtime":  nil,
		"device":   nil,
		"manifest": nil,
		"provider": {"device", "runtime"},
		"profile":  {"device", "provider", "runtime"},
		"slot":     {"device", "provider", "profile", "manifest", "runtime"},
		"":         {"device", "provider", "profile", "manifest", "slot", "runtime", "internal/file"},

		"manifest/bundle":     {"manifest", "runtime"},
		"runtime/podman":      {"runtime"},
		"runtime/runtimetest": {"runtime", "internal/modelserver"},
		"manifest/registry":   {"manifest"},
		"internal/conf":       nil,
		"internal/argv":       nil,
		"internal/enum":       nil,
		"internal/gguf":       nil,
		"internal/redact":     nil,
		"internal/schema":     nil,
		"internal/sharedpull": nil,
		"internal/watch":      nil,
	}
	for pkg, may := range allowed {
		t.Run("hal0/"+pkg, func(t *testing.T) {
			t.Parallel()
			for _, dep := range deps(t, strings.TrimSuffix(module+"/"+pkg, "/")) {
				own, ok := strings.CutPrefix(dep, module+"/")
				if ok && !strings.HasPrefix(pkg, "internal/") {
					assert.Contains(t, append(leaves, may...), own, "%s imports it", pkg)
				}
			}
		})
	}
}

// What is for tests is compiled into no program.
func TestWhatIsForTestsStaysThere(t *testing.T) {
	t.Parallel()
	for pkg, want := range map[string]bool{
		"": false, "/runtime": false, "/runtime/podman": false, "/examples/hal0-mini": false, "/runtime/runtimetest/testprogram": false, "/runtime/runtimetest": true,
	} {
		assert.Equal(t, want, slices.ContainsFunc(deps(t, module+pkg), func(dep string) bool {
			return dep == module+"/runtime/runtimetest" || strings.HasPrefix(dep, "github.com/stretchr/testify/")
		}), "%s", module+pkg)
	}
}

// Nobody but runtime/podman, and the example, compiles podman's packages.
func TestPodmanStaysInItsPackage(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "./...").Output()
	require.NoError(t, err)
	may := []string{module + "/runtime/podman", module + "/examples/hal0-mini"}
	found := 0
	for _, pkg := range strings.Fields(string(out)) {
		uses := false
		for _, dep := range deps(t, pkg) {
			uses = uses || strings.HasPrefix(dep, "github.com/containers/")
		}
		if uses {
			found++
			assert.Contains(t, may, pkg, "compiles podman packages")
		}
	}
	assert.Equal(t, len(may), found, "the rule is checked against packages that do import podman")
}

// A program that asks no registry does not compile the client.
func TestRegistryClientStaysInItsPackage(t *testing.T) {
	t.Parallel()
	for pkg, want := range map[string]bool{"": false, "/manifest": false, "/runtime/podman": false, "/manifest/registry": true} {
		assert.Equal(t, want, slices.ContainsFunc(deps(t, module+pkg), func(dep string) bool {
			return strings.HasPrefix(dep, "github.com/google/go-containerregistry/")
		}), "%s", module+pkg)
	}
}

func TestRootIsLight(t *testing.T) {
	t.Parallel()
	list := deps(t, module)
	t.Logf("the root package is compiled from %d packages outside the standard library", len(list))
	assert.Less(t, len(list), 60)
}
