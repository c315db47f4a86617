package web

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every link of every page, and what it loads, is there.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	for name, files := range map[string]map[string]string{"demo": nil, "broken slots": brokenSlots()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, files)
			pages := map[string]string{}
			todo := []string{"/profiles", "/nothing"}
			for len(todo) > 0 {
				path := todo[0]
				todo = todo[1:]
				if _, seen := pages[path]; seen {
					continue
				}
				resp, page := s.get(path)
				pages[path] = page
				if path != "/nothing" && path != "/" {
					require.Equal(t, http.StatusOK, resp.Code, path)
				}
				if !strings.HasPrefix(resp.Header().Get("Content-Type"), "text/html") {
					continue
				}
				for _, m := range link.FindAllStringSubmatch(page, -1) {
					to, anchor, _ := strings.Cut(m[1], "#")
					if to != "" {
						todo = append(todo, to)
					} else {
						assert.Contains(t, page, `id="`+anchor+`"`)
					}
				}
			}
			assert.Greater(t, len(pages), 20)
		})
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for name, kind := range map[string]string{"app.css": "text/css; charset=utf-8", "app.js": "text/javascript; charset=utf-8", "favicon.svg": "image/svg+xml"} {
		url := newAssets("/assets/").urls[name]
		resp, body := s.get(url)
		assert.Equal(t, http.StatusOK, resp.Code)
		assert.Equal(t, kind, resp.Header().Get("Content-Type"))
		assert.Equal(t, "public, max-age=31536000, immutable", resp.Header().Get("Cache-Control"))
		assert.NotEmpty(t, body)
		assert.Regexp(t, `^/assets/[a-z]+\.[A-Za-z0-9_-]{16}\.[a-z]+$`, url)
	}
}

// hostile is what nobody may get into a page as anything but text.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`

func TestPagesEscape(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(strings.ReplaceAll(hostile, `\`, `\\`), `"`, `\"`)
	s := newSite(t, map[string]string{
		"etc/hal0/slots/chat.toml": "port = 8081\nprofile = \"rocm\"\nrole = \"" + text + "\"\n\"" + text + "\" = 1\n[model]\ndefault = \"/srv/" + text + ".gguf\"\n" +
			"[server]\nextra_args = '''-a \"<script>alert(1)</script>\"'''\n[server.env]\nX = \"" + text + "\"\n",
		"etc/hal0/slots/embed.toml": "port = 8082\ndevice = \"" + text + "\"\n[model]\ndefault = \"" + text + "\"\n",
		"etc/hal0/profiles.toml":    "[profile.rocm]\nimage = \"localhost/p:v1\"\nbackend = \"rocm\"\nintent = \"" + text + "\"\nquant = \"" + text + "\"\nflags = '''--x \"<script>alert(1)</script>\"'''\n",
		"etc/hal0/hardware.json":    `{"hostname":"` + text + `","cpu_model":"` + text + `","gpus":[{"vendor":"amd","name":"` + text + `","vram_mb":1}]}`,
	})
	seen := 0
	for _, path := range []string{"/profiles", "/profiles/rocm", "/slots", "/slots/chat", "/slots/embed", "/box"} {
		resp, page := s.get(path)
		assert.Equal(t, http.StatusOK, resp.Code, path)
		assert.NotContains(t, page, "<script>alert", path)
		assert.NotContains(t, page, "<img", path)
		seen += strings.Count(page, "&lt;script&gt;alert")
		checkStrict(t, page)
	}
	assert.Greater(t, seen, 15, "the test shows what it means to")
}

// A page that can't be made is an error, and not a half of it.
func TestPageThatFails(t *testing.T) {
	t.Parallel()
	server, err := New(demoConfig(t, nil))
	require.NoError(t, err)
	p := &pages{server: server, assets: newAssets("/assets/"), templates: map[string]*template.Template{
		"bad": template.Must(template.Must(parseTemplates(server.at)["box"].Clone()).Parse(`{{define "main"}}a part {{.None.Nothing}}{{end}}`)),
	}}
	w := httptest.NewRecorder()
	p.show(func(*view, *http.Request) page {
		return page{status: 200, template: "bad", content: func() any { return 1 }}
	}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, "This page can't be made: the server's log says why.\n", w.Body.String())
	assert.Empty(t, w.Header().Get("ETag"))
}

// No request makes a page fail, and nothing of one comes back in it.
func FuzzPages(f *testing.F) {
	f.Add("/profiles", "gpu", "*")
	f.Add("/slots/chat", "", `W/"x"`)
	f.Add("/assets/../app.css", hostile, hostile)
	f.Add("/slots/"+hostile, "%00", "")
	f.Add("//profiles/%2e%2e", "class=gpu&class=cpu", "\"")
	s := newSite(f, nil)
	const marker = "zq7<zq7>"
	f.Fuzz(func(t *testing.T, path, query, tag string) {
		for _, target := range []string{"/profiles", "/profiles/", "/slots/", "/assets/", "/"} {
			u := url.URL{Path: target + strings.TrimPrefix(path, "/") + marker, RawQuery: url.Values{"class": {query + marker}, query: {marker}}.Encode()}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Host, r.URL = testHost, &u
			r.Header.Set("If-None-Match", tag)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.Contains(t, []int{200, 301, 302, 304, 307, 308, 404}, w.Code, u.String())
			require.NotContains(t, w.Body.String(), "<zq7>")
			if w.Code >= 400 && strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
				require.NotContains(t, w.Body.String(), "zq7")
			}
		}
	})
}

// Where another program serves something else at the root, no address leads there.
func TestPagesBelowAPath(t *testing.T) {
	t.Parallel()
	config := demoConfig(t, nil)
	config.Path = "/hal0"
	server, err := New(config)
	require.NoError(t, err)
	handler := server.Handler()
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+config.Hosts[0]+path, nil))
		return w
	}
	assert.Equal(t, "/hal0/profiles", get("/hal0/").Header().Get("Location"))
	assert.Equal(t, http.StatusNotFound, get("/profiles").Code)
	address := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	for _, path := range []string{"/hal0/profiles", "/hal0/profiles/rocm", "/hal0/slots", "/hal0/slots/chat", "/hal0/box", "/hal0/nothing"} {
		page := get(path).Body.String()
		assert.Contains(t, page, `data-base="/hal0"`)
		found := address.FindAllStringSubmatch(page, -1)
		assert.Greater(t, len(found), 8, path)
		for _, one := range found {
			assert.Regexp(t, `^(/hal0/|#)`, one[1], path)
		}
	}
	assert.Equal(t, http.StatusOK, get("/hal0/api/profiles").Code)
}
