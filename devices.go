package hal0

import (
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/profile"
	"github.com/hal0ai/hal0-go/provider"
)

// A DeviceInfo is a device, what a slot on it starts from, and whether the host has
// it.
type DeviceInfo struct {
	Device   device.Device `json:"device"`
	Hardware string        `json:"hardware"`
	Provider provider.Name `json:"default_provider"`
	Profile  string        `json:"default_profile"`
	// Present tells that the host has its device nodes; Missing are those it lacks,
	// such as "/dev/kfd".
	Present bool     `json:"present"`
	Missing []string `json:"missing"`
}

// Devices returns every device, in the order of [device.All]. It reads no file: the
// host is what it was when the box was opened.
func (b *Box) Devices() []DeviceInfo {
	all := device.All()
	list := make([]DeviceInfo, len(all))
	for i, d := range all {
		missing := append([]string{}, b.Host().Lacks(d)...)
		list[i] = DeviceInfo{d, d.Hardware(), provider.DefaultFor(d), profile.DefaultFor(d), len(missing) == 0, missing}
	}
	return list
}
