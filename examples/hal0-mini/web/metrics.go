package web

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/manifest"
)

// metrics are what Prometheus reads. They tell of what was observed: a slot that
// is up again, or down, between two looks has no duration.
type metrics struct {
	registry *prometheus.Registry
	up, down prometheus.Histogram
	pulls    prometheus.Counter
	invalid  prometheus.Counter

	// began is when slots left a state of rest, by name. Who makes the next view
	// uses it.
	began map[string]time.Time
}

func newMetrics(s *Server) *metrics {
	// From a server that only has to be started to a model of 100 GB that is read.
	upTo := prometheus.ExponentialBuckets(0.25, 2, 12)
	m := &metrics{
		registry: prometheus.NewRegistry(),
		up:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hal0_slot_up_seconds", Help: "Time that slots took from rest to ready, as observed.", Buckets: upTo}),
		down:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "hal0_slot_down_seconds", Help: "Time that slots took from unloading to offline, of those that were seen unloading.", Buckets: upTo}),
		pulls:    prometheus.NewCounter(prometheus.CounterOpts{Name: "hal0_image_pulls_total", Help: "Times that a slot was seen to fetch its image."}),
		invalid:  prometheus.NewCounter(prometheus.CounterOpts{Name: "hal0_file_errors_total", Help: "Times that a file of the box was changed to something with problems."}),
		began:    map[string]time.Time{},
	}
	m.registry.MustRegister(m.up, m.down, m.pulls, m.invalid, now{s}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// files counts changes of files.
func (m *metrics) files(changes []hal0.FileChange) {
	for _, c := range changes {
		if c.Kind == hal0.Invalid {
			m.invalid.Inc()
		}
	}
}

// moved counts that a slot went from one state to another by a time.
func (m *metrics) moved(from hal0.State, now hal0.Status, at time.Time) {
	if from == now.State {
		return
	}
	if now.State == hal0.StatePulling {
		m.pulls.Inc()
	}
	atRest := from == hal0.StateOffline || from == hal0.StateError
	began, moving := m.began[now.Slot]
	switch now.State {
	case hal0.StatePulling, hal0.StateStarting, hal0.StateWarming:
		if !moving && atRest {
			m.began[now.Slot] = at
		}
		return
	case hal0.StateUnloading:
		m.began[now.Slot] = at
		return
	case hal0.StateReady, hal0.StateServing, hal0.StateIdle:
		if !moving && atRest && now.Container != nil { // it was up before anybody looked again
			began, moving = now.Container.StartedAt, true
		}
		if moving {
			m.up.Observe(max(0, at.Sub(began).Seconds()))
		}
	case hal0.StateError: // it came to nothing
	case hal0.StateOffline:
		if moving && from == hal0.StateUnloading {
			m.down.Observe(at.Sub(began).Seconds())
		}
	}
	delete(m.began, now.Slot)
}

// lost forgets when slots began to move: what they do is not known any more.
func (m *metrics) lost() { clear(m.began) }

// now collects what is so at the time that it is asked for.
type now struct{ server *Server }

var (
	slotsDesc    = prometheus.NewDesc("hal0_slots", "Slots by state; unknown are those that nobody can tell of.", []string{"state"}, nil)
	problemsDesc = prometheus.NewDesc("hal0_file_problems", "Problems and warnings of the box's files.", []string{"kind"}, nil)
	imagesDesc   = prometheus.NewDesc("hal0_images", "Images by what the last check of digests said.", []string{"verdict"}, nil)
	viewersDesc  = prometheus.NewDesc("hal0_event_readers", "Readers of the stream of events.", nil, nil)
	slowDesc     = prometheus.NewDesc("hal0_event_readers_dropped_total", "Readers of the stream of events that were too slow.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (now) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{slotsDesc, problemsDesc, imagesDesc, viewersDesc, slowDesc} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (n now) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	v := n.server.view()
	states := map[hal0.State]int{}
	for _, s := range v.allSlots() {
		states[s.State]++
	}
	for _, state := range hal0.States() {
		gauge(slotsDesc, states[state], string(state))
	}
	gauge(slotsDesc, states[""], "unknown")
	gauge(problemsDesc, len(v.report.Problems), "error")
	gauge(problemsDesc, len(v.report.Warnings), "warning")
	if checked := n.server.checker.known(nil, 0); checked != nil {
		verdicts := map[manifest.Verdict]int{}
		for _, r := range checked.Images {
			verdicts[r.Verdict]++
		}
		for _, verdict := range manifest.Verdicts() {
			gauge(imagesDesc, verdicts[verdict], string(verdict))
		}
	}
	readers, slow := n.server.hub.count()
	gauge(viewersDesc, readers)
	out <- prometheus.MustNewConstMetric(slowDesc, prometheus.CounterValue, float64(slow))
}
