package file_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/internal/file"
)

// helperVar makes the test program do one of helpers instead of its tests.
const helperVar = "HAL0_FILE_HELPER"

var helpers = map[string]func(dir string) error{"count": count, "flip": flip, "stranger": stranger}

func TestMain(m *testing.M) {
	help, ok := helpers[os.Getenv(helperVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := help(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func helper(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
	cmd.Env = append(os.Environ(), helperVar+"="+what)
	return cmd
}

// long returns few, or many with HAL0_LONG=1 in the environment.
func long(few, many int) int {
	if os.Getenv("HAL0_LONG") == "1" {
		return many
	}
	return few
}

// count counts up in a file, 200 times.
func count(dir string) error {
	for range 200 {
		err := file.Update(context.Background(), dir, filepath.Join(dir, "n"), limit, func(old []byte) ([]byte, error) {
			n, err := strconv.Atoi(string(old))
			return []byte(strconv.Itoa(n + 1)), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func TestProcessesLoseNothing(t *testing.T) {
	t.Parallel()
	const processes = 16
	dir := t.TempDir()
	write(t, filepath.Join(dir, "n"), "0")
	var all []*exec.Cmd
	for range processes {
		cmd := helper(t, "count", dir)
		cmd.Stderr = os.Stderr
		require.NoError(t, cmd.Start())
		all = append(all, cmd)
	}
	for _, cmd := range all {
		require.NoError(t, cmd.Wait())
	}
	assert.Equal(t, strconv.Itoa(200*processes), text(t, filepath.Join(dir, "n")))
	assert.Equal(t, []string{"n"}, names(t, dir))
}

const flipSize = 256 << 10

// flip writes a file of one letter and then of another one, until it is killed,
// and tells of each.
func flip(dir string) error {
	for i := 0; ; i++ {
		letter := []byte{"ab"[i%2]}
		if err := file.Update(context.Background(), dir, filepath.Join(dir, "flip"), limit, to(string(bytes.Repeat(letter, flipSize)))); err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString("\n"); err != nil {
			return err
		}
	}
}

// Killed at any moment, a program leaves the old file or the new one, and the
// next one finds no temporary file.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "flip"), strings.Repeat("a", flipSize))
	left := 0
	for range long(30, 500) {
		cmd := helper(t, "flip", dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(out)
		for range 1 + rand.IntN(4) {
			_, err := lines.ReadString('\n')
			require.NoError(t, err)
		}
		spin(rand.IntN(200000))
		require.NoError(t, cmd.Process.Kill())
		_, _ = io.Copy(io.Discard, lines)
		require.Error(t, cmd.Wait(), "it was killed")

		now := text(t, filepath.Join(dir, "flip"))
		require.Len(t, now, flipSize)
		require.Equal(t, strings.Repeat(now[:1], flipSize), now, "one text or the other")
		left += len(names(t, dir)) - 1
		held, err := file.Lock(t.Context(), dir)
		require.NoError(t, err, "the lock ended with its holder")
		require.Equal(t, []string{"flip"}, names(t, dir))
		held.Unlock()
	}
	t.Logf("%d temporary files were left and removed", left)
}

// spin takes a moment that no clock decides.
func spin(n int) {
	for i := range n {
		if rand.IntN(n) < 0 {
			panic(i)
		}
	}
}

// stranger edits as a user whose file it is not.
func stranger(dir string) error {
	if err := syscall.Setuid(65534); err != nil {
		return err
	}
	return file.Update(context.Background(), dir, filepath.Join(dir, "a"), limit, to("two"))
}

func TestStranger(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	path := write(t, filepath.Join(dir, "a"), "one")
	require.NoError(t, os.Chmod(path, 0o666))
	out, err := helper(t, "stranger", dir).CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, path+": can't be written: it belongs to user 0 and group 0, and would not any more (operation not permitted): edit it as that user or as root\n", string(out))
	assert.Equal(t, "one", text(t, path))
	assert.Equal(t, []string{"a"}, names(t, dir))
}
