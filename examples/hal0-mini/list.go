package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/slot"
)

func (a *app) devices() *cobra.Command {
	return a.verb("devices", "List the devices, and what this host has of them", noArgs, func(*cobra.Command, []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		list := box.Devices()
		table := [][]string{{"DEVICE", "HARDWARE", "PROVIDER", "PROFILE", "ON THIS HOST"}}
		for _, d := range list {
			here := "yes"
			if !d.Present {
				here = "no " + strings.Join(d.Missing, ", ")
			}
			table = append(table, []string{string(d.Device), d.Hardware, string(d.Provider), d.Profile, here})
		}
		if a.json {
			return a.printJSON(struct {
				Host    device.Host       `json:"host"`
				Devices []hal0.DeviceInfo `json:"devices"`
			}{box.Host(), list})
		}
		return a.table(table)
	})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (a *app) slots() *cobra.Command {
	return a.verb("slots", "List the slot files", noArgs, func(*cobra.Command, []string) error {
		box, err := a.open()
		if err != nil {
			return err
		}
		type row struct {
			Name   string     `json:"slot"`
			Config *slot.Slot `json:"config,omitempty"`
			Errors []problem  `json:"errors,omitempty"`
		}
		rows := []row{}
		table := [][]string{{"SLOT", "TYPE", "DEVICE", "PROFILE", "MODEL", "PORT", "ENABLED"}}
		var failed error
		for _, name := range box.Names() {
			s, err := box.Slot(name)
			if err != nil {
				failed = errProblems
				rows = append(rows, row{Name: name, Errors: problemsOf(err)})
				table = append(table, []string{name, "has problems: " + strconv.Itoa(len(problemsOf(err))), "", "", "", "", ""})
				if !a.json {
					_, _ = fmt.Fprintln(a.stderr, err)
				}
				continue
			}
			rows = append(rows, row{Name: name, Config: &s})
			table = append(table, []string{
				name, string(s.Type), string(s.Device), s.Profile, s.Model.Default, strconv.Itoa(s.Port), onOff(s.IsEnabled()),
			})
		}
		if a.json {
			err = a.printJSON(rows)
		} else {
			err = a.table(table)
		}
		if err != nil {
			return err
		}
		return failed
	})
}
