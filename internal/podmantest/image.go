package podmantest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// StubRef is the reference under which [Service.StubImage] imports.
const StubRef = "localhost/hal0-stub:v1"

// stubPackage is the program inside the stub image.
const stubPackage = "github.com/hal0ai/hal0-go/internal/stubserver"

// Import imports a root file system from a tar stream as an image under ref,
// with podman's --change instructions, and returns the image's id.
func (s *Service) Import(tb testing.TB, archive io.Reader, ref string, changes ...string) string {
	tb.Helper()
	data, err := io.ReadAll(archive)
	if err != nil {
		tb.Fatalf("podmantest: %v", err)
	}
	id, err := s.importTar(data, ref, changes...)
	if err != nil {
		tb.Fatalf("podmantest: %v", err)
	}
	return id
}

func (s *Service) importTar(data []byte, ref string, changes ...string) (string, error) {
	args := []string{"import", "--quiet"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	return s.podman(bytes.NewReader(data), append(args, "-", ref)...)
}

// StubImage returns the reference of a small image that serves as any of the
// model servers does; see internal/stubserver for its environment. It is built
// once a service. Its entry point is /stubserver, and /bin/bash the same
// program. It needs the go command.
func (s *Service) StubImage(tb testing.TB) string {
	tb.Helper()
	ref, err := s.stub()
	if err != nil {
		tb.Fatalf("podmantest: stub image: %v", err)
	}
	return ref
}

func (s *Service) buildStub() (string, error) {
	archive, err := s.root()
	if err != nil {
		return "", err
	}
	_, err = s.importTar(archive, StubRef, `ENTRYPOINT ["/stubserver"]`, `ENV STUB=1`)
	return StubRef, err
}

// StubRoot returns the root file system of the stub image as a tar archive, for
// images that are made elsewhere. It needs the go command.
func (s *Service) StubRoot(tb testing.TB) []byte {
	tb.Helper()
	archive, err := s.root()
	if err != nil {
		tb.Fatalf("podmantest: stub image: %v", err)
	}
	return archive
}

func (s *Service) buildRoot() ([]byte, error) {
	binary := filepath.Join(s.Dir, "stubserver")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, stubPackage)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	program, err := os.ReadFile(binary) //nolint:gosec // what was just built
	if err != nil {
		return nil, err
	}
	return StubTar(program)
}

// StubTar returns the root file system of the stub image around program.
func StubTar(program []byte) ([]byte, error) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	problems := []error{
		w.WriteHeader(&tar.Header{Name: "stubserver", Mode: 0o755, Size: int64(len(program))}),
		write(w, program),
		w.WriteHeader(&tar.Header{Name: "bin/", Mode: 0o755, Typeflag: tar.TypeDir}),
		w.WriteHeader(&tar.Header{Name: "bin/bash", Mode: 0o755, Typeflag: tar.TypeLink, Linkname: "stubserver"}),
		w.WriteHeader(&tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}),
		w.WriteHeader(&tar.Header{Name: "noexec", Mode: 0o644}),
		w.Close(),
	}
	return archive.Bytes(), errors.Join(problems...)
}

func write(w io.Writer, data []byte) error {
	_, err := w.Write(data)
	return err
}
