package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
	"github.com/hal0ai/hal0-go/manifest/registry"
	"github.com/hal0ai/hal0-go/runtime/podman"
)

// serving are the flags of serve.
type serving struct {
	listen string
	remote bool
	hosts  []string
	ask    bool
	client func() (*registry.Client, error)
}

func (a *app) serve() *cobra.Command {
	var f serving
	cmd := a.verb("serve", "Show the box over HTTP, read-only, until interrupted", noArgs, func(cmd *cobra.Command, _ []string) error {
		config, done, err := a.webConfig(f)
		if err != nil {
			return err
		}
		defer done()
		if err := mayListen(f.listen, f.remote); err != nil {
			return err
		}
		listener, err := (&net.ListenConfig{}).Listen(cmd.Context(), "tcp", f.listen)
		if err != nil {
			return err
		}
		config.Hosts = web.HostsOf(listener.Addr(), f.hosts...)
		server, err := web.New(config)
		if err != nil {
			_ = listener.Close()
			return err
		}
		a.printf("serving http://%s/\n", reachedAt(listener.Addr()))
		if f.remote {
			_, _ = fmt.Fprintln(a.stderr, "warning: whoever reaches this address reads the box's configuration, without a password")
		}
		return server.Serve(cmd.Context(), listener)
	})
	cmd.Long = `Show the box over HTTP, read-only, until interrupted: pages for people at /, JSON
below /api (described by /api/openapi.json), /healthz, and /metrics for Prometheus.

It answers requests that are for its own address or for localhost, and refuses
those with another Host header; --host adds names that it is reached by, with a
port where a tunnel or a proxy has another one: localhost:9000.`
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "listen on `ADDRESS:PORT`")
	flags.BoolVar(&f.remote, "allow-remote", false, "listen on an address that other machines may reach")
	flags.StringSliceVar(&f.hosts, "host", nil, "answer requests for the host `NAME[:PORT]` too")
	flags.BoolVar(&f.ask, "registry", false, "compare images with what registries serve, too")
	f.client = registryFlags(cmd)
	return cmd
}

// reachedAt is an address at which this host reaches a listener.
func reachedAt(listener net.Addr) string {
	if tcp, ok := listener.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
	}
	return listener.String()
}

// mayListen keeps an address that other machines may reach from being listened on
// unless that is meant.
func mayListen(address string, remote bool) error {
	at, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return fmt.Errorf("--listen %q is not an IP address with a port, such as 127.0.0.1:8080 or [::1]:8080", address)
	case !at.Addr().IsLoopback() && !remote:
		return fmt.Errorf("--listen %s: other machines may reach that address, and there is no password: say --allow-remote too if that is meant", address)
	}
	return nil
}

// webConfig says what is served, and returns what closes the connections.
func (a *app) webConfig(f serving) (web.Config, func(), error) {
	config := web.Config{AskRegistry: f.ask, Log: slog.New(slog.NewTextHandler(a.stderr, nil))}
	home, options, err := a.where()
	if err != nil {
		return config, nil, err
	}
	if a.demo { // it has nothing that runs it
		config.Home, config.Options = home, options
		return config, func() {}, nil
	}
	rt, err := podman.New(a.podman)
	if err != nil {
		return config, nil, err
	}
	client, err := f.client()
	if err != nil {
		_ = rt.Close()
		return config, nil, err
	}
	options = append(options, hal0.WithRuntime(rt), hal0.WithRegistry(client))
	config.Home, config.Options = home, options
	return config, func() {
		_ = rt.Close()
		_ = client.Close()
	}, nil
}
