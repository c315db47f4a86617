package device

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// A maker is a vendor as the PCI bus knows it, by the PCI ID repository
// (pci.ids).
type maker struct {
	pci    int
	vendor Vendor
	brand  string // for people
}

// makers are those whose GPUs a model can run on.
var makers = []maker{
	{0x1002, VendorAMD, "AMD"},
	{0x10de, VendorNVIDIA, "NVIDIA"},
	{0x8086, VendorIntel, "Intel"},
}

// pciStrixHalo is the one device id of Radeon 8060S, 8050S and 8040S (pci.ids);
// all are gfx1151.
const pciStrixHalo = 0x1586

// A card is a GPU with what only Probe needs to know of it.
type card struct {
	GPUInfo
	device int // PCI device id
	poolMB int // what it can use of the RAM; 0 when it has memory of its own
}

// cards returns the GPUs that a model can run on. What else there is in
// /sys/class/drm draws the console of a server or of a virtual machine. The
// numbers of cards change from boot to boot, so the order is by vendor, VRAM and
// place on the bus.
func (t *tree) cards(h Host, cpu processor) []card {
	var cards []card
	for _, name := range t.names("sys/class/drm", "card") {
		if strings.Trim(name[len("card"):], "0123456789") != "" {
			continue // a connector, such as card1-DP-1
		}
		if c, ok := t.card("sys/class/drm/"+name+"/device", h, cpu); ok {
			cards = append(cards, c)
		}
	}
	slices.SortStableFunc(cards, func(a, b card) int {
		return cmp.Or(cmp.Compare(slices.Index(vendors, a.Vendor), slices.Index(vendors, b.Vendor)),
			cmp.Compare(b.VRAMMB, a.VRAMMB), strings.Compare(a.PCIID, b.PCIID))
	})
	return cards
}

// card reads one card by the sysfs directory of its device. ok is false for one
// that is no GPU.
func (t *tree) card(dir string, h Host, cpu processor) (c card, ok bool) {
	pci := t.pciID(dir + "/vendor")
	i := slices.IndexFunc(makers, func(m maker) bool { return m.pci == pci })
	if i < 0 {
		return card{}, false
	}
	if c.device = t.pciID(dir + "/device"); c.device == 0 {
		t.notef(dir+"/device", "has no PCI id")
	}
	c.GPUInfo = GPUInfo{
		Vendor: makers[i].vendor, Driver: t.driver(dir), DRMPath: "/" + dir,
		PCIID:         clean(cmp.Or(pairs(t.text(dir+"/uevent"), "=")["PCI_SLOT_NAME"], t.link(dir))),
		VulkanCapable: t.hasRenderNode(dir, h),
	}
	switch c.Vendor {
	case VendorAMD:
		c.VRAMMB = t.mebibytes(dir + "/mem_info_vram_total")
		c.poolMB = t.pool(dir)
		c.ComputeCapable = c.VulkanCapable && t.hasComputeNode(c.device, h)
		c.Name = t.radeon(dir, c, cpu)
	case VendorNVIDIA:
		c.ComputeCapable = c.Driver == "nvidia" && t.isNode("dev/nvidiactl")
		c.Name = clean(pairs(t.text("proc/driver/nvidia/gpus/"+c.PCIID+"/information"), ":")["Model"])
	default:
	}
	c.Name = cmp.Or(c.Name, fmt.Sprintf("%s GPU %04x:%04x", makers[i].brand, pci, c.device))
	return c, true
}

// hasRenderNode reports whether a card's render node is in /dev. A container
// sees all of the host's /sys, but only the nodes that it was given.
func (t *tree) hasRenderNode(dir string, h Host) bool {
	nodes := t.names(dir+"/drm", "renderD")
	if len(nodes) == 0 {
		return h.RenderNode() != "" // a tree that was copied without its links
	}
	return slices.ContainsFunc(nodes, func(n string) bool { return slices.Contains(h.DRI, "/dev/dri/"+n) })
}

// hasComputeNode reports whether ROCm can compute on the AMD GPU with a PCI
// device id: the kernel has a node with SIMD units for it, and /dev/kfd is there
// to reach it by. A node that names no device stands for every one.
func (t *tree) hasComputeNode(device int, h Host) bool {
	if h.KFD == "" {
		return false
	}
	const dir = "sys/class/kfd/kfd/topology/nodes"
	return slices.ContainsFunc(t.names(dir, ""), func(node string) bool {
		name := path.Join(dir, node, "properties")
		values := pairs(t.text(name), " ")
		id := t.count(name, values, "device_id")
		return t.count(name, values, "simd_count") > 0 && (id == device || id == 0)
	})
}

// pool returns how much of the RAM an AMD GPU without memory of its own can
// use: its GTT, the graphics translation table. A GPU with memory has a GTT too,
// but its driver names the maker of the memory chips. Where there are none it
// leaves that file out, or writes "unknown" on older kernels (amdgpu_vram_mgr.c).
func (t *tree) pool(dir string) int {
	if chips := t.line(dir + "/mem_info_vram_vendor"); chips != "" && chips != "unknown" {
		return 0
	}
	return t.mebibytes(dir + "/mem_info_gtt_total")
}

// radeon returns the name of an AMD GPU: as libdrm lists it by device and
// revision, else as a processor is named for the GPU in it, such as
// "AMD RYZEN AI MAX+ 395 w/ Radeon 8060S".
func (t *tree) radeon(dir string, c card, cpu processor) string {
	key := fmt.Sprintf("%04X,\t%02X,", c.device, t.pciID(dir+"/revision"))
	for line := range strings.Lines(t.text("usr/share/libdrm/amdgpu.ids")) {
		if name, ok := strings.CutPrefix(line, key); ok {
			return clean(name)
		}
	}
	if _, own, ok := strings.Cut(cpu.model, " w/ "); ok && c.poolMB > 0 {
		return "AMD " + own
	}
	return ""
}
