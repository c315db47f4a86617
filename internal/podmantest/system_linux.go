package podmantest

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownNetwork has a program started in a new network, and killed with the thread that
// started it.
func ownNetwork() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
}

// raiseLoopback gives a new network its loopback interface.
func raiseLoopback() (err error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}

// detach takes a mount away, as soon as nobody uses it.
func detach(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
