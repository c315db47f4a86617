package hal0

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/internal/file"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/runtime"
)

// Hardware probes what the box is: the host that Open looked at, or the tree of
// [WithSysroot]. A box opened with [WithHost] and no sysroot has nothing to
// probe; its hardware.json is read instead.
//
// Hardware blocks on reading files. Its error names what could not be read; the
// rest is in the result.
func (b *Box) Hardware() (device.Hardware, error) {
	if b.models.root == nil {
		name := b.home.Hardware()
		data, err := b.read(name, maxConfig)
		if err != nil {
			return device.Hardware{}, err
		}
		return device.ParseHardware(name, data)
	}
	free, err := 0, error(nil) // of another box's file system nothing is known
	if b.opts.sysroot == nil {
		free, err = file.FreeMB(b.home.State)
	}
	hw, probeErr := device.Probe(b.models.root, time.Now(), free)
	return hw, errors.Join(probeErr, err)
}

// SaveHardware probes the box and writes its hardware.json, for dashboards and
// other programs. Locks, [DryRun] and errors are as for [Box.SetSettings].
func (b *Box) SaveHardware(ctx context.Context, opts ...EditOption) (Change, error) {
	hw, err := b.Hardware()
	if err != nil {
		return Change{}, err
	}
	return b.edit(ctx, b.home.Hardware(), opts, func([]byte, *Box) ([]byte, error) { return hw.Encode() })
}

// Available tells which devices slots can run on, and why not on the others. It
// asks the runtime for the image that serves the NPU, and blocks for as long as
// that takes. What could not be read of the hardware is an error beside the
// list.
func (b *Box) Available(ctx context.Context) ([]device.Availability, error) {
	if b.opts.runtime == nil {
		return nil, ErrNoRuntime
	}
	hw, err := b.Hardware()
	pulled, imageErr := b.npuImage(ctx)
	if imageErr != nil {
		return nil, imageErr
	}
	return device.Available(hw, pulled), err
}

// npuImage reports whether the image of the NPU's default profile is present.
func (b *Box) npuImage(ctx context.Context) (bool, error) {
	p, err := b.profiles.Get(profile.DefaultFor(device.NPU))
	if err != nil {
		return false, nil // a box without that profile has no such image
	}
	ref := p.Image
	if pin, ok := b.manifest.Pin(ref); ok {
		ref = pin.Launch
	}
	_, err = b.opts.runtime.Image(ctx, ref)
	if errors.Is(err, runtime.ErrImageNotFound) {
		return false, nil
	}
	return err == nil, err
}

// recommended is the device of a new slot that asks for none.
func (b *Box) recommended() (device.Device, error) {
	hw, err := b.Hardware()
	switch {
	case errors.Is(err, ErrUnreadable) && b.models.root == nil:
		return "", nil // nobody has written what the box is
	case err != nil:
		return "", fmt.Errorf("no device can be recommended, so name one: %w", err)
	}
	return device.Recommend(hw, false).Device, nil
}
