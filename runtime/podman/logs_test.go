package podman_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/runtime"
)

func TestLogsOfOneThatNeverRan(t *testing.T) {
	r, image := open(t)
	spec := stub(t, image)
	_, err := shared.Service(t).Podman("create", "--name", spec.Name, image)
	require.NoError(t, err)
	for line, err := range r.Logs(t.Context(), spec.Name, runtime.LogOptions{}) {
		require.NoError(t, err)
		t.Errorf("a line %q", line.Text)
	}
}
