package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
)

// Whatever a request says, it gets an answer that is meant, and what it says is not
// in a page as markup.
func FuzzRequest(f *testing.F) {
	config := demo(f)
	config.Hosts = []string{"box"}
	server, err := web.New(config)
	require.NoError(f, err)
	handler := server.Handler()
	for _, path := range []string{"/", "/profiles", "/profiles/rocm", "/slots/chat", "/box", "/assets/app.css", "/api/slots/chat", "/api/profiles/x", "/metrics", "/healthz", "/nowhere", "//", "/../etc", "/slots/%00"} {
		f.Add("GET", path, "class=gpu", "Accept", "text/html", "box")
	}
	f.Add("HEAD", "/profiles", "class=npu&class=x", "If-None-Match", `W/"x", *`, "BOX")
	f.Add("TRACE", "*", "", "Range", "bytes=0-1,5-", "evil")
	const markup = `<b class="x" title='y'>`
	f.Fuzz(func(t *testing.T, method, path, query, header, value, host string) {
		for _, r := range []*http.Request{
			{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Host: host, Header: http.Header{header: {value}}},
			{Method: http.MethodGet, URL: &url.URL{Path: path + markup, RawQuery: query + "&class=" + url.QueryEscape(markup+query)}, Host: "box", Header: http.Header{header: {value + markup}}},
			{Method: http.MethodGet, URL: &url.URL{Path: "/profiles", RawQuery: "class=" + url.QueryEscape(markup+value)}, Host: "box"},
			{Method: http.MethodGet, URL: &url.URL{Path: "/slots/" + value + markup}, Host: "box"},
		} {
			if r.URL.Path == "/api/events" {
				continue // which does not end
			}
			r.Body = http.NoBody
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r.WithContext(t.Context()))
			switch w.Code {
			case http.StatusOK, http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusNotModified, http.StatusPartialContent,
				http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable,
				http.StatusMisdirectedRequest:
			case http.StatusServiceUnavailable:
				require.Equal(t, "/api/images", r.URL.Path)
			default:
				t.Fatal(w.Code, w.Body)
			}
			if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				require.NotContains(t, w.Body.String(), markup)
			}
		}
	})
}
