package hal0

import (
	"net"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	procTCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8341 1 0000000000000000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8342 1 0000000000000000 100 0 0 10 0
   2: 0100007F:A1B2 0100007F:1F92 01 00000000:00000000 00:00000000 00000000     0        0 8343 1 0000000000000000 100 0 0 10 0
   3: nonsense
`
	procTCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F93 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8344 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 8345 1 0000000000000000 100 0 0 10 0
`
)

func TestListening(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		root fstest.MapFS
		want []int
	}{
		"both tables": {fstest.MapFS{"proc/net/tcp": {Data: []byte(procTCP)}, "proc/net/tcp6": {Data: []byte(procTCP6)}}, []int{22, 8081, 8083}},
		"no IPv6":     {fstest.MapFS{"proc/net/tcp": {Data: []byte(procTCP)}}, []int{22, 8081}},
		"no /proc":    {fstest.MapFS{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports, err := listening(tc.root)
			require.NoError(t, err)
			assert.Equal(t, tc.want, ports)
		})
	}
	_, err := listening(fstest.MapFS{"proc/net/tcp/x": {}})
	require.EqualError(t, err, "which ports are listened on: read proc/net/tcp: invalid argument")
}

// The kernel of this machine lists a port that was just opened.
func TestListeningHere(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "0.0.0.0:0"} {
		l, err := net.Listen("tcp", address)
		require.NoError(t, err)
		defer l.Close()
		ports, err := listening(os.DirFS("/"))
		require.NoError(t, err)
		assert.Contains(t, ports, l.Addr().(*net.TCPAddr).Port)
	}
}
