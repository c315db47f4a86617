package device

import (
	"time"

	"github.com/hal0ai/hal0-go/internal/enum"
)

// Hardware is what a box is, in the shape of hal0's hardware.json: for people,
// dashboards, [Recommend] and [Available]. What containers are given is in
// [Host]. It is found by [Probe], or read from a file with [ParseHardware].
//
// Memory is counted in MiB. A number that is 0 and a text that is empty are not
// known.
type Hardware struct {
	Hostname string `json:"hostname" koanf:"hostname"`
	// Kernel is such as "Linux version 6.14.0-29-generic".
	Kernel string `json:"kernel" koanf:"kernel"`
	// Distro is the name in os-release that is for people, such as
	// "Debian GNU/Linux 13 (trixie)".
	Distro   string `json:"distro" koanf:"distro"`
	CPUModel string `json:"cpu_model" koanf:"cpu_model"`
	// CPUCores are the physical cores, CPUThreads what the kernel schedules on.
	CPUCores   int `json:"cpu_cores" koanf:"cpu_cores" validate:"min=0"`
	CPUThreads int `json:"cpu_threads" koanf:"cpu_threads" validate:"min=0"`
	// RAMMB is the memory that the kernel has: less than what is installed by
	// what the firmware keeps, such as VRAM that is carved out of it.
	RAMMB int `json:"ram_mb" koanf:"ram_mb" validate:"min=0"`
	// RAMAvailableMB is what programs could have got at the time of the probe.
	RAMAvailableMB int `json:"ram_available_mb" koanf:"ram_available_mb" validate:"min=0"`
	// UnifiedMemoryMB is how much of the RAM an AMD GPU without memory of its own
	// can use: its GTT pool. It is part of RAMMB and overlaps nothing else: RAM
	// and VRAM are never added up. [Probe] finds 0 on a box without such a GPU,
	// where other writers of the file put RAMMB.
	UnifiedMemoryMB int `json:"unified_memory_mb" koanf:"unified_memory_mb" validate:"min=0"`
	// GPUs begin with the one that matters most: by vendor in the order of
	// [Vendors], then by VRAM.
	GPUs []GPUInfo `json:"gpus" koanf:"gpus" validate:"dive"`
	NPU  NPUInfo   `json:"npu" koanf:"npu"`
	// DiskFreeMB is free where hal0 keeps its state.
	DiskFreeMB int `json:"disk_free_mb" koanf:"disk_free_mb" validate:"min=0"`
	// CgroupMaxMB is the memory limit of the control groups around the process
	// that probed, nil without one.
	CgroupMaxMB *int `json:"cgroup_max_mb" koanf:"cgroup_max_mb" validate:"omitnil,min=0"`
	// ProbedAt is in UTC; zero is not known.
	ProbedAt time.Time `json:"probed_at,omitzero"`
	Platform Platform  `json:"platform" koanf:"platform"`
}

// GPUInfo is one GPU of a box.
type GPUInfo struct {
	Vendor Vendor `json:"vendor" koanf:"vendor"`
	// Name is for people, such as "AMD Radeon 8060S".
	Name string `json:"name" koanf:"name"`
	// VRAMMB is the GPU's own memory; on unified memory the part of the RAM that
	// the firmware carved out for it. Only AMD's driver tells. Other writers of the
	// file may put the pool of unified memory here.
	VRAMMB int `json:"vram_mb" koanf:"vram_mb" validate:"min=0"`
	// PCIID is where the GPU is on the bus, such as "0000:c6:00.0".
	PCIID string `json:"pci_id" koanf:"pci_id"`
	// Driver is the kernel's driver, such as "amdgpu".
	Driver string `json:"driver" koanf:"driver"`
	// DRMPath is such as "/sys/class/drm/card1/device".
	DRMPath string `json:"drm_path" koanf:"drm_path"`
	// ComputeCapable tells that ROCm or CUDA can reach the GPU.
	ComputeCapable bool `json:"compute_capable" koanf:"compute_capable"`
	// VulkanCapable tells that Vulkan can: the GPU's render node is there.
	VulkanCapable bool `json:"vulkan_capable" koanf:"vulkan_capable"`
}

// NPUInfo is the NPU of a box. The zero value is none.
type NPUInfo struct {
	Present bool   `json:"present" koanf:"present"`
	Vendor  Vendor `json:"vendor" koanf:"vendor"`
	// Name is for people, such as "AMD XDNA2 NPU".
	Name string `json:"name" koanf:"name"`
	// Driver is the kernel's driver, "amdxdna".
	Driver string `json:"driver" koanf:"driver"`
}

// A Vendor makes GPUs or NPUs. The zero value is no vendor: that of an NPU which
// is not there.
type Vendor string

// The vendors. VendorUnknown is found in files; [Probe] finds no such GPU.
const (
	VendorAMD     Vendor = "amd"
	VendorNVIDIA  Vendor = "nvidia"
	VendorIntel   Vendor = "intel"
	VendorUnknown Vendor = "unknown"
)

// A Platform is the kind of box. The zero value is not a platform.
type Platform string

// The platforms. A virtual machine counts as Proxmox's when its firmware says
// so, as Proxmox's UEFI does and its legacy BIOS doesn't. PlatformUnknown is a
// virtual machine of another kind, or a box that tells nothing.
const (
	PlatformStrixHalo  Platform = "strix-halo"
	PlatformWSL2       Platform = "wsl2"
	PlatformProxmoxKVM Platform = "proxmox-kvm"
	PlatformKVM        Platform = "kvm"
	PlatformLXC        Platform = "lxc"
	PlatformAMD        Platform = "bare-metal-amd-gpu"
	PlatformNVIDIA     Platform = "bare-metal-nvidia-gpu"
	PlatformIntel      Platform = "bare-metal-intel-igpu"
	PlatformCPUOnly    Platform = "bare-metal-cpu-only"
	PlatformUnknown    Platform = "unknown"
)

var (
	vendors   = []Vendor{VendorAMD, VendorNVIDIA, VendorIntel, VendorUnknown}
	platforms = []Platform{
		PlatformStrixHalo, PlatformWSL2, PlatformProxmoxKVM, PlatformKVM, PlatformLXC,
		PlatformAMD, PlatformNVIDIA, PlatformIntel, PlatformCPUOnly, PlatformUnknown,
	}
)

// Vendors returns every vendor. The slice is the caller's.
func Vendors() []Vendor { return append([]Vendor(nil), vendors...) }

// Platforms returns every platform. The slice is the caller's.
func Platforms() []Platform { return append([]Platform(nil), platforms...) }

// ParseVendor returns the vendor written s. The error lists the vendors.
func ParseVendor(s string) (Vendor, error) { return enum.Parse("vendor", vendors, s) }

// ParsePlatform returns the platform written s. The error lists the platforms.
func ParsePlatform(s string) (Platform, error) { return enum.Parse("platform", platforms, s) }

// Valid reports whether v is one of the vendors.
func (v Vendor) Valid() bool { _, err := ParseVendor(string(v)); return err == nil }

// Valid reports whether p is one of the platforms.
func (p Platform) Valid() bool { _, err := ParsePlatform(string(p)); return err == nil }

// MarshalText implements [encoding.TextMarshaler]. The zero value is written as
// the empty text; another value that is not a vendor is an error.
func (v Vendor) MarshalText() ([]byte, error) {
	if v == "" {
		return nil, nil
	}
	v, err := ParseVendor(string(v))
	return []byte(v), err
}

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParseVendor]. The
// empty text is the zero value.
func (v *Vendor) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*v = ""
		return nil
	}
	return enum.Set(v, ParseVendor, text)
}

// MarshalText implements [encoding.TextMarshaler]. A value that is not a
// platform is an error.
func (p Platform) MarshalText() ([]byte, error) {
	v, err := ParsePlatform(string(p))
	return []byte(v), err
}

// UnmarshalText implements [encoding.TextUnmarshaler] with [ParsePlatform].
func (p *Platform) UnmarshalText(text []byte) error { return enum.Set(p, ParsePlatform, text) }
