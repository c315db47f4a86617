package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// A Probe tells whether a server is ready: every check passes, in order. A
// container that runs is not ready, and neither is a port that accepts.
type Probe []Check

// A Check is one HTTP request to the slot's published port and what its answer
// must say.
type Check struct {
	// Method and Path are the request's; Body, if not empty, is JSON.
	Method string `json:"method"`
	Path   string `json:"path"`
	Body   string `json:"body,omitempty"`
	// Pass returns nil when the answer means ready, else what it means instead.
	Pass func(status int, body []byte) error `json:"-"`
}

func get(path string, pass func(status int, body []byte) error) Check {
	return Check{Method: http.MethodGet, Path: path, Pass: pass}
}

// isOK passes on status 200, whatever the body says.
func isOK(status int, _ []byte) error {
	if status != http.StatusOK {
		return fmt.Errorf("answers %d %s", status, http.StatusText(status))
	}
	return nil
}

// says passes on status 200 and a JSON body that holds.
func says[T any](holds func(T) bool, otherwise string) func(int, []byte) error {
	return func(status int, body []byte) error {
		if err := isOK(status, body); err != nil {
			return err
		}
		var answer T
		if err := json.Unmarshal(body, &answer); err != nil {
			return fmt.Errorf("answers something that is not JSON: %w", err)
		}
		if !holds(answer) {
			return fmt.Errorf("answers, but %s", otherwise)
		}
		return nil
	}
}
