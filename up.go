package hal0

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hal0ai/hal0-go/manifest"
	"github.com/hal0ai/hal0-go/provider"
	"github.com/hal0ai/hal0-go/runtime"
	"github.com/hal0ai/hal0-go/slot"
)

// cleanupTime bounds the removal of a container whose start failed, after the
// caller's context has ended.
const cleanupTime = 30 * time.Second

// Up brings a slot up: it resolves it, fetches the image unless it is present,
// starts the container and waits until the server is ready. It blocks until
// then.
//
// The image is the pinned one and made for this host, or Up refuses it:
// [ErrImage]; see [VerifyImage] and [PullImage]. Where no digest is pinned the
// image is the one that the tag named when Up looked, even when the tag moves
// before the container is made: [runtime.ErrImageChanged].
//
// A healthy container that runs the same plan from that image is adopted:
// nothing is restarted. One that runs another is replaced. One of that name that
// is not ours is left alone: [runtime.ErrForeign]. When the server ends or does not
// become ready, or ctx ends, the container is removed again, and the error
// holds its exit code and last log lines ([StartError]).
//
// The image slot and other slots on the GPU share its memory. Where others have to
// stop first, Up refuses: [RoomError]; see [MakeRoom].
//
// Calls for one slot take turns; those for different slots run side by side.
func (b *Box) Up(ctx context.Context, name string, opts ...CallOption) (Status, error) {
	c := b.call(opts)
	rt := b.opts.runtime
	if rt == nil {
		return Status{}, ErrNoRuntime
	}
	if err := c.checkPolicies(); err != nil {
		return Status{}, err
	}
	plan, err := b.launchable(name, &c)
	if err != nil {
		return Status{}, err
	}
	pin, err := b.manifest.Resolve(plan.Image.Ref)
	if err != nil {
		return Status{}, err
	}
	inside, life, leave, err := b.enter(ctx, name, &c, true)
	if err != nil {
		return Status{}, err
	}
	defer leave()
	u := up{box: b, rt: rt, plan: plan, pin: pin, call: &c, life: life}
	status, err := u.run(inside)
	if cause := context.Cause(inside); err != nil && cause != nil && ctx.Err() == nil {
		err = fmt.Errorf("slot %s: %w", name, cause)
	}
	u.end(inside, err)
	return status, err
}

// launchable resolves a slot and refuses what can be known not to start.
func (b *Box) launchable(name string, c *call) (slot.Plan, error) {
	plan, err := b.resolve(name, c)
	if err != nil {
		return slot.Plan{}, err
	}
	e, err := b.entry(name)
	if err != nil {
		return slot.Plan{}, err
	}
	if refusals := b.refusals(e.file, &plan); len(refusals) > 0 {
		return slot.Plan{}, fmt.Errorf("slot %s: %w", name, refusals[0].Err)
	}
	return plan, nil
}

// up is one bringing up of a slot.
type up struct {
	box  *Box
	rt   runtime.Runtime
	plan slot.Plan
	pin  manifest.Pin
	call *call
	life *life
	kept bool  // what ran before the call still does
	left error // why a container that failed to start could not be removed
}

func (u *up) run(ctx context.Context) (Status, error) {
	old, err := u.running(ctx)
	if err != nil {
		return Status{}, err
	}
	image, err := u.image(ctx)
	if err != nil {
		return Status{}, err
	}
	if old != nil {
		adopted, err := u.adopt(ctx, old, image)
		switch {
		case err != nil:
			return Status{}, err
		case adopted:
			return u.status(old), nil
		}
	}
	taken, err := u.room(ctx)
	if err != nil {
		return Status{}, err
	}
	c, err := u.launch(ctx, image)
	taken()
	if err != nil {
		return Status{}, err
	}
	if err := u.await(ctx, c); err != nil {
		u.remove(ctx)
		return Status{}, err
	}
	return u.status(&c), nil
}

// status is the end of a successful run.
func (u *up) status(c *runtime.Container) Status {
	s := Status{Slot: u.plan.Slot, State: u.life.state, Current: true, Container: c}
	if s.State == StateIdle {
		s.Reason = provider.ErrNoModel.Error()
	}
	return s
}

func short(id string) string { return id[:min(12, len(id))] }

// running begins the life of the slot with what there is. It returns the
// container that runs the plan already; nil when one has to be started.
func (u *up) running(ctx context.Context) (*runtime.Container, error) {
	c, err := u.rt.Inspect(ctx, u.plan.Spec.Name)
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		u.life.begin(StateOffline)
		return nil, nil
	case err != nil:
		return nil, err
	case !c.Managed() || c.Labels[runtime.LabelSlot] != u.plan.Slot:
		return nil, &runtime.Error{Op: "start", Name: c.Name, Class: runtime.ErrForeign,
			Err: errors.New("remove or rename it, or rename the slot")}
	case c.State != runtime.StateRunning:
		u.life.begin(StateError)
		u.life.note("container %s is %s, and has to be replaced", short(c.ID), c.State)
		return nil, nil
	case c.Labels[runtime.LabelPlan] != u.plan.Hash:
		u.kept = true
		u.life.begin(StateReady)
		u.life.note("container %s runs another plan, and has to be replaced", short(c.ID))
		return nil, nil
	}
	u.kept = true
	u.life.begin(stateOf(probe(ctx, u.plan.Probe, u.plan.Spec.Publish[0])))
	u.life.note("container %s runs this plan already", short(c.ID))
	return &c, nil
}

// adopt reports whether a container that runs the plan runs it from that image,
// and is ready or becomes so; otherwise one has to be started.
func (u *up) adopt(ctx context.Context, c *runtime.Container, image runtime.Image) (bool, error) {
	if c.ImageID != image.ID && u.call.verify != VerifyOff {
		what := fmt.Sprintf("container %s runs image %s, and %s is to be launched", short(c.ID), short(c.ImageID), short(image.ID))
		if u.call.verify == VerifyEnforce {
			u.life.note("%s: it is replaced", what)
			return false, nil
		}
		u.life.warn("%s", what)
	}
	u.life.adopts(c, &u.plan)
	if u.life.state != StateWarming {
		return true, nil
	}
	err := u.await(ctx, *c)
	if errors.Is(err, ErrNotReady) {
		u.life.to(StateError, "container %s does not serve: it is replaced", short(c.ID))
		return false, nil
	}
	return err == nil, err
}

// launch starts the container in place of the one that there may be.
func (u *up) launch(ctx context.Context, image runtime.Image) (runtime.Container, error) {
	u.kept = false
	starting := fmt.Sprintf("starting %s from %s", u.plan.Spec.Name, u.plan.Spec.Image)
	switch u.life.state {
	case StateReady, StateIdle:
		u.life.to(StateUnloading, "stopping the container that is replaced")
	case StateWarming: // the container that is replaced
	default:
		u.life.to(StateStarting, "%s", starting)
	}
	c, err := u.start(ctx, image)
	if err != nil {
		return c, err
	}
	if u.life.state != StateStarting {
		u.life.to(StateOffline, "the container that is replaced is gone")
		u.life.to(StateStarting, "%s", starting)
	}
	u.life.runs(&c, &u.plan)
	u.life.to(StateWarming, "container %s runs; waiting until the server is ready", short(c.ID))
	return c, nil
}

// await waits until the server is ready, or turns out to have no model.
func (u *up) await(ctx context.Context, c runtime.Container) error {
	state, err := u.ready(ctx, c)
	switch {
	case err != nil:
		return err
	case state == StateIdle:
		u.life.to(StateIdle, "the server on %s %v", u.plan.Spec.Publish[0], provider.ErrNoModel)
	default:
		u.life.to(StateReady, "ready on %s", u.plan.Spec.Publish[0])
	}
	return nil
}

// end closes the life of a slot that did not come up. What ran before and still
// does keeps its state; a call that was ended has left no container of its own,
// and is no error.
func (u *up) end(ctx context.Context, err error) {
	switch {
	case err == nil, u.kept && ctx.Err() != nil:
	case u.kept:
		u.life.warn("%v; what ran goes on", err)
	case ctx.Err() == nil:
		u.life.fail(err)
	case u.left == nil && u.life.state.CanBecome(StateOffline):
		u.life.to(StateOffline, "%v", err)
	}
	if u.left != nil {
		u.life.fail(fmt.Errorf("could not remove the container: %w", u.left))
	}
}

// remove takes a container that failed to start away, even when ctx has ended.
func (u *up) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	u.left = u.rt.Stop(ctx, u.plan.Spec.Name, u.call.grace)
}
