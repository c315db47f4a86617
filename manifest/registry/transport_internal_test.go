package registry

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The host alone decides what is spoken: nobody is talked into plain HTTP.
func TestGuard(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"https://ghcr.io/v2/":              "https://ghcr.io/v2/",
		"http://ghcr.io/v2/":               "https://ghcr.io/v2/",
		"http://192.168.1.5:5000/v2/":      "https://192.168.1.5:5000/v2/",
		"https://registry.lan:5000/v2/":    "http://registry.lan:5000/v2/",
		"http://registry.lan:5000/v2/":     "http://registry.lan:5000/v2/",
		"http://registry.lan/v2/":          "https://registry.lan/v2/",
		"https://127.0.0.1:5000/v2/":       "http://127.0.0.1:5000/v2/",
		"http://[::1]:5000/v2/":            "http://[::1]:5000/v2/",
		"http://localhost:5000/v2/":        "http://localhost:5000/v2/",
		"http://localhost.example.org/v2/": "https://localhost.example.org/v2/",
	} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			asked := ""
			g := guard{insecure: []string{"registry.lan:5000"}, inner: roundTripper(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.String()
				return &http.Response{Body: http.NoBody}, nil
			})}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, from, http.NoBody)
			resp, err := g.RoundTrip(request)
			assert.Equal(t, want, asked)
			assert.Equal(t, from, request.URL.String(), "the caller's request is not changed")
			require.NoError(t, err)
			assert.NoError(t, resp.Body.Close())
		})
	}
}
