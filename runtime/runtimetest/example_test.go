package runtimetest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing/fstest"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/device"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/runtimetest"
)

// A box of two slots, in memory.
var files = fstest.MapFS{
	"etc/hal0/profiles.toml":   {Data: []byte("[profile.own]\nimage = \"localhost/llama:v1\"\ndevice_class = \"cpu\"\n")},
	"etc/hal0/slots/chat.toml": {Data: []byte("port = 8197\ndevice = \"cpu\"\nprofile = \"own\"\n[model]\ndefault = \"/models/chat.gguf\"\n")},
	"etc/hal0/slots/code.toml": {Data: []byte("port = 8198\ndevice = \"cpu\"\nprofile = \"own\"\n[model]\ndefault = \"/models/code.gguf\"\n")},
}

// upAll is a program that uses hal0, and is to be tested: it brings every slot up
// and says why one is not.
func upAll(ctx context.Context, box *hal0.Box) {
	for _, name := range box.Names() {
		_, err := box.Up(ctx, name)
		var failed *hal0.StartError
		switch {
		case errors.As(err, &failed):
			fmt.Println(name, "exited with", failed.ExitCode, "after:", failed.Logs[0].Text)
		case err != nil:
			fmt.Println(name, err)
		default:
			fmt.Println(name, "is up")
		}
	}
}

// Test a program that uses hal0 without podman: one slot comes up, and the
// other's server ends while it loads its model.
func ExampleFake() {
	fake := runtimetest.NewFake()
	defer fake.Close()
	fake.AddImage("localhost/llama:v1", runtimetest.Program{Handler: runtimetest.ModelServer()})
	fake.SetProgram("hal0-slot-code", runtimetest.Program{Stderr: "error: no such model\n", Ends: true, ExitCode: 1})

	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files), hal0.WithHost(device.Host{}), hal0.WithRuntime(fake))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	upAll(ctx, box)
	status, err := box.Status(ctx, "chat")
	fmt.Println(status.State, err)

	// The server ends while it serves.
	err = fake.Exit("hal0-slot-chat", 137)
	status, _ = box.Status(ctx, "chat")
	fmt.Println(status.State, status.Reason, err)
	fmt.Println(box.Down(ctx, "chat"))

	for _, c := range fake.Calls() {
		if c.Op == runtimetest.OpStart || c.Op == runtimetest.OpStop {
			fmt.Println(c)
		}
	}
	// Output:
	// chat is up
	// code exited with 1 after: error: no such model
	// ready <nil>
	// error the server exited with code 137 (SIGKILL, possibly for lack of memory) <nil>
	// <nil>
	// start hal0-slot-chat
	// start hal0-slot-code
	// stop hal0-slot-code
	// stop hal0-slot-chat
}

// Let the runtime fail where a test wants it to: before it has done anything,
// and after, when only the answer is lost.
func ExampleFake_Intercept() {
	fake := runtimetest.NewFake()
	defer fake.Close()
	fake.AddImage("localhost/llama:v1", runtimetest.Program{Handler: http.NotFoundHandler()})
	spec := runtime.Spec{
		Name: "c", Image: "localhost/llama:v1", Network: "bridge",
		Labels: map[string]string{runtime.LabelManaged: "true", runtime.LabelSlot: "c"},
	}
	ctx := context.Background()

	fake.FailNext(runtimetest.OpStart, runtime.ErrUnavailable)
	_, err := fake.Start(ctx, spec, runtime.StartOptions{})
	fmt.Println(err)

	fake.Intercept(func(_ context.Context, c runtimetest.Call, do func() error) error {
		err := do()
		if c.Op == runtimetest.OpStart {
			return runtime.ErrUnavailable
		}
		return err
	})
	_, err = fake.Start(ctx, spec, runtime.StartOptions{})
	fmt.Println(err)
	c, err := fake.Inspect(ctx, "c")
	fmt.Println(c.State, err)
	// Output:
	// start c: container runtime is unavailable
	// start c: container runtime is unavailable
	// running <nil>
}
