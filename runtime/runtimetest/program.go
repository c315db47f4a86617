package runtimetest

import (
	"net"
	"net/http"
	"strconv"

	"github.com/hal0ai/hal0-go/internal/modelserver"
)

// A Program is what the process in a container does, as data: the suite says
// with it which programs it wants run, and a [Fake] does what it says. The zero
// value runs until it is told to end, and says nothing.
//
// A program listens first, then writes, then ends if it Ends. Told to end with
// SIGTERM it ends with code 0, unless it IgnoresTerm.
type Program struct {
	// StartError, unless nil, is why the program can't be run: the container is
	// made, and then Start fails. The suite uses [runtime.ErrCommand] alone, the
	// error of an image that has no such program.
	StartError error
	// Handler answers on the ports that the container publishes. With nil, the
	// program listens on none. Programs of the suite answer every request with
	// status 200.
	Handler http.Handler
	// Stdout and Stderr are what it writes to each, with whatever line ends are in
	// it.
	Stdout, Stderr string
	// Repeat makes it write that again and again.
	Repeat bool
	// Ends makes it end by itself, with ExitCode.
	Ends     bool
	ExitCode int
	// IgnoresTerm makes it write the line "SIGTERM" to standard output when it is
	// told to end, and go on.
	IgnoresTerm bool
	// Once, unless nil, is what the program is instead where [Fake.RunOnce] runs it
	// with that command, such as one that prints its help and ends. Programs of the
	// suite have none.
	Once func(command []string) Program
}

// ModelServer returns a handler for a [Program] that stands in for a model
// server which is ready: the readiness probe of every provider of this module
// passes.
func ModelServer() http.Handler { return modelserver.Handler() }

// Command returns the command line that makes the testprogram below this
// package do what p says, listening on port of every address. What is in an
// image or on a host under test can so be one small static program:
//
//	CGO_ENABLED=0 go build -o program github.com/hal0ai/hal0-go/runtime/runtimetest/testprogram
func (p Program) Command(port int) []string {
	words := []string{"-out=" + strconv.QuoteToASCII(p.Stdout), "-err=" + strconv.QuoteToASCII(p.Stderr)}
	if p.Handler != nil {
		words = append(words, "-serve="+net.JoinHostPort("0.0.0.0", strconv.Itoa(port)))
	}
	if p.Repeat {
		words = append(words, "-repeat")
	}
	if p.Ends {
		words = append(words, "-exit="+strconv.Itoa(p.ExitCode))
	}
	if p.IgnoresTerm {
		words = append(words, "-ignore-term")
	}
	return words
}
