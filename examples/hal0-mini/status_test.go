package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/runtime"
)

func TestPrintStatus(t *testing.T) {
	t.Parallel()
	exited := container(8102)
	exited.State = runtime.StateExited
	var out strings.Builder
	require.NoError(t, (&app{stdout: &out}).printStatus([]hal0.Status{
		{Slot: "chat", State: hal0.StateReady, Current: true, Container: container(8101)},
		{Slot: "embed", State: hal0.StateError, Reason: "the server exited with code 1", Container: exited},
		{Slot: "rerank", State: hal0.StateOffline},
		{Slot: "tts", State: hal0.StateError, Reason: "it ended; its last lines were:\n  a warning\n  no such flag"},
	}))
	assert.Equal(t, `SLOT    STATE    CONTAINER     ADDRESS                PLAN     WHY
chat    ready    0123456789ab  http://127.0.0.1:8101  current  -
embed   error    0123456789ab  -                      changed  the server exited with code 1
rerank  offline  -             -                      -        -
tts     error    -             -                      -        it ended; its last lines were: … no such flag
`, out.String())
}
