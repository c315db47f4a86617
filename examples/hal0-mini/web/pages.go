package web

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/slot"
)

//go:embed templates
var templateFiles embed.FS

// A page is what a path answers to people: a template, what it is about, and what
// it shows.
type page struct {
	status   int
	template string
	title    string
	section  string // the entry of the navigation that it belongs to
	slot     string // whose every change makes it another page
	variant  string // tells pages of one template and title apart
	content  func() any
}

// name is what a page is kept under as long as the view stays.
func (p page) name() string {
	return strings.Join([]string{"page", p.template, p.title, p.variant}, " ")
}

// A layout is what is around the content of a page, and it.
type layout struct {
	Title   string
	Section string
	Slot    string
	Host    string
	View    int64
	// Problems counts those of the box's files, and Unknown tells why there are no
	// states.
	Problems int
	Unknown  string
	Assets   map[string]string
	Content  any
}

// pages renders pages.
type pages struct {
	server    *Server
	assets    *assets
	templates map[string]*template.Template
}

// routePages adds what people look at.
func (s *Server) routePages(mux *http.ServeMux) {
	p := &pages{server: s, assets: newAssets(s.at("/assets/")), templates: parseTemplates(s.at)}
	mux.Handle("GET /{$}", http.RedirectHandler(s.at("/profiles"), http.StatusFound))
	mux.Handle("GET /profiles", p.show(profilesPage))
	mux.Handle("GET /profiles/{name}", p.show(profilePage))
	mux.Handle("GET /slots", p.show(slotsPage))
	mux.Handle("GET /slots/{name}", p.show(slotPage))
	mux.Handle("GET /box", p.show(boxPage))
	mux.Handle("GET /assets/{name}", p.asset())
	mux.Handle("/", p.show(func(*view, *http.Request) page { return notFound("There is nothing at this address.") }))
}

// parseTemplates reads the templates that the program has in it: those of pages
// stand in files of their own, and share the others. at makes addresses.
func parseTemplates(at func(path string) string) map[string]*template.Template {
	shared := template.Must(template.New("shared").Funcs(template.FuncMap{
		"at": at, "bytes": slot.Bytes, "mib": mib, "short": shortDigest, "counted": counted,
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	all := map[string]*template.Template{}
	for _, name := range []string{"profiles", "profile", "slots", "slot", "box", "failure"} {
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return all
}

// show answers with the page that is made of the newest view.
func (p *pages) show(of func(*view, *http.Request) page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := p.server.view()
		made := of(v, r)
		html := v.bodies.once(made.name(), func() body { return p.render(v, made) })
		if html.err != nil {
			p.server.log.Error("a page can't be made", "path", r.URL.Path, "error", html.err)
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "This page can't be made: the server's log says why.", http.StatusInternalServerError)
			return
		}
		p.server.deliver(w, r, made.status, "text/html; charset=utf-8", html)
	})
}

func (p *pages) render(v *view, made page) body {
	var html bytes.Buffer
	err := p.templates[made.template].ExecuteTemplate(&html, "layout", layout{
		Title: made.title, Section: made.section, Slot: made.slot, Content: made.content(),
		Host: v.probed().Hostname, View: v.number, Problems: len(v.report.Problems), Unknown: textOf(v.unknown),
		Assets: p.assets.urls,
	})
	if err != nil {
		return body{err: err}
	}
	return bodyOf(html.Bytes())
}

// A failurePage says why there is nothing else to see.
type failurePage struct {
	Heading  string
	Text     string
	Problems hal0.ValidationErrors
}

func notFound(why string) page {
	return page{status: http.StatusNotFound, template: "failure", title: "Not found", variant: why, content: func() any { return failurePage{Heading: "Not found", Text: why} }}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// counted returns such as "2 slots".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// shortDigest is as much of a digest as people compare.
func shortDigest(digest string) string {
	const enough = len("sha256:") + 12
	if len(digest) <= enough {
		return digest
	}
	return digest[:enough] + "…"
}

// mib writes a number of MiB for people.
func mib(n int) string { return slot.Bytes(int64(n) << 20) }
