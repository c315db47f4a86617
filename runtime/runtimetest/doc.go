// Package runtimetest is for tests around [runtime.Runtime]: of programs that use
// one, and of a Runtime itself. Only tests import it.
//
// # Test a program without podman
//
// A [Fake] is a Runtime in memory. Hand it to hal0.WithRuntime in podman's place,
// say with a [Program] what the images do, and with [Fake.FailNext] and
// [Fake.Intercept] what goes wrong; [Fake.Calls] tells what was asked of it. What
// a test wants beyond that is a type of its own that embeds a *Fake and replaces
// a method.
//
// # Write a Runtime
//
// hal0 runs its slots through whatever implements [runtime.Runtime]: docker, a
// remote host, plain processes. There are seven methods, and their documentation
// is the contract. In the order in which they are best written:
//
//   - Image and Pull. A store that has everything already answers Pull from
//     Image; one without a registry fails it with [runtime.ErrPull].
//   - Start. First [runtime.Spec.Validate], then the image, then the container of
//     that name: [runtime.Container.Managed] and the label [runtime.LabelSlot] say
//     whether it may be replaced. Whatever fails after the new one was made
//     removes it again, also when ctx has ended: [context.WithoutCancel].
//   - Inspect and List, with [runtime.Container.Carries] for the labels.
//   - Stop. The wait for the grace is a select over the exit, a timer and ctx.
//   - Logs. [runtime.LineWriter] cuts any bytes into safe lines; where the
//     programs' output comes to the Runtime itself, [runtime.LogBuffer] keeps it
//     and does the rest.
//
// What else a Runtime can do it implements beside: [runtime.Watcher] tells hal0 what
// happens at once, [runtime.Runner] lets it ask an image what it accepts, with
// [runtime.ReadOutput] for the output, and [runtime.ImageLoader] takes images where
// no registry is in reach. hal0 does without those that are missing.
//
// Every error is a [runtime.Error] with the operation, the name, and one of the
// sentinels in its chain: hal0 asks with errors.Is, and people read the text.
//
// Then let [Run] check it, in a test of a few lines: a [Harness] brings the
// Runtime, runs a [Program] for it, and makes what the Runtime itself must not: a
// foreign container, an image in a registry. What a Runtime can't keep is
// exempt, with a reason that the test prints.
//
//	func TestKeepsTheContract(t *testing.T) {
//		runtimetest.Run(t, func(t *testing.T) runtimetest.Harness {
//			return runtimetest.Harness{
//				Runtime: mine.New(),
//				Prepare: func(_ testing.TB, spec *runtime.Spec, p runtimetest.Program) {
//					spec.Image, spec.Command = image, p.Command(spec.Publish[0].ContainerPort)
//				},
//				Exempt: map[string]string{"pull": "images are built on the host"},
//			}
//		})
//	}
//
// The package's example "Processes" is a whole Runtime, of plain processes, that
// passes it; runtime/podman passes all of it.
package runtimetest
