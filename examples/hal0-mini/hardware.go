package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
)

func (a *app) probe() *cobra.Command {
	var write, dry bool
	cmd := a.verb("probe", "Tell what this box is; --write keeps it in hardware.json", noArgs, func(cmd *cobra.Command, _ []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		if write || dry {
			var opts []hal0.EditOption
			if dry {
				opts = append(opts, hal0.DryRun())
			}
			change, err := box.SaveHardware(cmd.Context(), opts...)
			if err != nil {
				return err
			}
			return a.printChange(change, dry)
		}
		hw, unread := box.Hardware()
		if a.json {
			err = a.printJSON(hw)
		} else {
			err = a.table(hardwareRows(hw))
		}
		if err != nil {
			return err
		}
		return unread
	})
	cmd.Flags().BoolVar(&write, "write", false, "write hardware.json")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what --write would change")
	return cmd
}

func hardwareRows(hw device.Hardware) [][]string {
	rows := [][]string{
		{"platform", string(hw.Platform)},
		{"host", hw.Hostname},
		{"system", hw.Distro + ", " + hw.Kernel},
		{"cpu", fmt.Sprintf("%s, %d cores, %d threads", hw.CPUModel, hw.CPUCores, hw.CPUThreads)},
		{"memory", fmt.Sprintf("%d MiB, %d available", hw.RAMMB, hw.RAMAvailableMB)},
		{"unified", unified(hw)},
	}
	if hw.CgroupMaxMB != nil {
		rows = append(rows, []string{"limit", strconv.Itoa(*hw.CgroupMaxMB) + " MiB by control groups"})
	}
	for _, g := range hw.GPUs {
		rows = append(rows, []string{"gpu", fmt.Sprintf("%s, %d MiB of VRAM, ROCm %s, Vulkan %s", g.Name, g.VRAMMB, yesNo(g.ComputeCapable), yesNo(g.VulkanCapable))})
	}
	if hw.NPU.Present {
		rows = append(rows, []string{"npu", hw.NPU.Name + ", driver " + hw.NPU.Driver})
	}
	if hw.DiskFreeMB > 0 {
		rows = append(rows, []string{"disk", strconv.Itoa(hw.DiskFreeMB) + " MiB free"})
	}
	return rows
}

func unified(hw device.Hardware) string {
	if hw.UnifiedMemoryMB == 0 {
		return "no"
	}
	return strconv.Itoa(hw.UnifiedMemoryMB) + " MiB of the memory are the GPU's too"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (a *app) recommend() *cobra.Command {
	var npu, available bool
	cmd := a.verb("recommend", "Say which device new slots should ask for, and why", noArgs, func(cmd *cobra.Command, _ []string) error {
		box, done, err := a.withPodman()
		if err != nil {
			return err
		}
		defer done()
		if available {
			list, unread := box.Available(cmd.Context())
			if list == nil {
				return unread
			}
			return a.printAvailable(list, unread)
		}
		hw, unread := box.Hardware()
		r := device.Recommend(hw, npu)
		if a.json {
			err = a.printJSON(r)
		} else {
			a.printf("%s\n", r.Device)
			for _, why := range r.Reasons {
				a.printf("  %-10s  %s\n", why.Device, why.Message)
			}
		}
		if err != nil {
			return err
		}
		return unread
	})
	cmd.Flags().BoolVar(&npu, "npu", false, "the NPU is wanted, if it is there")
	cmd.Flags().BoolVar(&available, "available", false, "list which devices can be used now; asks podman for the NPU's image")
	return cmd
}

func (a *app) printAvailable(list []device.Availability, unread error) error {
	if a.json {
		if err := a.printJSON(list); err != nil {
			return err
		}
		return unread
	}
	rows := [][]string{{"DEVICE", "AVAILABLE", "WHY"}}
	for _, d := range list {
		rows = append(rows, []string{string(d.Device), yesNo(d.Available), d.Message})
	}
	if err := a.table(rows); err != nil {
		return err
	}
	return unread
}
