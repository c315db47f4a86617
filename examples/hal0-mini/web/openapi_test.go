package web_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
)

// document is openapi.json.
func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	return doc
}

// sites are servers of boxes that differ in what there is to say.
func sites(t *testing.T) map[string]*site {
	t.Helper()
	up := newBox(t)
	up.slot("a", 8181, "role = \"primary\"\n")
	up.slot("b", 8182)
	up.slot("bad", 8183, "mtp = 7\n")
	up.write("etc/hal0/slots/tts.toml", "port = 8184\ndevice = \"cpu\"\nprofile = \"tts\"\n")
	opened := up.opened()
	for _, name := range []string{"a", "b"} {
		_, err := opened.Up(t.Context(), name)
		require.NoError(t, err)
	}
	require.NoError(t, up.rt.Exit("hal0-slot-b", 137))
	running := up.serve()
	running.awaits(map[string]hal0.State{"a": hal0.StateReady, "b": hal0.StateError, "bad": hal0.StateOffline})

	broken := newBox(t)
	broken.write("etc/hal0/profiles.toml", "[profile.p]\nimage = 7\n")
	return map[string]*site{
		"empty":   serve(t, web.Config{Home: hal0.HomeAt(t.TempDir())}),
		"demo":    serve(t, demo(t)),
		"running": running,
		"broken":  broken.serve(),
	}
}

// demo is the sample box of the program that this package belongs to.
func demo(t testing.TB) web.Config {
	t.Helper()
	return web.Config{Home: hal0.DefaultHome(), Options: []hal0.Option{
		hal0.WithFiles(os.DirFS("../demo")), hal0.WithGetenv(func(string) string { return "" }),
	}}
}

// Every answer is what the document says, in every box; and everything in the
// document is answered with success in one of them.
func TestAnswersAreAsDocumented(t *testing.T) {
	doc := document(t)
	fine := map[string]bool{"/api/events": true} // a stream has no end to check
	for name, s := range sites(t) {
		for path, item := range doc.Paths.Map() {
			if path == "/api/events" {
				continue
			}
			for _, of := range []string{"rocm", "p", "a", "b", "bad", "tts", "chat", "nobody"} {
				at := strings.ReplaceAll(path, "{name}", of)
				got := s.get(at)
				fine[path] = fine[path] || got.status == http.StatusOK
				require.NoError(t, holds(t, doc, path, item, s, at, got), "%s: %s: %.2000s", name, at, got.body)
				if at == path {
					break
				}
			}
		}
	}
	for path := range doc.Paths.Map() {
		assert.True(t, fine[path], "%s was never answered with success", path)
	}
}

// holds tells in what an answer is not as the document says.
func holds(t *testing.T, doc *openapi3.T, path string, item *openapi3.PathItem, s *site, at string, got answer) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+at, nil)
	require.NoError(t, err)
	return openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r, Route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: http.MethodGet, Operation: item.Get},
		},
		Status: got.status, Header: got.header, Body: io.NopCloser(bytes.NewReader([]byte(got.body))),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

// What is sent as events is as the document says, too.
func TestEventsAreAsDocumented(t *testing.T) {
	doc := document(t)
	b := newBox(t)
	b.slot("a", 8185)
	s := b.serve()
	s.awaits(map[string]hal0.State{"a": hal0.StateOffline})
	events := s.listen()
	kinds := map[string]string{"state": "Status", "file": "FileChange"}
	check := func(name, data string) {
		kind, ok := kinds[name]
		require.True(t, ok, name)
		var value any
		require.NoError(t, unmarshal(data, &value))
		assert.NoError(t, doc.Components.Schemas[kind].Value.VisitJSON(value, openapi3.EnableJSONSchema2020()), data)
	}
	_, err := b.opened().Up(t.Context(), "a")
	require.NoError(t, err)
	check("state", events.until("state", `"ready"`))
	b.slot("a", 8185, "priority = 3\n")
	check("file", events.until("file", `"changed"`))
	b.slot("a", 8185, "port = 3\n")
	check("file", events.until("file", `"invalid"`))
}

// The document names every path below /api and no other.
func TestDocumentIsComplete(t *testing.T) {
	source, err := os.ReadFile("api.go")
	require.NoError(t, err)
	var routed []string
	for line := range strings.SplitSeq(string(source), "\n") {
		_, rest, ok := strings.Cut(line, `"GET `)
		path, _, _ := strings.Cut(rest, `"`)
		if ok && path != "/api/" {
			routed = append(routed, path)
		}
	}
	slices.Sort(routed)
	assert.Equal(t, routed, document(t).Paths.Keys())
}
