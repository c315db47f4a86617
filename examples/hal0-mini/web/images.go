package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/runtime"
)

const (
	// imagesFor is how long a check of the local store holds: it is made when
	// somebody asks, and no more often.
	imagesFor = 10 * time.Second
	// servedFor is the same for one that asks registries, which count requests.
	servedFor = 10 * time.Minute
	// imagesWithin bounds a check.
	imagesWithin = 2 * time.Minute
)

// Images are the images of the box, held against their pins.
type Images struct {
	CheckedAt time.Time `json:"checked_at"`
	// Registry tells whether registries were asked too.
	Registry bool              `json:"registry"`
	Images   []manifest.Result `json:"images"`
	// Problems are references that are malformed.
	Problems hal0.ValidationErrors `json:"problems"`
}

// A checker checks images for whoever asks: one check at a time, for all.
type checker struct {
	flight singleflight.Group

	mu   sync.Mutex
	box  *hal0.Box // whose images last are
	last *Images
}

// known is the last check, nil if it is not of this box or older than age.
func (c *checker) known(box *hal0.Box, age time.Duration) *Images {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil || box != nil && (c.box != box || time.Since(c.last.CheckedAt) > age) {
		return nil
	}
	return c.last
}

func (c *checker) keep(box *hal0.Box, checked *Images) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.box, c.last = box, checked
}

// checkImages returns a check that is recent enough.
func (s *Server) checkImages(ctx context.Context) (*Images, error) {
	box, age := s.view().box, imagesFor
	var opts []hal0.CallOption
	if s.config.AskRegistry {
		age, opts = servedFor, append(opts, hal0.AskRegistry())
	}
	if known := s.checker.known(box, age); known != nil {
		return known, nil
	}
	flight := s.checker.flight.DoChan("", func() (any, error) {
		// Whoever asked first may leave; the others wait for the same check.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), imagesWithin)
		defer cancel()
		go func() {
			defer cancel()
			select {
			case <-s.ended:
			case <-ctx.Done():
			}
		}()
		results, err := box.CheckImages(ctx, opts...)
		if results == nil && err != nil {
			return nil, err
		}
		checked := &Images{time.Now(), s.config.AskRegistry, append([]manifest.Result{}, results...), problemsOf(err)}
		s.checker.keep(box, checked)
		return checked, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case done := <-flight:
		if done.Err != nil {
			return nil, done.Err
		}
		return done.Val.(*Images), nil //nolint:forcetypeassert // what the flight returns
	}
}

func (s *Server) images(w http.ResponseWriter, r *http.Request) {
	// A check may take longer than other answers; a writer without deadlines has none.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(imagesWithin + writeWithin))
	checked, err := s.checkImages(r.Context())
	if err == nil {
		s.send(w, r, newBody(checked))
		return
	}
	status, f := http.StatusBadGateway, failure{Code: "images.failed", Message: err.Error()}
	switch {
	case errors.Is(err, hal0.ErrNoRuntime):
		status, f.Code = http.StatusServiceUnavailable, "runtime.none"
	case errors.Is(err, runtime.ErrUnavailable):
		status, f.Code = http.StatusServiceUnavailable, "runtime.unavailable"
	case errors.Is(err, hal0.ErrInvalid):
		status, f = http.StatusInternalServerError, invalid("files.invalid", problemsOf(err))
	}
	s.fail(w, status, f)
}
