package provider

import (
	"encoding/json"
	"errors"
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

// ErrNoModel is what a [Check] finds of a server that answers, and has no model
// to serve: there is nothing to wait for, and nothing to send requests to.
var ErrNoModel = errors.New("lists no model")

// A Reporter is a [Provider] whose server tells whether it works on a request.
type Reporter interface {
	// Busy returns the check that passes while the server does. It must be cheap:
	// it is asked whenever somebody wants to know the slot's state.
	Busy(in *Inputs) Check
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
func says[T any](holds func(T) bool, otherwise error) func(int, []byte) error {
	return func(status int, body []byte) error {
		if err := isOK(status, body); err != nil {
			return err
		}
		var answer T
		if err := json.Unmarshal(body, &answer); err != nil {
			return fmt.Errorf("answers something that is not JSON: %w", err)
		}
		if !holds(answer) {
			return fmt.Errorf("answers, but %w", otherwise)
		}
		return nil
	}
}

// models is how servers of OpenAI's API list what they serve.
type models struct {
	Data []json.RawMessage `json:"data"`
}

// listsModel passes on a list with a model in it.
func listsModel(status int, body []byte) error {
	return says(func(m models) bool { return len(m.Data) > 0 }, ErrNoModel)(status, body)
}

// unlessEmpty passes on any answer but a list without a model: it follows checks
// that have found the server ready.
func unlessEmpty(status int, body []byte) error {
	var list struct{ Data *[]json.RawMessage }
	if json.Unmarshal(body, &list) != nil || list.Data == nil {
		return nil
	}
	if err := listsModel(status, body); errors.Is(err, ErrNoModel) {
		return err
	}
	return nil
}
