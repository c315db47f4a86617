package podmantest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// LlamaRef is the reference under which [Service.LlamaImage] imports.
const LlamaRef = "localhost/hal0-llama:debian"

// llamaEntry is where Debian's package puts the program.
const llamaEntry = "/usr/bin/llama-server"

// llamaRecipe are the arguments of mmdebstrap, but for where to write and what
// mirror to use. Its hash names the cached result.
var llamaRecipe = []string{
	"--variant=apt", "--include=llama.cpp-tools,curl", `--aptopt=Acquire::Check-Valid-Until "false"`, "forky",
}

// llamaWithin bounds the making of the image's root file system.
const llamaWithin = 5 * time.Minute

// LlamaImage returns the reference of an image with a real llama-server, from
// Debian's llama.cpp package. Its root file system is made once and kept in
// the user's cache directory; that takes half a minute and Debian's archive.
// Where it can't be made, the test is skipped or fails as [Require] says.
func (s *Service) LlamaImage(t testing.TB) string {
	t.Helper()
	path, err := llamaTar(t.Context())
	if err != nil {
		give(t, "no llama-server image: "+err.Error())
	}
	if _, err := s.Podman("image", "exists", LlamaRef); err == nil {
		return LlamaRef
	}
	if _, err := s.Podman("import", "--quiet", "--change", `ENTRYPOINT ["`+llamaEntry+`"]`, path, LlamaRef); err != nil {
		t.Fatalf("podmantest: %v", err)
	}
	return LlamaRef
}

// llamaTar returns the path of the cached root file system, made if need be.
func llamaTar(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(strings.Join(llamaRecipe, "\x00")))
	dir := filepath.Join(cache, "hal0-go-test")
	path := filepath.Join(dir, "llama-"+hex.EncodeToString(key[:8])+".tar")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return "", fmt.Errorf("mmdebstrap is not installed: %w", err)
	}
	mirror, err := mirror(ctx)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, llamaWithin)
	defer cancel()
	part := path + ".part.tar"
	args := outside(slices.Concat([]string{"mmdebstrap"}, llamaRecipe, []string{part, mirror})...)
	if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("mmdebstrap: %w: %s", err, bytes.TrimSpace(out)), os.RemoveAll(part))
	}
	return path, os.Rename(part, path)
}

// mirror returns the Debian archive that this machine's apt uses.
func mirror(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Created-By: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	for uri := range strings.FieldsSeq(string(out)) {
		if !strings.Contains(uri, "security") {
			return uri, nil
		}
	}
	return "", errors.New("apt has no list of Debian's packages: run apt-get update")
}
