package hal0_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// twoSlots returns a box of two slots on containers in memory, as a test of one's
// own would. A box on this machine has podman.New for its runtime.
func twoSlots(chatPort int) (*hal0.Box, *runtimetest.Fake, error) {
	rt := runtimetest.NewFake()
	rt.AddImage("localhost/server:v1", runtimetest.Program{Handler: runtimetest.ModelServer()})
	slot := "port = %d\ndevice = \"cpu\"\nprofile = \"p\"\n[model]\ndefault = \"/srv/m.gguf\"\ncontext_size = 512\n"
	files := fstest.MapFS{
		"etc/hal0/profiles.toml":    {Data: []byte("[profile.p]\nimage = \"localhost/server:v1\"\ndevice_class = \"cpu\"\n")},
		"etc/hal0/slots/chat.toml":  {Data: fmt.Appendf(nil, slot, chatPort)},
		"etc/hal0/slots/embed.toml": {Data: fmt.Appendf(nil, "type = \"embedding\"\n"+slot, chatPort+1)},
	}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}), hal0.WithRuntime(rt))
	return box, rt, err
}

// Bring a whole box to what its files say; a second time there is nothing to do.
func ExampleBox_Apply() {
	box, rt, err := twoSlots(8171)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	ctx := context.Background()

	results, err := box.Apply(ctx, hal0.OnDiff(func(d hal0.Diff) { fmt.Print(d) }))
	for _, r := range results {
		fmt.Println(r.Action, r.Slot, r.Status.State)
	}
	fmt.Println(err)
	diff, err := box.Diff(ctx)
	fmt.Println(diff.Changes(), err)
	// Output:
	// start   chat: it has no container
	// start   embed: it has no container
	// start chat ready
	// start embed ready
	// <nil>
	// false <nil>
}

// Follow what becomes of the slots: here, one whose server is killed.
func ExampleBox_Observe() {
	box, rt, err := twoSlots(8173)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	if _, err := box.Up(context.Background(), "chat"); err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for changes, err := range box.Observe(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, s := range changes {
			fmt.Println(s.Slot, s.State)
			if s.State == hal0.StateReady {
				_ = rt.Exit("hal0-slot-chat", 137)
			}
			if s.State == hal0.StateError {
				fmt.Println(s.Reason)
				cancel()
			}
		}
	}
	// Output:
	// chat ready
	// embed offline
	// chat error
	// the server exited with code 137 (SIGKILL, possibly for lack of memory)
}

// What a slot's state may become is one table.
func ExampleState_To() {
	fmt.Println(hal0.StateWarming.Next())
	_, err := hal0.StateOffline.To(hal0.StateReady)
	fmt.Println(err)
	// Output:
	// [ready idle error offline]
	// a slot that is offline can't become "ready": want one of pulling, starting
}
