package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const testHost = "hal0.test"

// ask returns what asks the server of a sample box for a page.
func pagesOf(t testing.TB, more map[string]string) func(path string) *http.Response {
	t.Helper()
	s, err := New(demoConfig(t, more))
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
