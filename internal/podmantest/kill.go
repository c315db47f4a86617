package podmantest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// KillWithMonitor kills a container's process together with the monitor that
// would tell podman of it. It returns once both are gone from the table of
// processes: a process that was sent SIGKILL goes on for a while, and podman sees
// it until it is reaped.
func (s *Service) KillWithMonitor(tb testing.TB, container string) {
	tb.Helper()
	var monitor, process int
	out, err := s.Podman("inspect", "--format", "{{.State.ConmonPid}} {{.State.Pid}}", container)
	if err == nil {
		_, err = fmt.Sscan(out, &monitor, &process)
	}
	if err == nil {
		err = errors.Join(killAndWait(monitor), killAndWait(process))
	}
	if err != nil {
		tb.Fatalf("podmantest: kill %s and its monitor: %v", container, err)
	}
}

// killAndWait kills a process that need not be a child, and returns once it is gone.
func killAndWait(pid int) error {
	if pid <= 1 {
		return fmt.Errorf("%d is the id of no process of a container", pid)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		err := syscall.Kill(pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return nil
		}
		if err != nil {
			return os.NewSyscallError("kill", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("process %d is still there after %v", pid, readyWithin)
		}
	}
}
