package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A page of a box with 200 slots.
func BenchmarkPages(b *testing.B) {
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("etc/hal0/slots/s%d.toml", i)] = fmt.Sprintf("port = %d\ndevice = \"gpu-rocm\"\nprofile = \"rocm-dnse\"\n[model]\ndefault = \"qwen3.6-27b-mtp\"\n[server]\nextra_args = \"-b 1024\"\n", 8086+i)
	}
	s := newSite(b, files)
	for _, path := range []string{"/profiles", "/slots", "/slots/s7", "/box"} {
		b.Run(path[1:], func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
				r.Host = testHost
				w := httptest.NewRecorder()
				s.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
