package web

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

// demoOptions open the sample box, with files of a test on top of its own.
func demoOptions(t testing.TB, more map[string]string) []hal0.Option {
	t.Helper()
	files := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(os.DirFS("../demo"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile("../demo/" + name)
		files[name] = &fstest.MapFile{Data: data}
		return err
	}))
	for name, text := range more {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	var host device.Host
	require.NoError(t, json.Unmarshal(files["host.json"].Data, &host))
	none := func(string) string { return "" }
	return []hal0.Option{hal0.WithFiles(files), hal0.WithHost(host), hal0.WithGetenv(none)}
}

const testHost = "hal0.test"

// pagesOf returns what asks the server of a sample box for a page.
func pagesOf(t testing.TB, more map[string]string) func(path string) *http.Response {
	t.Helper()
	s, err := New(Config{Home: hal0.DefaultHome(), Options: demoOptions(t, more), Hosts: []string{testHost}})
	require.NoError(t, err)
	handler := s.Handler()
	return func(path string) *http.Response {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host = testHost
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Result()
	}
}

func TestPagesOfTheSampleBox(t *testing.T) {
	t.Parallel()
	get := pagesOf(t, nil)
	for path, status := range map[string]int{"/profiles": 200, "/profiles/rocm": 200, "/slots": 200, "/slots/chat": 200, "/box": 200, "/nothing": 404, "/": 302} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			resp := get(path)
			assert.Equal(t, status, resp.StatusCode)
		})
	}
}
