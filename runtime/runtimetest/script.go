package runtimetest

import (
	"context"
	"slices"
)

// An Op is a method of a Runtime, or of an ability that it may have besides, as
// [runtime.Error] names it.
type Op string

// The methods of a Runtime, of a [runtime.Runner] and of a [runtime.ImageLoader].
const (
	OpStart   Op = "start"
	OpStop    Op = "stop"
	OpInspect Op = "inspect"
	OpList    Op = "list"
	OpLogs    Op = "logs"
	OpImage   Op = "image"
	OpPull    Op = "pull"
	OpRun     Op = "run"
	OpLoad    Op = "load"
)

// A Call is one call of a method. Calls are equal when they are of one method
// for one name.
type Call struct {
	Op Op
	// Name is the container or the image; "" for OpList.
	Name string
}

// String returns the method and the name, such as "start hal0-slot-chat".
func (c Call) String() string {
	if c.Name == "" {
		return string(c.Op)
	}
	return string(c.Op) + " " + c.Name
}

// A Hook stands between the callers of a [Fake] and what it does. It is called in
// the caller's goroutine; do carries the call out and returns how that ended,
// and what the Hook returns is the call's error. So a call fails before it does
// anything (without do), or after: it is done, and the answer is lost. It is
// held up, for as long as the Hook waits for an event or for ctx.
//
// For OpLogs, do is the loop over the lines, and an error comes after them.
type Hook func(ctx context.Context, c Call, do func() error) error

// A script is what tests have a Fake do.
type script struct {
	calls    []Call
	hook     Hook
	failures map[Op][]error
}

// Intercept puts hook between all further calls and the Fake; nil takes it away.
func (f *Fake) Intercept(hook Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.hook = hook
}

// FailNext makes the next call of a method fail with err, and do nothing. Several
// for one method are used up in order, before a Hook is asked.
func (f *Fake) FailNext(op Op, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.script.failures == nil {
		f.script.failures = map[Op][]error{}
	}
	f.script.failures[op] = append(f.script.failures[op], err)
}

// Calls returns what was called so far, in order, failed calls too.
func (f *Fake) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.script.calls)
}

// next notes a call, and returns what the script has for it.
func (f *Fake) next(c Call) (Hook, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script.calls = append(f.script.calls, c)
	if errs := f.script.failures[c.Op]; len(errs) > 0 {
		f.script.failures[c.Op] = errs[1:]
		return nil, errs[0]
	}
	return f.script.hook, nil
}

// through carries a call out as the script says.
func (f *Fake) through(ctx context.Context, c Call, do func() error) error {
	hook, err := f.next(c)
	switch {
	case err != nil:
		return err
	case hook != nil:
		return hook(ctx, c, do)
	}
	return do()
}

// call carries out a call that has a result, unless ctx has ended.
func call[T any](ctx context.Context, f *Fake, c Call, do func() (T, error)) (T, error) {
	var result, none T
	err := f.through(ctx, c, func() (err error) {
		if err = ctx.Err(); err == nil {
			result, err = do()
		}
		return err
	})
	if err != nil {
		return none, failed(c, err)
	}
	return result, nil
}
