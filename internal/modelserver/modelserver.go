// Package modelserver answers as a model server that is ready, whichever of
// hal0's providers asks: for stand-ins in tests.
package modelserver

import (
	"fmt"
	"net/http"
)

// answers are bodies of status 200, by pattern: what the readiness probes of
// llama-server, FastFlowLM, Kokoro and ComfyUI ask.
var answers = map[string]string{
	"GET /health":               `{"status":"ok","model_loaded":true}`,
	"GET /v1/models":            `{"object":"list","data":[{"id":"stub","object":"model"}]}`,
	"POST /v1/chat/completions": `{"choices":[{"index":0,"message":{"role":"assistant","content":"stub"},"finish_reason":"stop"}]}`,
	"GET /system_stats":         `{"system":{"python_version":"3.12.3 (stub)"}}`,
}

// Handler returns the handler of a server that is ready. What it does not know
// is 404.
func Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, body := range answers {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { Answer(w, http.StatusOK, body) })
	}
	return mux
}

// Answer sends a JSON body.
func Answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, body) // a probe that left is no news
}
