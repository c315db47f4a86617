package runtimetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documented are the declarations of package runtime whose documentation is
// the contract.
var documented = []string{"Runtime", "Container", "State", "StateCreated", "StartOptions", "PullOptions", "PullStep", "LogOptions", "MaxLine", "Line", "Image",
	"Watcher", "Event", "EventKind", "EventSync", "Runner", "LabelOnce", "Once", "MaxOutput", "Output", "ImageLoader"}

// sentences returns the documentation of these declarations, their methods,
// fields and of the package's errors, by sentence.
func sentences(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				all = append(all, docs(g)...)
			}
		}
	}
	return all
}

// docs returns the sentences about a declaration that is part of the contract.
func docs(g *ast.GenDecl) (all []string) {
	for _, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if slices.Contains(documented, s.Name.Name) {
				all = append(all, split(g.Doc)...)
				all = append(all, fieldDocs(s.Type)...)
			}
		case *ast.ValueSpec:
			if slices.Contains(documented, s.Names[0].Name) {
				all = append(all, split(g.Doc)...)
			}
			if name := s.Names[0].Name; strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "State") {
				all = append(append(all, split(s.Doc)...), split(s.Comment)...)
			}
		}
	}
	return all
}

func fieldDocs(e ast.Expr) (all []string) {
	var fields *ast.FieldList
	switch e := e.(type) {
	case *ast.InterfaceType:
		fields = e.Methods
	case *ast.StructType:
		fields = e.Fields
	}
	if fields == nil {
		return nil
	}
	for _, f := range fields.List {
		all = append(append(all, split(f.Doc)...), split(f.Comment)...)
	}
	return all
}

var sentenceEnd = regexp.MustCompile(`\.(\s+)[A-Z]`)

// split returns the sentences of a comment.
func split(c *ast.CommentGroup) []string {
	if c == nil {
		return nil
	}
	text := strings.Join(strings.Fields(c.Text()), " ")
	text = sentenceEnd.ReplaceAllStringFunc(text, func(s string) string { return ".\n" + s[len(s)-1:] })
	return strings.Split(text, "\n")
}

// A promise is a sentence of the documentation, and what shows that it is kept:
// checks of the suite, or why there is none.
type promise struct {
	sentence string
	checks   []string
	none     string
}

// The sentences are abbreviated to what tells them apart.
var promises = []promise{
	{"A Runtime starts and stops containers.", nil, "what it is"},
	{"Package runtime/podman is the one for a box", nil, "what there is"},
	{"Every method blocks until done or until ctx ends, returns promptly once ctx ends, and may be called concurrently.", []string{
		"context", "stop/returns when ctx ends in the grace", "logs/end with the context's error", "pull/that is given up leaves no part",
		"start/concurrently leaves one", "stop/concurrently", "service/may be called concurrently"}, ""},
	{"Names are exact container names", []string{"inspect/takes exact names"}, ""},
	{"Package runtime/runtimetest checks all this", nil, "what there is"},
	{"Errors are of type [*Error], and match the sentinels of this package", []string{"start/needs the image", "stop/refuses a foreign container", "inspect/finds no other name", "logs/of nothing are not found", "image/finds no other", "pull/fails where no registry has it"}, ""},

	{"Start creates the container that spec describes and starts it.", []string{"start/runs what the spec describes", "start/publishes where the spec says alone"}, ""},
	{"It returns once the container's process runs", []string{"start/returns once the process runs"}, ""},
	{"A container of that name that carries our labels for the same slot", []string{"start/replaces ours that runs", "start/replaces ours that has exited", "start/replaces ours that never ran"}, ""},
	{"One that does not is left alone: ErrForeign.", []string{"start/refuses a foreign container", "start/refuses the container of another slot"}, ""},
	{"The image must be present: Start never pulls.", []string{"start/needs the image", "start/never pulls"}, ""},
	{"When Start fails, the container that it created is gone again.", []string{"start/leaves nothing without a command", "start/leaves nothing on a port in use", "start/leaves nothing without a device", "start/leaves nothing without a mount source", "context/that has ended ends start"}, ""},
	{"StartOptions are what a start holds the runtime to.", nil, "what they are"},
	{"The zero value is nothing beyond the Spec.", []string{"start/runs what the spec describes"}, ""},
	{"ImageID, when not", []string{"start/holds to the image id"}, ""},
	{"When the Spec's image has another id, an old container is left running", []string{"start/holds to the image id"}, ""},
	{"The error is ErrImageChanged.", []string{"start/holds to the image id"}, ""},

	{"Stop ends the container's process, with SIGTERM and after grace with SIGKILL, and removes the container.", []string{"stop/ends the process with SIGTERM", "stop/kills after the grace", "stop/kills at once without a grace", "stop/removes one that has exited"}, ""},
	{"No container of that name is not an error; one without our label is ErrForeign.", []string{"stop/takes none for done", "stop/refuses a foreign container"}, ""},

	{"Inspect returns one container, or ErrNotFound.", []string{"inspect/tells of an exit", "inspect/finds no other name"}, ""},
	{"List returns the containers that carry every one of the labels", []string{"list/goes by every label, sorted", "list/tells what inspect tells"}, ""},
	{"No labels means all that are managed by hal0.", []string{"list/without labels is all of ours"}, ""},
	{"A Container is what the runtime knows of one container.", nil, "what it is"},
	{"the reference it was created with", []string{"start/runs what the spec describes"}, ""},
	{"without \"sha256:\"", []string{"start/runs what the spec describes", "image/tells of a local one"}, ""},
	{"meaningful when State is exited", []string{"inspect/tells of an exit"}, ""},
	{"what the runtime says went wrong, if anything", nil, "no runtime has to say anything"},
	{"zero if never started", []string{"start/replaces ours that never ran"}, ""},
	{"A State is a container's state as the runtime tells it.", nil, "what it is"},
	{"The states of a container.", nil, "what they are"},
	{"made, never started", []string{"start/replaces ours that never ran"}, ""},
	{"its process exists", []string{"start/returns once the process runs"}, ""},
	{"asked to end", nil, "a runtime need not tell it from one that runs"},
	{"its process is gone", []string{"inspect/tells of an exit"}, ""},
	{"anything else the runtime says", nil, "a runtime need not have other states"},

	{"Logs yields the container's output line by line, oldest first.", []string{"logs/are all lines, oldest first"}, ""},
	{"With Follow it goes on until the container exits, ctx ends or the loop is left", []string{"logs/follow until the exit", "logs/end with the context's error", "logs/of a silent program end with the context's error", "logs/can be left"}, ""},
	{"Nothing is left running after the loop.", []string{"logs/can be left", "logs/follow until the exit", "logs/end with the context's error"}, ""},
	{"Lines are as the program wrote them", []string{"logs/are safe to print", "logs/are all lines, oldest first"}, ""},
	{"LogOptions choose what", nil, "what they are"},
	{"The zero value is everything so far.", []string{"logs/are so far"}, ""},
	{"Follow goes on with new lines until the container exits.", []string{"logs/follow until the exit"}, ""},
	{"Tail, when above 0", []string{"logs/begin with the tail"}, ""},
	{"Since, when not zero", []string{"logs/leave out what is older"}, ""},
	{"MaxLine is the most bytes of one log line", []string{"logs/cut long lines"}, ""},
	{"A Line is one line of a container's output.", nil, "what it is"},
	{"Stderr tells the stream", []string{"logs/are all lines, oldest first"}, ""},
	{"Text is the line without its end", []string{"logs/are safe to print"}, ""},
	{"Truncated is set", []string{"logs/cut long lines"}, ""},

	{"Image returns a local image by reference, or ErrImageNotFound.", []string{"image/tells of a local one", "image/finds no other"}, ""},
	{"It asks no registry.", []string{"image/asks no registry"}, ""},
	{"An Image is a local image.", nil, "what it is"},
	{"ID is the image's id", []string{"image/tells of a local one"}, ""},
	{"RepoDigests are", []string{"pull/fetches an image and says how"}, ""},
	{"Platform is", []string{"image/tells of a local one"}, ""},
	{"Size is in bytes.", []string{"image/tells of a local one"}, ""},

	{"Pull fetches an image, as opts say, and returns it.", []string{"pull/fetches an image and says how"}, ""},
	{"Registries may be silent for minutes", []string{"pull/that is given up leaves no part"}, ""},
	{"Calls for one reference share one pull", []string{"pull/is shared", "pull/goes on when one leaves", "pull/ends when the last one leaves"}, ""},
	{"A pull that fails or is given up leaves no part of an image.", []string{"pull/that fails leaves no part", "pull/that is given up leaves no part"}, ""},
	{"PullOptions choose what", nil, "what they are"},
	{"The zero value fetches an image that is not present", []string{"pull/leaves one that is present"}, ""},
	{"Always asks the registry even when an image of that name is present", []string{"pull/asks for one that is present when told to"}, ""},
	{"What is present of the image is not fetched again.", []string{"pull/leaves one that is present"}, ""},
	{"Report, if not nil, is called with each step", []string{"pull/fetches an image and says how"}, ""},
	{"A Report that takes its time", []string{"pull/is not slowed by a slow report"}, ""},
	{"A PullStep is one thing that a pull reports.", []string{"pull/fetches an image and says how"}, ""},
	{"Blob is what the step is about", []string{"pull/fetches an image and says how"}, ""},
	{"Done and Total are bytes of the blob", []string{"pull/fetches an image and says how"}, ""},
	{"Both are 0 as long as the runtime does not tell.", []string{"pull/fetches an image and says how"}, ""},
	{"Message says the same to a person.", []string{"pull/fetches an image and says how"}, ""},

	{"ErrUnavailable:", []string{"service/that can't be reached is unavailable"}, ""},
	{"ErrNotFound:", []string{"inspect/finds no other name"}, ""},
	{"ErrForeign:", []string{"start/refuses a foreign container"}, ""},
	{"ErrImageNotFound:", []string{"image/finds no other"}, ""},
	{"ErrPull:", []string{"pull/fails where no registry has it", "pull/that fails leaves no part"}, ""},
	{"ErrLoad:", []string{"load/refuses what is no archive"}, ""},
	{"ErrPortInUse:", []string{"start/leaves nothing on a port in use"}, ""},
	{"ErrDevice:", []string{"start/leaves nothing without a device"}, ""},
	{"ErrMount:", []string{"start/leaves nothing without a mount source"}, ""},
	{"ErrCommand:", []string{"start/leaves nothing without a command"}, ""},
	{"ErrInvalidSpec:", []string{"start/refuses an invalid spec"}, ""},
	{"ErrImageChanged:", []string{"start/holds to the image id"}, ""},
}

// Whoever writes a promise into the documentation writes a check.
func TestEverySentenceOfTheContractIsChecked(t *testing.T) {
	t.Parallel()
	all, promises := sentences(t), slices.Concat(promises, abilityPromises)
	for _, s := range all {
		assert.True(t, slices.ContainsFunc(promises, func(p promise) bool { return strings.HasPrefix(s, p.sentence) }),
			"no promise of the table is this sentence: name the checks that show it: %s", s)
	}
	known := map[string]bool{}
	for _, c := range checks() {
		known[c.group], known[c.group+"/"+c.name] = true, true
	}
	used := map[string]bool{}
	for _, p := range promises {
		assert.True(t, slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, p.sentence) }), "no longer documented: %s", p.sentence)
		assert.NotEqual(t, len(p.checks) == 0, p.none == "", "either checks or a reason: %s", p.sentence)
		for _, name := range p.checks {
			assert.True(t, known[name], "there is no check %q", name)
			used[name] = true
		}
	}
	for _, c := range checks() {
		assert.True(t, used[c.group] || used[c.group+"/"+c.name], "no promise is shown by %s/%s", c.group, c.name)
	}
}
