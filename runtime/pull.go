package runtime

import (
	"context"
	"io"
)

// PullOptions choose what [Runtime.Pull] does. The zero value fetches an image
// that is not present, and reports nothing.
type PullOptions struct {
	// Always asks the registry even when an image of that name is present: a tag
	// may have moved. What is present of the image is not fetched again.
	Always bool
	// Report, if not nil, is called with each step, from Pull's goroutine. A
	// Report that takes its time misses steps of a blob that later ones replace;
	// it does not slow the pull.
	Report func(PullStep)
}

// A PullPhase is what a pull does.
type PullPhase string

// The phases of a pull. Between the last blob and the end the runtime writes
// the image to its store.
const (
	PullResolving   PullPhase = "resolving"   // asks the registry what the reference names
	PullDownloading PullPhase = "downloading" // fetches a blob: a layer, or the image's configuration
	PullDownloaded  PullPhase = "downloaded"  // has fetched a blob
	PullPresent     PullPhase = "present"     // leaves out a blob that is in the store
	PullDone        PullPhase = "done"        // has the image in the store
)

// A PullStep is one thing that a pull reports.
type PullStep struct {
	Ref   string    `json:"ref"`
	Phase PullPhase `json:"phase"`
	// Blob is what the step is about: a blob's digest in hexadecimal, or as much
	// of its beginning as the runtime tells; "" when it is about no blob.
	Blob string `json:"blob,omitempty"`
	// Done and Total are bytes of the blob as the registry keeps it: fetched, and
	// in all. Both are 0 as long as the runtime does not tell.
	Done  int64 `json:"done,omitempty"`
	Total int64 `json:"total,omitempty"`
	// Message says the same to a person.
	Message string `json:"message"`
}

// An ImageLoader is a Runtime that takes images from an archive, for hosts that
// reach no registry.
type ImageLoader interface {
	// LoadImage stores the image that archive holds under ref, which is
	// "repo@sha256:…", and returns it: it is then found under ref, and ref is
	// among its RepoDigests. archive is an OCI image layout in a tar, with that
	// one image in its index and ref as its name. An image that is present
	// already is no error; it gets that name too.
	//
	// Loading blocks until done or until ctx ends; when it fails there is no part
	// of the image. It may be called concurrently. After ctx has ended, a Read of
	// archive that was under way may still be going on.
	LoadImage(ctx context.Context, ref string, archive io.Reader) (Image, error)
}
