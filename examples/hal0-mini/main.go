// Command hal0-mini shows what package hal0 does: each verb is its flags, one
// call of the library, and print.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitFine     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitProblems = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errProblems ends a verb that printed what it found: nothing is left to say.
var errProblems = errors.New("problems were found")

// run carries out one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errProblems):
		return exitProblems
	case !a.started:
		_, _ = fmt.Fprintf(stderr, "hal0-mini: %v\n%s --help tells what there is.\n", err, cmd.CommandPath())
		return exitUsage
	}
	_, _ = fmt.Fprintf(stderr, "hal0-mini: %v\n", err)
	return exitFailed
}
