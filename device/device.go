// Package device names the hardware that a slot can ask for, and describes the
// hardware that a host has.
//
// A [Device] is intent only: "gpu-vulkan" says what a slot wants. A [Host] is
// what is there: device nodes and group ids, found by [Detect] or handed in as
// plain data, so that a plan for one box can be made on any other. [Hardware] is
// the box as hardware.json describes it, found by [Probe]; [Recommend] and
// [Available] say which devices it is good for.
package device

import "github.com/hal0ai/hal0-go/internal/enum"

// A Device is the hardware that a slot asks for. The zero value is not a
// device; in configuration it means that the key is absent, and [Default]
// applies.
type Device string

// The devices.
const (
	GPUROCm   Device = "gpu-rocm"
	GPUVulkan Device = "gpu-vulkan"
	CPU       Device = "cpu"
	NPU       Device = "npu"
)

// Default is the device of a slot that names none.
const Default = GPUROCm

// A Class is the kind of hardware that a profile is made for: its
// device_class. The zero value is not a class; in configuration it means
// [ClassGPU].
type Class string

// The classes. ClassImage is a GPU used for image generation.
const (
	ClassGPU   Class = "gpu"
	ClassCPU   Class = "cpu"
	ClassNPU   Class = "npu"
	ClassImage Class = "img"
)

// A Backend is the GPU interface that an image was built for. The zero value
// is not a backend; in configuration it means [BackendNone].
type Backend string

// The backends.
const (
	BackendROCm   Backend = "rocm"
	BackendVulkan Backend = "vulkan"
	BackendNone   Backend = "none"
)

var (
	devices  = []Device{GPUROCm, GPUVulkan, CPU, NPU}
	classes  = []Class{ClassGPU, ClassCPU, ClassNPU, ClassImage}
	backends = []Backend{BackendROCm, BackendVulkan, BackendNone}
)

// All returns every device in the order in which they are documented. The
// slice is the caller's.
func All() []Device { return append([]Device(nil), devices...) }

// Classes returns every class. The slice is the caller's.
func Classes() []Class { return append([]Class(nil), classes...) }

// Backends returns every backend. The slice is the caller's.
func Backends() []Backend { return append([]Backend(nil), backends...) }

// Parse returns the device written s. The error lists the devices.
func Parse(s string) (Device, error) { return enum.Parse("device", devices, s) }

// ParseClass returns the class written s. The error lists the classes.
func ParseClass(s string) (Class, error) { return enum.Parse("device_class", classes, s) }

// ParseBackend returns the backend written s. The error lists the backends.
func ParseBackend(s string) (Backend, error) { return enum.Parse("backend", backends, s) }

// Valid reports whether d is one of the devices.
func (d Device) Valid() bool { _, err := Parse(string(d)); return err == nil }

// Valid reports whether c is one of the classes.
func (c Class) Valid() bool { _, err := ParseClass(string(c)); return err == nil }

// Valid reports whether b is one of the backends.
func (b Backend) Valid() bool { _, err := ParseBackend(string(b)); return err == nil }

// MarshalText implements [encoding.TextMarshaler]. A value that is not a
// device is an error.
func (d Device) MarshalText() ([]byte, error) { v, err := Parse(string(d)); return []byte(v), err }

// UnmarshalText implements [encoding.TextUnmarshaler] with [Parse].
func (d *Device) UnmarshalText(text []byte) error { return enum.Set(d, Parse, text) }

// MarshalText implements [encoding.TextMarshaler]. A value that is not a class
// is an error.
func (c Class) MarshalText() ([]byte, error) { v, err := ParseClass(string(c)); return []byte(v), err }

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseClass].
func (c *Class) UnmarshalText(text []byte) error { return enum.Set(c, ParseClass, text) }

// MarshalText implements [encoding.TextMarshaler]. A value that is not a
// backend is an error.
func (b Backend) MarshalText() ([]byte, error) {
	v, err := ParseBackend(string(b))
	return []byte(v), err
}

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseBackend].
func (b *Backend) UnmarshalText(text []byte) error { return enum.Set(b, ParseBackend, text) }

// Hardware returns what the device stands for, for people.
func (d Device) Hardware() string {
	switch d {
	case GPUROCm:
		return "AMD GPU via ROCm"
	case GPUVulkan:
		return "Any GPU via Vulkan"
	case CPU:
		return "CPU-only fallback"
	case NPU:
		return "AMD XDNA NPU via FastFlowLM"
	}
	return ""
}

// Backend returns the GPU interface that the device needs, [BackendNone] when
// it is not a GPU.
func (d Device) Backend() Backend {
	switch d {
	case GPUROCm:
		return BackendROCm
	case GPUVulkan:
		return BackendVulkan
	case CPU, NPU:
	}
	return BackendNone
}

// IsGPU reports whether the device is a GPU through either interface.
func (d Device) IsGPU() bool { return d.Backend() != BackendNone }

// legacy maps the words of a slot file's old backend key to devices.
var legacy = []struct {
	word   string
	device Device
}{
	{"vulkan", GPUVulkan}, {"rocm", GPUROCm}, {"flm", NPU},
	{"moonshine", CPU}, {"kokoro", CPU}, {"cpu", CPU},
	{"gpu-rocm", GPUROCm}, {"gpu-vulkan", GPUVulkan}, {"npu", NPU},
}

// LegacyBackends returns the words that [FromLegacyBackend] understands. The
// slice is the caller's.
func LegacyBackends() []string {
	words := make([]string, len(legacy))
	for i, l := range legacy {
		words[i] = l.word
	}
	return words
}

// FromLegacyBackend returns the device that a slot file's old backend key
// stood for. The error lists the words that are understood.
func FromLegacyBackend(word string) (Device, error) {
	for _, l := range legacy {
		if l.word == word {
			return l.device, nil
		}
	}
	return "", &enum.Error{Kind: "backend", Found: word, Allowed: LegacyBackends()}
}
