package ctxread_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/ctxread"
)

func TestReadsAll(t *testing.T) {
	t.Parallel()
	body, done := ctxread.Open(t.Context(), strings.NewReader("all of it"))
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	assert.Equal(t, "all of it", string(data))
	require.NoError(t, done())
}

// A Read that nobody answers does not hold the caller once ctx has ended.
func TestEndsWithTheContext(t *testing.T) {
	t.Parallel()
	silent, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	body, done := ctxread.Open(ctx, silent)
	cancel()
	_, err := io.ReadAll(body)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, done())
}

func TestTellsWhyItCouldNotRead(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	body, done := ctxread.Open(t.Context(), iotest.ErrReader(broken))
	_, err := io.ReadAll(body)
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, done(), broken)
}

func TestIsLeftEarly(t *testing.T) {
	t.Parallel()
	body, done := ctxread.Open(t.Context(), strings.NewReader(strings.Repeat("x", 1<<20)))
	_, err := io.ReadFull(body, make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, done(), "that nobody wants the rest is no failure")
}
