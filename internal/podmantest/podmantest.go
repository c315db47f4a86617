// Package podmantest runs a private podman service for tests: its own image
// store, containers and configuration in a temporary directory, on a real
// podman and runc. Nothing of the machine's own podman is read or touched,
// and nothing is left behind.
//
// A test package calls [Main] in its TestMain, declares one [Shared] and closes
// it there.
package podmantest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	root   func() ([]byte, error)
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
	if runtime.GOOS != "linux" {
		return "podman tests need Linux"
	}
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
	s.root, s.stub = sync.OnceValues(s.buildRoot), sync.OnceValues(s.buildStub)
	if err := s.setup(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// lockMachine waits until no other test process runs a private service: side by
// side their containers start so slowly that servers are not ready in time.
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
