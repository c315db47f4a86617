package runtime

import (
	"context"
	"iter"
	"strings"
	"time"
)

// LabelOnce marks a container that a [Runner] runs to its end; its value is
// "true". Such a container serves no slot, and [Runtime.List] without labels
// does not tell of it.
const LabelOnce = "hal0.once"

// A Runner is a [Runtime] that can also run a program of an image to its end. It
// is an ability of its own: who needs it asks a Runtime for it by a type
// assertion, and has to do without where it is missing.
type Runner interface {
	// RunOnce runs a program in a new container and returns once it has ended. The
	// program is shut off from the host: it has no network, no device, no mount, no
	// capability, and can't write to its image. The image must be present:
	// ErrImageNotFound; and have the program: ErrCommand.
	//
	// The container is gone when RunOnce returns, whatever happened, also when
	// ctx ended; that may take a few seconds more. An exit code other than 0 is not
	// an error. A program that does not end in time is one, and matches
	// [context.DeadlineExceeded].
	RunOnce(ctx context.Context, run Once) (Output, error)
}

// A Once is one program to run.
type Once struct {
	// Image is a reference.
	Image string
	// ImageID, when not "", is the id of the one image that may be run, as in
	// [StartOptions]: ErrImageChanged.
	ImageID string
	// Command follows the image's entry point.
	Command []string
	// Within is how long the program may take, above 0, else ErrInvalidSpec. Then it
	// is killed.
	Within time.Duration
}

// MaxOutput is the most bytes of a program's output that a [Runner] returns. The
// help of llama-server is 60 KB.
const MaxOutput = 1 << 20

// An Output is what a program that has ended wrote.
type Output struct {
	ExitCode int
	// Stdout and Stderr are safe to print, see [Line.Text], and end without a
	// newline.
	Stdout string
	Stderr string
	// Truncated is set when the program wrote more than MaxOutput, or a line longer
	// than MaxLine.
	Truncated bool
}

// ReadOutput gathers what a program wrote from its lines, as far as an [Output]
// takes them; its ExitCode is left 0. It is for those who write a [Runner]. The
// error is that of the lines.
func ReadOutput(lines iter.Seq2[Line, error]) (Output, error) {
	var out Output
	var stdout, stderr strings.Builder
	for line, err := range lines {
		if err != nil {
			return Output{}, err
		}
		out.Truncated = out.Truncated || line.Truncated
		if stdout.Len()+stderr.Len()+len(line.Text) >= MaxOutput {
			out.Truncated = true
			break
		}
		to := &stdout
		if line.Stderr {
			to = &stderr
		}
		to.WriteString(line.Text + "\n")
	}
	out.Stdout, out.Stderr = strings.TrimSuffix(stdout.String(), "\n"), strings.TrimSuffix(stderr.String(), "\n")
	return out, nil
}
