package hal0_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"testing/fstest"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/internal/ggufwrite"
	"github.com/hal0ai/hal0-go/slot"
)

// Look for what would keep the slots of a box from serving, before any of them is
// started. With a runtime the image is looked at too, and asked which flags its
// server accepts.
func ExampleBox_Doctor() {
	var model bytes.Buffer
	if err := ggufwrite.Write(&model, ggufwrite.Model{ContextLength: 2048}); err != nil {
		fmt.Println(err)
		return
	}
	tree := fstest.MapFS{ // the box's own files, and those of its host
		"etc/hal0/slots/chat.toml": {Data: []byte("port = 8081\ndevice = \"cpu\"\nprofile = \"vulkan\"\n" +
			"[model]\ndefault = \"/mnt/ai-models/small.gguf\"\ncontext_size = 4096\n")},
		"etc/hal0/slots/code.toml": {Data: []byte("port = 8082\ndevice = \"cpu\"\nprofile = \"vulkan\"\n" +
			"[model]\ndefault = \"/mnt/ai-models/large.gguf\"\n")},
		"mnt/ai-models/small.gguf": {Data: model.Bytes()},
		"proc/meminfo":             {Data: []byte("MemTotal: 33554432 kB\n")},
		"proc/net/tcp":             {Data: []byte("0: 0100007F:1F91 00000000:0000 0A\n")},
	}
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(tree), hal0.WithSysroot(tree))
	if err != nil {
		fmt.Println(err)
		return
	}
	found, err := box.Doctor(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range found {
		if f.Slot == "" {
			continue // of the whole box: there is no runtime to ask
		}
		fmt.Printf("%s: %s: %s: %s\n", f.Slot, f.Severity, f.Code, f.Message)
		if f.Fix != "" {
			fmt.Printf("  %s:%d: %s: %s\n", f.File, f.Line, f.Path, f.Fix)
		}
	}
	fmt.Println("worst:", slot.Worst(found))
	// Output:
	// chat: error: port.in-use: port is in use: port 8081: another program listens there
	//   /etc/hal0/slots/chat.toml:1: port: stop it, or give the slot another port
	// chat: warning: image.unpublished: the manifest has no digest for image vulkan (ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server): it is launched by its tag, which can move
	// chat: warning: model.context: the context is 4096 tokens, and the model's own is 2048: the server caps it, and wastes the memory for the rest
	//   /etc/hal0/slots/chat.toml:6: model.context_size: set context_size to at most 2048, or stretch the model's window with --rope-scaling
	// chat: info: model.readable: /mnt/ai-models/small.gguf is a llama model of 0.6 MiB, 2 layers, with a context of 2048 tokens
	// chat: info: memory.fits: the server takes about weights 0.6 MiB + context of 4096 tokens 2 MiB + compute 5.1 MiB = 7.7 MiB, of 32 GiB (the RAM)
	// code: error: model.unreadable: model file can't be read: /mnt/ai-models/large.gguf: file does not exist
	//   /etc/hal0/slots/code.toml:5: model.default: fetch the model, or change its path
	// code: warning: image.unpublished: the manifest has no digest for image vulkan (ghcr.io/hal0ai/amd-strix-halo-toolboxes:vulkan-radv-server): it is launched by its tag, which can move
	// worst: error
}

// Ask which slots would have to stop before the image slot may come up, and take them
// down with it.
func ExampleBox_Room() {
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithFiles(files))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	decision, err := box.Room(ctx, "image")
	if err != nil {
		fmt.Println(err)
		return
	}
	back := map[string]bool{}
	for _, s := range decision.Stop {
		fmt.Println(s.Message)
		back[s.Slot] = s.Returns
	}
	if _, err := box.Up(ctx, "image", hal0.MakeRoom()); err != nil {
		fmt.Println(err)
		return
	}
	// … and when no more images are asked for:
	if err := box.Down(ctx, "image"); err != nil {
		fmt.Println(err)
		return
	}
	maps.DeleteFunc(back, func(_ string, returns bool) bool { return !returns })
	for name := range back {
		if _, err := box.Up(ctx, name); err != nil {
			fmt.Println(err)
		}
	}
}
