package device

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/hal0ai/hal0-go/internal/conf"
)

// platform classifies a box. Containers come first: what they see in /sys is
// the machine that they run on.
func (t *tree) platform(release string, cpu processor, cards []card) Platform {
	firmware := t.firmware()
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(firmware, w) })
	}
	switch {
	case strings.Contains(strings.ToLower(release), "microsoft"): // "5.15.167.4-microsoft-standard-WSL2"
		return PlatformWSL2
	case t.isLXC():
		return PlatformLXC
	case has("proxmox"): // the UEFI of Proxmox: "Proxmox distribution of EDK II"
		return PlatformProxmoxKVM
	case has("qemu", "kvm"):
		return PlatformKVM
	case cpu.virtual, cpu.threads == 0 && len(cards) == 0:
		return PlatformUnknown
	case len(cards) == 0:
		return PlatformCPUOnly
	}
	switch {
	case slices.ContainsFunc(cards, func(c card) bool { return c.Vendor == VendorAMD && c.device == pciStrixHalo }):
		return PlatformStrixHalo
	case cards[0].Vendor == VendorAMD:
		return PlatformAMD
	case cards[0].Vendor == VendorNVIDIA:
		return PlatformNVIDIA
	}
	return PlatformIntel
}

// firmware returns what the firmware calls itself and the machine, in lower
// case.
func (t *tree) firmware() string {
	var words strings.Builder
	for _, file := range []string{"sys_vendor", "product_name", "board_vendor", "bios_vendor", "chassis_vendor"} {
		words.WriteString(strings.ToLower(t.line("sys/class/dmi/id/"+file)) + "\n")
	}
	return words.String()
}

// isLXC reports whether the box is a container of LXC, Incus or Proxmox. systemd
// tells everybody; the environment of the first process tells root alone, and
// everybody else may well not know it.
func (t *tree) isLXC() bool {
	if kind := t.line("run/systemd/container"); kind != "" {
		return strings.HasPrefix(kind, "lxc")
	}
	data, err := conf.ReadFS(t.root, "proc/1/environ", maxText)
	if !errors.Is(err, fs.ErrPermission) {
		t.note(err)
	}
	return slices.ContainsFunc(strings.Split(string(data), "\x00"), func(v string) bool {
		return strings.HasPrefix(v, "container=lxc")
	})
}
