package podmantest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
)

// outsideEnv tells an isolated process which process is outside its network.
const outsideEnv = "HAL0_PODMANTEST_OUTSIDE"

// Main runs a package's tests and returns what to exit with. Where podman can
// run it does so in a second process with a network of its own, a loopback
// interface and nothing else: what podman does to addresses, routes and packet
// filters ends with it, even if the tests are killed, and their ports clash
// with no one's. TestMain calls it before anything else.
func Main(tests func() int) int {
	if unusable() != "" {
		return tests()
	}
	run := isolated
	if os.Getenv(outsideEnv) != "" {
		run = func() (int, error) {
			if err := raiseLoopback(); err != nil {
				return 0, err
			}
			return tests(), nil
		}
	}
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "podmantest: no network for the tests:", err)
		return 1
	}
	return code
}

// isolated runs this program again in a new network, and returns its exit code.
func isolated() (int, error) {
	// The child is killed with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	program, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(program, os.Args[1:]...) //nolint:noctx,gosec // this program again; it ends with this process
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), outsideEnv+"="+strconv.Itoa(os.Getpid()))
	cmd.SysProcAttr = ownNetwork()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT)
	defer close(signals)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// outside returns the command line that runs args with the machine's network.
func outside(args ...string) []string {
	if pid := os.Getenv(outsideEnv); pid != "" {
		return append([]string{"nsenter", "--net=/proc/" + pid + "/ns/net", "--"}, args...)
	}
	return args
}
