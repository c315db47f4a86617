//go:build !linux

package podmantest

import (
	"errors"
	"syscall"
)

// Nothing of this is ever called: where there is no Linux, no test runs podman.

func ownNetwork() *syscall.SysProcAttr { return nil }

func raiseLoopback() error { return errors.ErrUnsupported }

func detach(string) error { return errors.ErrUnsupported }
