package podman_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func BenchmarkInspect(b *testing.B) {
	r, image := open(b)
	spec := stub(b, image)
	start(b, r, spec)
	for b.Loop() {
		_, err := r.Inspect(b.Context(), spec.Name)
		require.NoError(b, err)
	}
}

func BenchmarkList20(b *testing.B) {
	r, image := open(b)
	labels := map[string]string{runtime.LabelSlot: "bench"}
	for i := range 20 {
		name := fmt.Sprintf("bench-%d", i)
		_, err := shared.Service(b).Podman("create", "--replace", "--name", name, "--label", "hal0.slot=bench", image)
		require.NoError(b, err)
		b.Cleanup(func() {
			_, err := shared.Service(b).Podman("rm", "--force", name)
			require.NoError(b, err)
		})
	}
	for b.Loop() {
		list, err := r.List(b.Context(), labels)
		require.NoError(b, err)
		require.Len(b, list, 20)
	}
}
