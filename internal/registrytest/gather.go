package registrytest

import (
	"runtime"
	"sync"
)

// A Gathering holds calls until as many as wanted are under way, and counts how
// many were at most: it shows that so many are made at a time, and no more.
// Make it with [Gather].
type Gathering struct {
	want int
	full chan struct{} // closed once they are

	mu        sync.Mutex
	now, most int
}

// Gather returns a gathering of n calls.
func Gather(n int) *Gathering { return &Gathering{want: n, full: make(chan struct{})} }

// Hold is called by each call, and returns once there are enough.
func (g *Gathering) Hold() {
	g.mu.Lock()
	g.now++
	last := g.now == g.want && g.most < g.want
	g.most = max(g.most, g.now)
	g.mu.Unlock()
	if last {
		for range 1000 {
			runtime.Gosched() // one too many comes now
		}
		close(g.full)
	}
	<-g.full
	g.mu.Lock()
	g.now--
	g.mu.Unlock()
}

// Most returns how many calls were under way at a time, at most.
func (g *Gathering) Most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}
