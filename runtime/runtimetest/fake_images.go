package runtimetest

import (
	"context"
	"fmt"
	goruntime "runtime"
	"slices"

	"github.com/distribution/reference"

	"github.com/hal0ai/hal0-go/runtime"
)

// A Remote is an image in a registry: the suite says with it what it wants to
// pull, and a [Fake] pulls it.
type Remote struct {
	// Transfer, if not nil, is called once for each transfer of the image, while
	// it is under way: the transfer goes on when it returns, or fails with its
	// error. ctx ends when the pull is given up.
	Transfer func(ctx context.Context) error
	// Program is what the image runs. The suite starts no image that it pulled.
	Program Program
}

// An image of a Fake, in its store or in a registry.
type image struct {
	runtime.Image
	program  Program
	transfer func(ctx context.Context) error
}

// images are by name.
type images map[string]*image

// AddImage puts an image that runs p into the store under ref, "repo:tag" or
// "repo@sha256:…", and returns it: of this machine's platform, with an ID and a
// digest of its own unless ref has one. A ref that was another image's is taken
// from that. An invalid ref panics.
func (f *Fake) AddImage(ref string, p Program) runtime.Image {
	name, err := canonical(ref)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	made := f.makeImage(name, Remote{Program: p})
	f.images[name.String()] = made
	return copyImage(made.Image)
}

// AddRemote puts an image into a registry, where [Fake.Pull] finds it under ref,
// in place of another that has that name. An invalid ref panics.
func (f *Fake) AddRemote(ref string, r Remote) {
	name, err := canonical(ref)
	if err != nil {
		panic(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remotes[name.String()] = f.makeImage(name, r)
}

// makeImage returns a new image; f.mu is held.
func (f *Fake) makeImage(name reference.Named, r Remote) *image {
	digest := "sha256:" + f.id()
	if pinned, ok := name.(reference.Digested); ok {
		digest = pinned.Digest().String()
	}
	return &image{program: r.Program, transfer: r.Transfer, Image: runtime.Image{
		ID: f.id(), RepoDigests: []string{reference.TrimNamed(name).String() + "@" + digest},
		Platform: "linux/" + goruntime.GOARCH, Size: imageSize,
	}}
}

// Image implements [runtime.Runtime].
func (f *Fake) Image(ctx context.Context, ref string) (runtime.Image, error) {
	return call(ctx, f, Call{OpImage, ref}, func() (runtime.Image, error) { return f.present(ref) })
}

func (f *Fake) present(ref string) (runtime.Image, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	image, err := f.find(ref)
	if err != nil {
		return runtime.Image{}, err
	}
	return copyImage(image.Image), nil
}

// Pull implements [runtime.Runtime].
func (f *Fake) Pull(ctx context.Context, ref string, opts runtime.PullOptions) (runtime.Image, error) {
	return call(ctx, f, Call{OpPull, ref}, func() (runtime.Image, error) {
		name, err := canonical(ref)
		if err != nil {
			return runtime.Image{}, err
		}
		if image, err := f.present(ref); err == nil && !opts.Always {
			return image, nil
		}
		fetch := func(ctx context.Context, _ string, report func(runtime.PullStep)) (runtime.Image, error) {
			return f.fetch(ctx, name, report)
		}
		return f.pulls.Join(ctx, name.String(), fetch, func(s runtime.PullStep) {
			if opts.Report != nil {
				s.Ref = ref
				opts.Report(s)
			}
		})
	})
}

// fetch transfers an image of one blob, unless it is in the store.
func (f *Fake) fetch(ctx context.Context, name reference.Named, report func(runtime.PullStep)) (runtime.Image, error) {
	report(runtime.PullStep{Phase: runtime.PullResolving, Message: "asking the registry for " + name.String()})
	f.mu.Lock()
	remote := f.remotes.find(name)
	present := remote != nil && f.images.find(name) == remote
	f.mu.Unlock()
	if remote == nil {
		return runtime.Image{}, problem(runtime.ErrPull, "no registry has %s", name)
	}
	if err := remote.fetch(ctx, present, report); err != nil {
		return runtime.Image{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return runtime.Image{}, err
	}
	f.images[name.String()] = remote
	report(runtime.PullStep{Phase: runtime.PullDone, Message: fmt.Sprintf("image %.12s is present", remote.ID)})
	return copyImage(remote.Image), nil
}

// fetch transfers the image's one blob.
func (i *image) fetch(ctx context.Context, present bool, report func(runtime.PullStep)) error {
	blob := i.ID[:12]
	if present {
		report(runtime.PullStep{Phase: runtime.PullPresent, Blob: blob, Message: blob + " is present"})
		return nil
	}
	report(runtime.PullStep{Phase: runtime.PullDownloading, Blob: blob, Message: "downloading " + blob})
	if i.transfer != nil {
		if err := i.transfer(ctx); err != nil {
			return problem(runtime.ErrPull, "transfer: %w", err)
		}
	}
	report(runtime.PullStep{Phase: runtime.PullDownloaded, Blob: blob, Done: imageSize, Total: imageSize, Message: "downloaded " + blob})
	return nil
}

// imageSize is the size of every image of a Fake, in bytes.
const imageSize = 1 << 20

// find returns the image of that name or digest, or nil.
func (all images) find(name reference.Named) *image {
	if i := all[name.String()]; i != nil {
		return i
	}
	for _, i := range all {
		if slices.Contains(i.RepoDigests, name.String()) {
			return i
		}
	}
	return nil
}

// find returns the image of a reference in the store; f.mu is held.
func (f *Fake) find(ref string) (*image, error) {
	name, err := canonical(ref)
	if err != nil {
		return nil, err
	}
	if i := f.images.find(name); i != nil {
		return i, nil
	}
	return nil, problem(runtime.ErrImageNotFound, "pull %s first", ref)
}

// held returns the image of a reference in the store, which has to have that id
// unless it is ""; f.mu is held.
func (f *Fake) held(ref, id string) (*image, error) {
	image, err := f.find(ref)
	if err == nil && id != "" && image.ID != id {
		return nil, problem(runtime.ErrImageChanged, "image %s is %.12s, and %.12s was asked for", ref, image.ID, id)
	}
	return image, err
}

func copyImage(i runtime.Image) runtime.Image {
	i.RepoDigests = slices.Clone(i.RepoDigests)
	return i
}

// canonical returns the name that an image is kept under: with its registry,
// and with a tag or a digest. A tag beside a digest says nothing.
func canonical(ref string) (reference.Named, error) {
	name, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, problem(runtime.ErrInvalidSpec, "image: found %q, want a reference such as ghcr.io/owner/name:tag: %w", ref, err)
	}
	if pinned, ok := name.(reference.Digested); ok {
		return reference.WithDigest(reference.TrimNamed(name), pinned.Digest())
	}
	return reference.TagNameOnly(name), nil
}
