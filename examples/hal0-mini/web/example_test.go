package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/hal0ai/hal0-go"
	"github.com/hal0ai/hal0-go/examples/hal0-mini/web"
)

// A program shows a box beside what it serves itself. Requests are answered when
// they are for a host that it names.
func ExampleServer() {
	home, err := os.MkdirTemp("", "box")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(home) }()
	server, err := web.New(web.Config{Home: hal0.HomeAt(home), Hosts: []string{"box.example"}})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	watched := make(chan error)
	go func() { watched <- server.Run(ctx) }() // follows files and containers

	handler := server.Handler() // for an http.Server
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://box.example/api/profiles", nil))
	var profiles []hal0.ProfileUse
	if err := json.Unmarshal(answer.Body.Bytes(), &profiles); err != nil {
		panic(err)
	}
	for _, p := range profiles[:2] {
		fmt.Println(p.Name, p.MTP, p.Intent)
	}
	stop()
	fmt.Println(<-watched)
	// Output:
	// rocm false MoE agents · q8 KV
	// rocm-dnse true Dense + MTP · q4 KV
	// <nil>
}
