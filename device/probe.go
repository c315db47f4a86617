package device

import (
	"io/fs"
	"path"
	"time"
)

// Probe reads what a box is from its file tree, rooted at root: sysfs, /proc,
// /dev and /etc. It runs no command, uses no network and no clock: now is what
// [Hardware.ProbedAt] gets, to the second, and diskFreeMB what DiskFreeMB gets,
// which no file tells.
//
// What is not there is left empty. What can't be read, or makes no sense, is an
// error that names every such path; the rest is still returned. Probe may be
// called concurrently.
func Probe(root fs.FS, now time.Time, diskFreeMB int) (Hardware, error) {
	t := &tree{root: root}
	cpu := cpuinfo(t.text("proc/cpuinfo"))
	host := t.host()
	cards := t.cards(host, cpu)
	release := t.line("proc/sys/kernel/osrelease")
	h := Hardware{
		Hostname: t.line("proc/sys/kernel/hostname"), Distro: t.distro(),
		CPUModel: cpu.model, CPUCores: cpu.cores, CPUThreads: cpu.threads,
		GPUs: []GPUInfo{}, NPU: t.npu(host), DiskFreeMB: diskFreeMB, CgroupMaxMB: t.memoryLimit(),
		ProbedAt: now.UTC().Truncate(time.Second), Platform: t.platform(release, cpu, cards),
	}
	if release != "" {
		h.Kernel = "Linux version " + release
	}
	h.RAMMB, h.RAMAvailableMB = t.memory()
	for _, c := range cards {
		h.GPUs = append(h.GPUs, c.GPUInfo)
		h.UnifiedMemoryMB = max(h.UnifiedMemoryMB, c.poolMB)
	}
	return h, t.err()
}

// distro returns the name of the distribution. /etc/os-release is a link to the
// other file, unless the administrator wrote it.
func (t *tree) distro() string {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		if text := t.text(name); text != "" {
			return prettyName(text)
		}
	}
	return ""
}

// Ids of AMD's NPUs on the PCI bus: those that the kernel's amdxdna driver binds
// to (amdxdna_pci_drv.c), of which 0x1502 is XDNA, in Phoenix and Hawk Point.
const (
	pciAMDProcessor = 0x1022 // the maker's id of what is part of a processor
	pciXDNA2        = 0x17f0 // Strix, Krackan, Strix Halo
)

// accelDir returns the sysfs directory of the device behind an accelerator
// node such as "/dev/accel/accel0".
func accelDir(node string) string { return "sys/class/accel/" + path.Base(node) + "/device" }

// npu describes the NPU that the host has a node for.
func (t *tree) npu(h Host) NPUInfo {
	if h.NPU == "" {
		return NPUInfo{}
	}
	n := NPUInfo{Present: true, Vendor: VendorAMD, Name: "AMD XDNA NPU", Driver: t.driver(accelDir(h.NPU))}
	if t.pciID(accelDir(h.NPU)+"/device") == pciXDNA2 {
		n.Name = "AMD XDNA2 NPU"
	}
	return n
}

// driver returns the driver of a device, by its sysfs directory.
func (t *tree) driver(dir string) string {
	if driver := t.link(dir + "/driver"); driver != "" {
		return driver
	}
	return clean(pairs(t.text(dir+"/uevent"), "=")["DRIVER"])
}
