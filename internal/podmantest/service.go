package podmantest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func (s *Service) setup() error {
	if len(s.socket()) > maxSocketPath {
		return fmt.Errorf("socket path %s is longer than %d bytes: set TMPDIR to a shorter directory", s.socket(), maxSocketPath)
	}
	if err := s.configure(); err != nil {
		return err
	}
	if err := s.chooseDriver(); err != nil {
		return err
	}
	return s.serve()
}

// chooseDriver takes overlay where the file system can carry it, as it is much
// faster, and vfs, which works everywhere, elsewhere.
func (s *Service) chooseDriver() error {
	var problems error
	for _, driver := range []string{"overlay", "vfs"} {
		s.driver = driver
		_, err := s.Podman("info")
		if err == nil {
			return nil
		}
		problems = errors.Join(problems, err)
	}
	return problems
}

func (s *Service) socket() string { return filepath.Join(s.Dir, "podman.sock") }

// command returns a podman command on this store.
func (s *Service) command(ctx context.Context, args ...string) *exec.Cmd {
	global := []string{"--root", s.Root, "--runroot", s.RunRoot, "--storage-driver", s.driver, "--tmpdir", filepath.Join(s.Dir, "tmp")}
	cmd := exec.CommandContext(ctx, "podman", slices.Concat(global, args)...)
	cmd.Env = s.Env
	cmd.Dir = s.Dir
	return cmd
}

// Podman runs the podman program on the service's store and returns its
// standard output without the final newline.
func (s *Service) Podman(args ...string) (string, error) {
	return s.podman(nil, args...)
}

func (s *Service) podman(stdin *bytes.Reader, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := s.command(ctx, args...)
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("podman %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// serve starts the service process and waits until it listens.
func (s *Service) serve() error {
	logFile, err := os.OpenFile(filepath.Join(s.Dir, "service.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }() // the service has its own
	cmd := s.command(context.Background(), "system", "service", "--time=0", s.URI)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // a killed service is no news
		close(exited)
	}()
	s.cmd, s.exited = cmd, exited
	return s.awaitListening()
}

// awaitListening returns once the socket accepts.
func (s *Service) awaitListening() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.socket())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.exited:
			return fmt.Errorf("podman service ended at once: %s", s.serviceLog())
		case <-ctx.Done():
			return fmt.Errorf("podman service does not listen after %v: %w: %s", readyWithin, err, s.serviceLog())
		case <-retry.C:
		}
	}
}

func (s *Service) serviceLog() string {
	text, err := os.ReadFile(filepath.Join(s.Dir, "service.log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// Kill ends the service process; containers go on. Its socket is gone too.
func (s *Service) Kill(tb testing.TB) {
	tb.Helper()
	if err := s.kill(); err != nil {
		tb.Fatalf("podmantest: %v", err)
	}
}

func (s *Service) kill() error {
	if s.cmd == nil {
		return nil
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.exited
	s.cmd = nil
	if err := os.Remove(s.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Restart ends the service process and starts another at the same address;
// containers go on.
func (s *Service) Restart(tb testing.TB) {
	tb.Helper()
	s.Kill(tb)
	if err := s.serve(); err != nil {
		tb.Fatalf("podmantest: %v", err)
	}
}

// close removes the containers, ends the service, and removes the directory.
func (s *Service) close() error {
	var problems error
	if s.cmd != nil {
		_, err := s.Podman("rm", "--all", "--force", "--time", "0")
		problems = errors.Join(problems, err, s.kill())
	}
	problems = errors.Join(problems, unmountBelow(s.Dir), os.RemoveAll(s.Dir))
	return errors.Join(problems, s.lock.Close())
}

// unmountBelow detaches every mount inside dir, innermost first.
func unmountBelow(dir string) error {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	lines := strings.Split(string(table), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		fields := strings.Fields(lines[i])
		if len(fields) < 2 || !strings.HasPrefix(fields[1], dir+"/") {
			continue
		}
		if err := detach(fields[1]); err != nil {
			return fmt.Errorf("unmount %s: %w", fields[1], err)
		}
	}
	return nil
}
