package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve runs the verb until the test ends, and returns where it listens and what
// ends it.
func serveUntil(t *testing.T, args ...string) (base string, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), in, io.Discard)
		_ = in.Close()
	}()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	base = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "serving "), "/")
	return base, func() int {
		cancel()
		_, _ = io.Copy(io.Discard, lines)
		return <-code
	}
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	got, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = got.Body.Close() }()
	data, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return got.StatusCode, string(data)
}

func TestServe(t *testing.T) {
	base, end := serveUntil(t, "--demo")
	status, body := fetch(t, base+"/api/slots/chat")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"profile":"rocm-dnse"`)
	assert.Equal(t, exitFine, end(), "an interrupt is the way to end it")
}

// A listener on all addresses says one that leads to it.
func TestServeSaysWhereItIs(t *testing.T) {
	base, end := serveUntil(t, "--demo", "--allow-remote", "--listen", "0.0.0.0:0")
	assert.True(t, strings.HasPrefix(base, "http://localhost:"), base)
	status, _ := fetch(t, base+"/healthz")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, exitFine, end())
}

// Without podman the box is served all the same: its files are there.
func TestServeWithoutPodman(t *testing.T) {
	base, end := serveUntil(t, "--home", t.TempDir(), "--podman", "unix:///nowhere/podman.sock")
	status, body := fetch(t, base+"/api/profiles")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, `"rocm-moe"`)
	status, body = fetch(t, base+"/api/images")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Contains(t, body, `"code":"runtime.unavailable"`)
	assert.Equal(t, exitFine, end())
}

func TestServeListensWhereItMay(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:8080":     "--listen 0.0.0.0:8080: other machines may reach that address, and there is no password: say --allow-remote too if that is meant",
		"192.0.2.1:8080":   "--listen 192.0.2.1:8080: other machines may reach that address, and there is no password: say --allow-remote too if that is meant",
		"localhost:8080":   `--listen "localhost:8080" is not an IP address with a port, such as 127.0.0.1:8080 or [::1]:8080`,
		"8080":             `--listen "8080" is not an IP address with a port, such as 127.0.0.1:8080 or [::1]:8080`,
		"127.0.0.1:100000": `--listen "127.0.0.1:100000" is not an IP address with a port, such as 127.0.0.1:8080 or [::1]:8080`,
	} {
		code, stdout, stderr := mini(t, "serve", "--demo", "--listen", address)
		assert.Equal(t, exitFailed, code, address)
		assert.Empty(t, stdout)
		assert.Equal(t, "hal0-mini: "+want+"\n", stderr)
	}
}
