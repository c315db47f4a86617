package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
)

// One line of JSON for each change, as it happens, until interrupted.
func TestWatch(t *testing.T) {
	t.Parallel()
	home, file := speakerBox(t)
	ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
	defer interrupt()
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"watch", "--home", home, "--json"}, in, io.Discard)
		_ = in.Close()
	}()
	lines := bufio.NewScanner(out)
	next := func() (c hal0.FileChange) {
		require.True(t, lines.Scan())
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		return c
	}
	first := next()
	assert.Equal(t, hal0.Added, first.Kind)
	assert.Equal(t, "tts", first.Slot)
	require.NoError(t, os.WriteFile(file, []byte("port = 80\n"), 0o600))
	bad := next()
	assert.Equal(t, hal0.Invalid, bad.Kind)
	require.Len(t, bad.Problems, 1)
	assert.Equal(t, 8084, bad.Value.Port, "what it said before stands")
	interrupt()
	assert.False(t, lines.Scan())
	assert.Zero(t, <-code)
}
