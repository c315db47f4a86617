// Command stubserver stands in for a model server in tests: it takes any
// server's command line, listens on the --port found there, and answers what
// the readiness probes of llama-server, FastFlowLM, Kokoro and ComfyUI ask.
//
// Its environment says how it misbehaves. STUB_LOADING is how many times
// GET /health answers 503 before it answers 200. STUB_MODE is empty or one of:
//
//	exit:N           end with code N after three lines of standard error
//	crash-loading:N  end with code N on the first GET /health
//	never            GET /health is always 503
//	hang             accept connections, never answer
//	no-listen        run without listening
//	ignore-term      serve, and ignore SIGTERM
package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/hal0ai/hal0-go/internal/modelserver"
)

func main() {
	if err := run(os.Args[1:], os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "stubserver:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// run serves until the process is ended.
func run(args []string, getenv func(string) string) error {
	mode, arg, _ := strings.Cut(getenv("STUB_MODE"), ":")
	code, _ := strconv.Atoi(arg)
	loading, _ := strconv.Atoi(getenv("STUB_LOADING"))
	fmt.Println("stubserver: arguments", strings.Join(args, " "))
	s := &server{mode: mode, code: code, loading: int64(loading)}
	switch mode {
	case "exit":
		fmt.Fprint(os.Stderr, "loading model\nerror: no space left on device\nerror: failed to load model\n")
		os.Exit(code) //nolint:forbidigo // what the mode is for
	case "no-listen":
		wait()
	case "ignore-term":
		signal.Ignore(syscall.SIGTERM)
	}
	return s.serve(address(args))
}

// wait does nothing until the process is told to end. A bare select would be a
// deadlock: nothing else runs.
func wait() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
	os.Exit(0) //nolint:forbidigo // told to
}

// address finds where to listen in any server's command line.
func address(args []string) string {
	words := strings.Fields(strings.Join(args, " "))
	value := func(flags ...string) string {
		for i := len(words) - 2; i >= 0; i-- {
			if slices.Contains(flags, words[i]) {
				return words[i+1]
			}
		}
		return ""
	}
	return net.JoinHostPort(cmp.Or(value("--host", "--listen"), "0.0.0.0"), cmp.Or(value("--port"), "8080"))
}

// A server answers as a model server in the given mode does.
type server struct {
	mode    string
	code    int
	loading int64
	probes  atomic.Int64
}

func (s *server) serve(addr string) error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "stubserver: listening on", addr)
	if s.mode == "hang" {
		wait()
	}
	return http.Serve(listener, s.handler()) //nolint:gosec // a test server needs no timeouts
}

func (s *server) handler() http.Handler {
	ready := modelserver.Handler()
	mux := http.NewServeMux()
	mux.Handle("/", ready)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		if s.loads() {
			modelserver.Answer(w, http.StatusServiceUnavailable, `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`)
			return
		}
		ready.ServeHTTP(w, r)
	})
	return mux
}

// loads reports whether the model is still being loaded, at one more question.
func (s *server) loads() bool {
	if s.mode == "crash-loading" {
		fmt.Fprintln(os.Stderr, "error: out of memory while loading")
		os.Exit(s.code) //nolint:forbidigo // what the mode is for
	}
	return s.mode == "never" || s.probes.Add(1) <= s.loading
}
