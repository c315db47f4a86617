// Package sharedpull lets calls for one image share one pull, as
// runtime.Runtime promises.
package sharedpull

import (
	"context"
	"slices"
	"sync"

	"github.com/hal0ai/hal0-go/runtime"
)

// Pulls are the pulls that are under way, one for each image name. Its zero
// value is ready. It may be used concurrently.
type Pulls struct {
	mu       sync.Mutex
	underWay map[string]*sharedPull
	running  sync.WaitGroup
}

// A sharedPull is one pull and those who wait for it.
type sharedPull struct {
	cancel  context.CancelFunc
	callers int // under Pulls.mu

	mu      sync.Mutex
	count   int            // of steps reported
	steps   []numberedStep // the last one of each blob, in order
	changed chan struct{}  // closed at the next step, and at the end
	over    bool
	image   runtime.Image
	err     error
}

type numberedStep struct {
	number int
	step   runtime.PullStep
}

// A Fetch pulls the image of that name, and reports its steps from one
// goroutine.
type Fetch func(ctx context.Context, name string, report func(runtime.PullStep)) (runtime.Image, error)

// Join waits for the pull of name, which it starts unless there is one, and
// calls report with its steps, those before it joined too. When ctx ends it
// returns at once; the pull goes on as long as someone waits for it.
func (p *Pulls) Join(ctx context.Context, name string, work Fetch, report func(runtime.PullStep)) (runtime.Image, error) {
	s := p.enter(ctx, name, work)
	defer p.leave(name, s)
	return s.follow(ctx, report)
}

// Wait returns once no pull is under way.
func (p *Pulls) Wait() { p.running.Wait() }

func (p *Pulls) enter(ctx context.Context, name string, work Fetch) *sharedPull {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.underWay[name]
	if s == nil {
		s = &sharedPull{changed: make(chan struct{})}
		ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
		if p.underWay == nil {
			p.underWay = map[string]*sharedPull{}
		}
		p.underWay[name] = s
		p.running.Go(func() {
			image, err := work(ctx, name, s.report)
			p.forget(name, s)
			s.finish(image, err)
		})
	}
	s.callers++
	return s
}

// leave gives the pull up when nobody is left. One that is being given up is
// not joined.
func (p *Pulls) leave(name string, s *sharedPull) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.callers--
	if s.callers == 0 {
		s.cancel()
		p.drop(name, s)
	}
}

func (p *Pulls) forget(name string, s *sharedPull) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(name, s)
}

// drop is called with p.mu held.
func (p *Pulls) drop(name string, s *sharedPull) {
	if p.underWay[name] == s {
		delete(p.underWay, name)
	}
}

// report notes a step in place of the one before it about the same blob.
func (s *sharedPull) report(step runtime.PullStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := slices.IndexFunc(s.steps, func(n numberedStep) bool { return n.step.Blob == step.Blob })
	if last >= 0 {
		if s.steps[last].step == step {
			return
		}
		s.steps = slices.Delete(s.steps, last, last+1)
	}
	s.count++
	s.steps = append(s.steps, numberedStep{s.count, step})
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *sharedPull) finish(image runtime.Image, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.image, s.err, s.over = image, err, true
	close(s.changed)
}

// since returns the steps after number, and whether the pull is over; until it
// is, changed is closed when there is more.
func (s *sharedPull) since(number int) (steps []numberedStep, changed <-chan struct{}, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := slices.IndexFunc(s.steps, func(n numberedStep) bool { return n.number > number })
	if from >= 0 {
		steps = slices.Clone(s.steps[from:])
	}
	return steps, s.changed, s.over
}

// follow reports steps until the pull is over or ctx ends.
func (s *sharedPull) follow(ctx context.Context, report func(runtime.PullStep)) (runtime.Image, error) {
	seen := 0
	for {
		steps, changed, over := s.since(seen)
		for _, n := range steps {
			report(n.step)
			seen = n.number
		}
		if over {
			return s.image, s.err
		}
		select {
		case <-ctx.Done():
			return runtime.Image{}, ctx.Err()
		case <-changed:
		}
	}
}
