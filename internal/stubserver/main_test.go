package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"llama-server": {[]string{"--host", "0.0.0.0", "--port", "8081", "--model", "/m.gguf"}, "0.0.0.0:8081"},
		"flm":          {[]string{"serve", "gemma3:1b", "--host", "127.0.0.1", "--port", "8083", "--embed", "1"}, "127.0.0.1:8083"},
		"comfyui":      {[]string{"bash", "-lc", "cd /opt/ComfyUI && exec python main.py --listen 0.0.0.0 --port 8188 --cache-none"}, "0.0.0.0:8188"},
		"last wins":    {[]string{"--port", "1", "--port", "2"}, "0.0.0.0:2"},
		"nothing":      {nil, "0.0.0.0:8080"},
		"no value":     {[]string{"--port"}, "0.0.0.0:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, address(tc.args))
		})
	}
}

func ask(s *server, method, path string) (int, string) {
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := &server{loading: 2}
	for range 2 {
		code, body := ask(s, http.MethodGet, "/health")
		assert.Equal(t, http.StatusServiceUnavailable, code)
		assert.Contains(t, body, `"Loading model"`)
	}
	code, body := ask(s, http.MethodGet, "/health")
	assert.Equal(t, http.StatusOK, code)
	assert.JSONEq(t, `{"status":"ok","model_loaded":true}`, body)
	code, _ = ask(&server{mode: "never"}, http.MethodGet, "/health")
	assert.Equal(t, http.StatusServiceUnavailable, code)
}

func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"GET /v1/models": `"id":"stub"`, "POST /v1/chat/completions": `"choices":[{`, "GET /system_stats": `"python_version":"3`,
	} {
		method, path, _ := strings.Cut(path, " ")
		code, body := ask(&server{}, method, path)
		assert.Equal(t, http.StatusOK, code)
		assert.Contains(t, body, want)
	}
	code, _ := ask(&server{}, http.MethodGet, "/other")
	assert.Equal(t, http.StatusNotFound, code)
}
