// Command testprogram is what containers run while a Runtime is tested: it does
// what a runtimetest.Program says, which Program.Command puts into its flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testprogram:", err)
		code = 125
	}
	os.Exit(code) //nolint:forbidigo // this is main
}

// A program is what the flags say.
type program struct {
	stdout, stderr string
	repeat         bool
	serve          string // an address, or ""
	exit           int    // below 0: it does not end by itself
	ignoreTerm     bool
}

func parse(args []string) (program, error) {
	var p program
	flags := flag.NewFlagSet("testprogram", flag.ContinueOnError)
	text := func(to *string) func(string) error {
		return func(quoted string) (err error) {
			*to, err = strconv.Unquote(quoted)
			return err
		}
	}
	flags.Func("out", "quoted text for standard output", text(&p.stdout))
	flags.Func("err", "quoted text for standard error", text(&p.stderr))
	flags.BoolVar(&p.repeat, "repeat", false, "write without end")
	flags.StringVar(&p.serve, "serve", "", "address to answer HTTP on")
	flags.IntVar(&p.exit, "exit", -1, "end with this code")
	flags.BoolVar(&p.ignoreTerm, "ignore-term", false, "go on after SIGTERM")
	return p, flags.Parse(args)
}

// run does what args say and returns the exit code.
func run(args []string) (int, error) {
	p, err := parse(args)
	if err != nil {
		return 0, err
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	if err := p.listen(); err != nil {
		return 0, err
	}
	if err := p.write(); err != nil {
		return 0, err
	}
	if p.exit >= 0 {
		return p.exit, nil
	}
	for range told {
		if !p.ignoreTerm {
			break
		}
		fmt.Println("SIGTERM")
	}
	return 0, nil
}

// listen answers every request with status 200, from now on.
func (p *program) listen() error {
	if p.serve == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", p.serve)
	if err != nil {
		return err
	}
	go http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) //nolint:errcheck,gosec // until the process ends
	return nil
}

func (p *program) write() error {
	once := func() error {
		_, errOut := io.WriteString(os.Stdout, p.stdout)
		_, errErr := io.WriteString(os.Stderr, p.stderr)
		return errors.Join(errOut, errErr)
	}
	if p.repeat {
		go func() {
			for err := once(); err == nil; err = once() {
			}
		}()
		return nil
	}
	return once()
}
