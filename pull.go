package hal0

import (
	"context"

	"github.com/hal0ai/hal0-go/runtime"
)

// Pull fetches the image of a slot, so that [Box.Up] finds it. The registry is
// asked even when an image is present, as a tag may have moved; not so for an
// image that is pinned by its digest. It blocks until the image is there or ctx
// ends; a registry may be silent for minutes. Errors are those of
// [Box.Resolve] and of [runtime.Runtime].
func (b *Box) Pull(ctx context.Context, name string, opts ...CallOption) (runtime.Image, error) {
	if b.opts.runtime == nil {
		return runtime.Image{}, ErrNoRuntime
	}
	c := b.call(opts)
	plan, err := b.resolve(name, &c)
	if err != nil {
		return runtime.Image{}, err
	}
	return b.opts.runtime.Pull(ctx, plan.Spec.Image, runtime.PullOptions{Always: !plan.Image.Pinned, Report: c.pull})
}

// pulling reports the steps of the image's pull, as events those that begin or
// end something.
func (u *up) pulling(s runtime.PullStep) {
	u.call.pull(s)
	if s.Phase != runtime.PullDownloading || s.Done == 0 {
		u.life.note("%s", s.Message)
	}
}
