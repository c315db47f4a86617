package hal0_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// Hold every image of the box against its pin, in podman's store and at the
// registries.
func ExampleBox_CheckImages() {
	rt, err := podman.New(podman.DefaultURI())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	client, err := registry.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithRuntime(rt), hal0.WithRegistry(client))
	if err != nil {
		fmt.Println(err)
		return
	}
	results, err := box.CheckImages(context.Background(), hal0.AskRegistry())
	for _, r := range results {
		if r.Verdict != manifest.Match {
			fmt.Printf("%s is %s: %s\n", r.Pin.Ref, r.Verdict, r.Message)
		}
	}
	if err != nil {
		fmt.Println(err)
	}
}

// See what the registries serve that manifest.json does not say, and write it.
func ExampleBox_LockManifest() {
	client, err := registry.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithRegistry(client))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	lock, err := box.LockManifest(ctx, hal0.DryRun())
	if err != nil || !lock.Drifted() {
		fmt.Println("nothing to lock", err)
		return
	}
	fmt.Print(lock.Change.Diff())
	_, err = box.LockManifest(ctx)
	fmt.Println(err)
}

// A box that reaches no registry: an image that is not there, or is not the
// pinned one, is refused, and the error says how to bring it.
func ExamplePullImage() {
	rt, err := podman.New(podman.DefaultURI())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	box, err := hal0.Open(hal0.DefaultHome(), hal0.WithRuntime(rt), hal0.WithDefaults(hal0.PullImage(hal0.PullNever)))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = box.Up(context.Background(), "chat")
	var image *hal0.ImageError
	if errors.As(err, &image) {
		fmt.Println(image.Result.Verdict, image.Result.Message)
	}
}
