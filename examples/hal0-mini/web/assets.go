package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assetTypes are the kinds of files that pages load.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assets are the files that pages load. Their addresses change with what they say,
// so that a browser may keep them for good.
type assets struct {
	urls  map[string]string // by the file's name
	files map[string][]byte // by the last part of the address
}

func newAssets(below string) *assets {
	a := &assets{urls: map[string]string{}, files: map[string][]byte{}}
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err) // the program has them in it
	}
	for _, e := range entries {
		data, err := fs.ReadFile(assetFiles, path.Join("assets", e.Name()))
		if err != nil {
			panic(err)
		}
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + strings.Trim(bodyOf(data).tag, `"`) + ext
		a.urls[e.Name()], a.files[name] = below+name, data
	}
	return a
}

// asset answers with a file.
func (p *pages) asset() http.Handler {
	missing := p.show(func(*view, *http.Request) page {
		return notFound("There is no such file. It may be of an older version of this program.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		data, ok := p.assets.files[name]
		if !ok {
			missing.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Content-Type", assetTypes[path.Ext(name)])
		p.server.write(w, data)
	})
}
