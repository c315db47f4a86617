// Package podmantest runs a private podman service for tests: its own image
// store, containers and configuration in a temporary directory, on a real
// podman and runc. Nothing of the machine's own podman is read or touched,
// and nothing is left behind.
//
// A test package declares one [Shared] and closes it in TestMain.
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
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// RequireEnv is the environment variable that, when "1", makes a test fail
// where it would be skipped because podman can't run.
const RequireEnv = "HAL0_REQUIRE_PODMAN"

// readyWithin bounds how long a service may take to listen.
const readyWithin = 30 * time.Second

// maxSocketPath is what the kernel allows for a unix socket's path, its final
// NUL left out.
const maxSocketPath = 107

// A Service is a running private podman service. Its methods may be called
// concurrently, except Restart and Kill.
type Service struct {
	// URI is the service's address, "unix:///…".
	URI string
	// Dir is the temporary directory that holds everything.
	Dir string
	// Root and RunRoot are podman's --root and --runroot.
	Root, RunRoot string
	// Env is the environment in which podman uses this store.
	Env []string

	driver string
	lock   *os.File
	cmd    *exec.Cmd
	exited chan struct{} // closed once cmd has ended
	stub   func() (string, error)
}

// Require skips the test where podman can't run containers, saying why; with
// [RequireEnv] set it fails instead.
func Require(tb testing.TB) {
	tb.Helper()
	if reason := unusable(); reason != "" {
		give(tb, reason)
	}
}

func give(tb testing.TB, reason string) {
	tb.Helper()
	if os.Getenv(RequireEnv) == "1" {
		tb.Fatalf("%s, and %s=1 requires it", reason, RequireEnv)
	}
	tb.Skip(reason)
}

// unusable returns why podman can't run containers here, or "".
func unusable() string {
	if os.Getuid() != 0 {
		return "podman tests need root"
	}
	if !canMount() {
		return "podman tests need the right to mount (CAP_SYS_ADMIN)"
	}
	for _, program := range []string{"podman", "runc"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed: " + err.Error()
		}
	}
	return ""
}

// canMount reports whether this process may mount, which root in a container
// may not.
func canMount() bool {
	const sysAdmin = 21
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	caps, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	return err == nil && caps>>sysAdmin&1 == 1
}

// Start runs a service for one test, or skips it as [Require] does. The
// service and all it holds is removed when the test ends.
func Start(tb testing.TB) *Service {
	tb.Helper()
	Require(tb)
	s, err := open()
	if err != nil {
		tb.Fatalf("podmantest: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.close(); err != nil {
			tb.Errorf("podmantest: %v", err)
		}
	})
	return s
}

// Shared is one service for all tests of a package. Its zero value is ready;
// the service starts when the first test asks for it.
type Shared struct {
	once    sync.Once
	service *Service
	err     error
}

// Service returns the shared service, or skips the test as [Require] does.
func (s *Shared) Service(tb testing.TB) *Service {
	tb.Helper()
	Require(tb)
	s.once.Do(func() { s.service, s.err = open() })
	if s.err != nil {
		tb.Fatalf("podmantest: %v", s.err)
	}
	return s.service
}

// Close removes the service and all it holds. It is called once, when no test
// runs any more.
func (s *Shared) Close() error {
	if s.service == nil {
		return nil
	}
	return s.service.close()
}

// open makes the directory, its configuration, and starts the service.
func open() (*Service, error) {
	lock, err := lockMachine()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "hp")
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Service{
		Dir: dir, Root: filepath.Join(dir, "root"), RunRoot: filepath.Join(dir, "run"),
		URI: "unix://" + filepath.Join(dir, "podman.sock"), lock: lock,
	}
	s.stub = sync.OnceValues(s.buildStub)
	if err := s.setup(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// lockMachine waits until no other test process runs a private service: two
// of them would hand out the same container addresses and host ports.
func lockMachine() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "hal0-podmantest.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

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
		if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", fields[1], err)
		}
	}
	return nil
}
