package hal0_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/manifest/bundle"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// Fetch a slot's image ahead of time, and show how far each blob is.
func ExampleBox_Pull() {
	rt, err := podman.New(podman.DefaultURI())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithRuntime(rt))
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := box.Pull(context.Background(), "chat", hal0.OnPull(func(s runtime.PullStep) {
		if s.Phase == runtime.PullDownloading && s.Total > 0 {
			fmt.Printf("%s %d%%\n", s.Blob, 100*s.Done/s.Total)
		}
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(image.RepoDigests)
}

// On a machine that reaches the registry, write what the slots of a box need to
// a file that is there whole or not at all.
func ExampleBox_PinsOf() {
	box, err := hal0.Open(hal0.DefaultHome())
	if err != nil {
		fmt.Println(err)
		return
	}
	pins, err := box.PinsOf("embed", "tts")
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := registry.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	file, err := os.CreateTemp(".", "images-*.tar.part")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(file.Name())
	images, err := bundle.Save(context.Background(), file, client, pins, bundle.Options{Platform: "linux/amd64"})
	if err != nil {
		fmt.Println(err) // what was written goes away
		return
	}
	if err := file.Close(); err != nil {
		fmt.Println(err)
		return
	}
	for _, image := range images {
		fmt.Println(image.Ref, image.Size)
	}
	fmt.Println(os.Rename(file.Name(), "images.tar"))
}

// On the box, take them, with progress; then bring a slot up.
func ExampleBox_Pins() {
	rt, err := podman.New(podman.DefaultURI())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithRuntime(rt))
	if err != nil {
		fmt.Println(err)
		return
	}
	file, err := os.Open(filepath.Join("/media/usb", "images.tar"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	_, err = bundle.Load(context.Background(), file, rt, box.Pins(), bundle.Options{
		Dir:    "/var/tmp",
		Report: func(s bundle.Step) { fmt.Println(s.Phase, s.Ref, s.Done, s.Total) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(box.Up(context.Background(), "embed"))
}
