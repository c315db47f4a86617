package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/hal0ai/hal0-go"
)

// A failure is how an error is told to programs.
type failure struct {
	// Code is for programs, such as "profiles.invalid".
	Code string `json:"code"`
	// Message is for people.
	Message string `json:"message"`
	// Details are more, by code: a list of problems for those that end in
	// ".invalid", null for the others.
	Details any `json:"details"`
}

// invalid is the failure of files with problems.
func invalid(code string, problems hal0.ValidationErrors) failure {
	return failure{code, problems.Error(), problems}
}

// A body is an answer: JSON, or a page.
type body struct {
	data []byte
	tag  string // its ETag
	err  error
}

func newBody(of any) body {
	data, err := json.Marshal(of)
	if err != nil {
		return body{err: err}
	}
	return bodyOf(append(data, '\n'))
}

func bodyOf(data []byte) body {
	sum := sha256.Sum256(data)
	return body{data: data, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// bodies are the answers that were made of a view, each of them once.
type bodies struct{ made sync.Map }

// of returns the answer in JSON for what, which is one of a bounded number of names.
func (b *bodies) of(what string, value func() any) body {
	return b.once(what, func() body { return newBody(value()) })
}

// once returns the answer for what, which is made when it is first asked for.
func (b *bodies) once(what string, made func() body) body {
	once, ok := b.made.Load(what)
	if !ok {
		once, _ = b.made.LoadOrStore(what, sync.OnceValue(made))
	}
	return once.(func() body)() //nolint:forcetypeassert // nothing else is stored
}

// send answers with JSON.
func (s *Server) send(w http.ResponseWriter, r *http.Request, b body) {
	if b.err != nil {
		s.log.Error("an answer has no JSON", "path", r.URL.Path, "error", b.err)
		s.fail(w, http.StatusInternalServerError, failure{Code: "internal", Message: "the answer can't be made"})
		return
	}
	s.deliver(w, r, http.StatusOK, "application/json", b)
}

// deliver answers with a body of some kind. One that is what was asked for has an
// ETag, and is not sent to a client that has it already.
func (s *Server) deliver(w http.ResponseWriter, r *http.Request, status int, kind string, b body) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache") // that is: ask each time whether it is still true
	if status == http.StatusOK {
		h.Set("ETag", b.tag)
		if matches(r.Header.Get("If-None-Match"), b.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(b.data)))
	w.WriteHeader(status)
	s.write(w, b.data)
}

// matches reports whether a list of ETags, as If-None-Match has it, names tag.
func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, status int, f failure) {
	b := newBody(f)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	s.write(w, b.data)
}

// write sends the last of an answer. That a client is gone is no news.
func (s *Server) write(w http.ResponseWriter, data []byte) {
	if _, err := w.Write(data); err != nil {
		s.log.Debug("a client did not take its answer", "error", err)
	}
}
