package podman

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/hal0ai/hal0-go/runtime"
)

// leakTime is how long podman's service may keep the ports of a start that
// failed: until its garbage collector runs, at most two minutes.
const leakTime = 130 * time.Second

// leaks remembers the ports of failed starts. Its zero value is ready.
type leaks struct {
	mu    sync.Mutex
	ports map[netip.AddrPort]time.Time // when the last start failed
}

// remember notes that a start with these ports failed.
func (l *leaks) remember(ports []runtime.Port, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ports == nil {
		l.ports = map[netip.AddrPort]time.Time{}
	}
	for _, p := range ports {
		l.ports[hostAddress(p)] = now
	}
}

// until returns when the last of these ports is free again for sure; the zero
// time when none is held.
func (l *leaks) until(ports []runtime.Port, now time.Time) (end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for address, failed := range l.ports {
		if now.Sub(failed) > leakTime {
			delete(l.ports, address)
		}
	}
	for _, p := range ports {
		if failed, ok := l.ports[hostAddress(p)]; ok && failed.Add(leakTime).After(end) {
			end = failed.Add(leakTime)
		}
	}
	return end
}

func hostAddress(p runtime.Port) netip.AddrPort {
	return netip.AddrPortFrom(p.HostIP, uint16(p.HostPort)) //nolint:gosec // Validate bounds it
}

// split tells the ports that podman's message names as in use from the others.
// All are busy where it names none.
func split(ports []runtime.Port, message string) (busy, free []runtime.Port) {
	for _, p := range ports {
		if strings.Contains(message, hostAddress(p).String()+":") {
			busy = append(busy, p)
		} else {
			free = append(free, p)
		}
	}
	if len(busy) == 0 {
		return ports, nil
	}
	return busy, free
}

// portList names the host's side of ports.
func portList(ports []runtime.Port) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = hostAddress(p).String()
	}
	return fmt.Sprintf("host port %s", strings.Join(words, ", "))
}
