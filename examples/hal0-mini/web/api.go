package web

import (
	_ "embed"
	"net/http"
	"strings"
	"time"
)

//go:embed openapi.json
var openAPI []byte

// routeAPI adds what programs ask for; openapi.json describes it.
func (s *Server) routeAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/profiles", s.profiles)
	mux.HandleFunc("GET /api/profiles/{name}", s.profile)
	mux.HandleFunc("GET /api/slots", s.slots)
	mux.HandleFunc("GET /api/slots/{name}", s.slot)
	mux.HandleFunc("GET /api/devices", s.fixed("devices", func(v *view) any { return v.devices }))
	mux.HandleFunc("GET /api/providers", s.fixed("providers", func(v *view) any { return providersOf(v.box) }))
	mux.HandleFunc("GET /api/hardware", s.fixed("hardware", func(v *view) any { return v.hardware() }))
	mux.HandleFunc("GET /api/images", s.images)
	mux.HandleFunc("GET /api/events", s.events)
	document := bodyOf(openAPI)
	mux.HandleFunc("GET /api/openapi.json", func(w http.ResponseWriter, r *http.Request) { s.send(w, r, document) })
	mux.HandleFunc("GET /api/", func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, http.StatusNotFound, failure{Code: "path.unknown", Message: "nothing is here: /api/openapi.json tells what there is"})
	})
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", s.metrics.handler())
}

// fixed answers with what depends on the box's files alone.
func (s *Server) fixed(what string, value func(*view) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := s.view()
		s.send(w, r, v.files.bodies.of(what, func() any { return value(v) }))
	}
}

// profiles answers with the catalog; while the file has problems, with those.
func (s *Server) profiles(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	if s.profilesFail(w, v) {
		return
	}
	s.send(w, r, v.files.bodies.of("profiles", func() any { return v.profiles }))
}

func (s *Server) profile(w http.ResponseWriter, r *http.Request) {
	v, name := s.view(), r.PathValue("name")
	if s.profilesFail(w, v) {
		return
	}
	for i := range v.profiles {
		if v.profiles[i].Name == name {
			s.send(w, r, v.files.bodies.of("profile "+name, func() any { return v.profiles[i] }))
			return
		}
	}
	names := make([]string, len(v.profiles))
	for i, p := range v.profiles {
		names[i] = p.Name
	}
	s.fail(w, http.StatusNotFound, failure{"profile.unknown", "there is no such profile; there are " + strings.Join(names, ", "), names})
}

// profilesFail answers with the problems of profiles.toml, if it has any.
func (s *Server) profilesFail(w http.ResponseWriter, v *view) bool {
	problems := v.profilesErr()
	if len(problems) > 0 {
		s.fail(w, http.StatusInternalServerError, invalid("profiles.invalid", problems))
	}
	return len(problems) > 0
}

func (s *Server) slots(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	s.send(w, r, v.bodies.of("slots", func() any { return v.allSlots() }))
}

func (s *Server) slot(w http.ResponseWriter, r *http.Request) {
	v, name := s.view(), r.PathValue("name")
	if one, ok := v.slot(name); ok {
		s.send(w, r, v.bodies.of("slot "+name, func() any { return one }))
		return
	}
	names := append([]string{}, v.box.Names()...)
	message := "there is no such slot; there are " + strings.Join(names, ", ")
	if len(names) == 0 {
		message = "there is no such slot: the box has none"
	}
	s.fail(w, http.StatusNotFound, failure{"slot.unknown", message, names})
}

// health is what a supervisor asks for: that the server answers, and what it
// knows.
type health struct {
	Status string `json:"status"` // "ok": there would be no answer otherwise
	// States tells whether the states of slots are known; Unknown is why not.
	States  bool   `json:"states"`
	Unknown string `json:"unknown,omitempty"`
	// Problems and Warnings count what is amiss with the box's files.
	Problems int `json:"problems"`
	Warnings int `json:"warnings"`
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	v := s.view()
	h := health{Status: "ok", States: v.unknown == nil, Problems: len(v.report.Problems), Warnings: len(v.report.Warnings)}
	if v.unknown != nil {
		h.Unknown = v.unknown.Error()
	}
	s.send(w, r, newBody(h))
}

// heartbeat is the pause after which a stream says that it is still there, so that
// what lies between does not take it for dead.
const heartbeat = 15 * time.Second

// sendWithin bounds how long a client may take to take in an event.
const sendWithin = 10 * time.Second

// events is a stream of server-sent events: hello at first, with the number of
// the view that they begin after, and then what happens.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return
	}
	events, leave := s.hub.listen()
	defer leave()
	send := func(data []byte) bool {
		_ = out.SetWriteDeadline(time.Now().Add(sendWithin)) // a writer without deadlines has none
		_, err := w.Write(data)
		return err == nil && out.Flush() == nil
	}
	select {
	case <-r.Context().Done():
		return
	case <-s.watching: // from here on each change is an event
	}
	if !send(newEvent("hello", map[string]int64{"view": s.view().number}).stream()) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if !send([]byte(": still here\n\n")) {
				return
			}
		case happened, ok := <-events:
			if !ok || !send(happened) {
				return
			}
		}
	}
}
