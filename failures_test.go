package hal0_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A failure is one way in which podman, a server, a registry, a disk or an
// operator fails, and the tests that make it happen and show what hal0 does.
type failure struct {
	number int // 0: one that has none
	what   string
	// tests are "directory.TestName" or "directory.TestName/subtest", without
	// the directory for this one. "contract/group/name" is a check of
	// runtime/runtimetest that runtime/podman passes on a real podman.
	tests []string
	// none says what of it no test makes happen, and why.
	none string
}

const podmanTests = "runtime/podman."

// failures is the list of what has to be survived, worst first.
var failures = []failure{
	{1, "a start fails after podman took the port", []string{
		podmanTests + "TestPortOfAFailedStartIsRetried", podmanTests + "TestPortOfAFailedStartIsRetriedUntilFree", podmanTests + "TestStartWithoutCommand/missing",
		podmanTests + "TestLeaks", "contract/start/leaves nothing without a command"}, ""},
	{2, "the server ends while it warms up", []string{"TestUpFails/it exits", "TestUpFails/it crashes on loading", "TestUpCannotCleanUp"}, ""},
	{3, "the server is never ready", []string{"TestUpFails/it is never ready"}, ""},
	{4, "the port accepts, and nothing answers", []string{"TestUpFails/it never answers", "TestUpFails/it does not listen", "TestUpOfAServerThatHangs"}, ""},
	{5, "the container's monitor is killed, and podman says that it runs", []string{podmanTests + "TestInspectSeesThatTheProcessIsGone", "TestUpReplacesOneWhoseMonitorIsGone"}, ""},
	{6, "a container of ours is left from before", []string{"TestUpReplacesADeadContainer", "contract/start/replaces ours that has exited", "contract/start/replaces ours that never ran"}, ""},
	{7, "a foreign container has the name", []string{"TestUpRefusesAForeignContainer", "contract/start/refuses a foreign container", "contract/stop/refuses a foreign container"}, ""},
	{8, "the answer to a create is lost", []string{podmanTests + "TestStartTakesTheContainerOfALostAnswer", podmanTests + "TestStartAgainstAFakeService/create dropped, made", podmanTests + "TestStartAgainstAFakeService/create dropped, another", "TestUpAdoptsWhatItsAnswerWasLostOf"}, ""},
	{9, "a pull fails with status 200", []string{podmanTests + "TestPullFailures", podmanTests + "TestPullAgainstAFakeService/error line", podmanTests + "TestPullAgainstAFakeService/error last", "contract/pull/that fails leaves no part"}, ""},
	{10, "a pull breaks off, is silent, or has to wait", []string{podmanTests + "TestPullFailures/truncated blob", podmanTests + "TestPullAgainstAFakeService/truncated", podmanTests + "TestPullWaitsOutALimit", "contract/pull/that is given up leaves no part"},
		"a minute of silence: a transfer is held up for as long as the test likes, and nothing in the pull has a clock"},
	{11, "the image is not the pinned one, was side-loaded, or the pin is malformed", []string{"TestUpRefusesOnRealPodman/stale", "TestUpRefusesOnRealPodman/side-loaded", "TestUpDecidesByTheImage/side-loaded, never", "TestUpRefusesATagThatMoves", podmanTests + "TestStartRefusesAMovedTag", "manifest.TestPin", "contract/start/holds to the image id"}, ""},
	{12, "an index is pinned; another processor's image is there", []string{"TestCheckImagesOnRealPodman/one platform's image is there, the index is pinned", "TestUpRefusesOnRealPodman/for another platform", podmanTests + "TestPull", "manifest.TestVerdicts"}, ""},
	{13, "another process has the port", []string{"TestUpTellsOfABusyPort", podmanTests + "TestStartFailures/port", "contract/start/leaves nothing on a port in use"}, ""},
	{14, "many load and unload one slot at once", []string{"TestCallersTakeTurns", "TestTwentyCallersTakeTurns", "contract/start/concurrently leaves one", "contract/stop/concurrently"}, ""},
	{15, "the caller leaves, or the slot is taken down, while it comes up", []string{"TestCancelledUpLeavesNothing", "TestDownEndsAnUpThatIsUnderWay", podmanTests + "TestStartIsCancelledDuringCreate", "contract/context/that has ended ends "}, ""},
	{16, "the program restarts, and the containers live", []string{"TestUpAdoptsReplacesAndStops", "TestStatusAllAsksOnce", "TestUpChecksWhatItAdopts"}, ""},
	{17, "podman's service is gone, or restarts", []string{podmanTests + "TestServiceComesBack", "TestUpOutlivesARestartOfTheService", "TestUpOfAServiceThatFails", "TestStatusOfAServiceThatFails", "TestUpOutlivesAServiceThatIsAway", "TestDownOfAServiceThatFails", "contract/service/that can't be reached is unavailable"}, ""},
	{18, "podman's service accepts, and does not answer", []string{podmanTests + "TestContextEndsEveryCall", "TestAHangingStartHoldsUpOneSlot"}, ""},
	{19, "killed in the middle of a write; a full or read-only disk", []string{"internal/file.TestKill", "internal/file.TestDiskFull", "internal/file.TestReadOnly", "internal/file.TestSweep"}, ""},
	{20, "two processes edit one file", []string{"internal/file.TestProcessesLoseNothing", "internal/file.TestGoroutines", "TestConcurrentEdits"}, ""},
	{21, "an edit keeps keys, comments, mode, owner and links", []string{"internal/edit.TestChange", "internal/edit.TestTOMLProperty", "internal/file.TestUpdate", "internal/file.TestOwner", "internal/file.TestSymlink", "slot.TestUnknownKeysAreKeptWithAWarning", "slot.TestEditKeepsWhatTheReferenceDrops"}, ""},
	{22, "the server is killed, as when memory is short", []string{"TestUpTellsThatAServerWasKilled", "TestUpTellsOfAKill", "TestUpReplacesADeadContainer"},
		"a real shortage: specs have no memory limit, and the machine's own memory is not a test's to use up. podman 4.3 does not tell the two apart anyway"},
	{23, "the server ignores SIGTERM", []string{"TestUpAdoptsReplacesAndStops", "contract/stop/kills after the grace"}, ""},
	{24, "a log floods, is binary, or has long lines", []string{"contract/logs/can be left", "contract/logs/are safe to print", "contract/logs/cut long lines", "contract/logs/end with the context's error", podmanTests + "TestReadLines", "runtime.TestLineWriter", "runtime.TestLogBufferKeepsTheNewest"}, ""},
	{25, "one bad file among many", []string{"TestBadSlotFiles", "TestUnreadableSlotFiles", "TestSlotFileThatIsNotOurs", "examples/hal0-mini.TestABadSlotDoesNotHideTheOthers"}, ""},

	{0, "podman 4 and 5 answer differently", []string{podmanTests + "TestStartAgainstAFakeService/image gone, 4", podmanTests + "TestStartAgainstAFakeService/image gone, 5", podmanTests + "TestPullAgainstAFakeService/podman 5", podmanTests + "TestUnreadableAnswers"}, ""},
	{0, "a device node is missing", []string{podmanTests + "TestStartFailures/device", "contract/start/leaves nothing without a device", "device.TestLacks"}, ""},
	{0, "a group by its name", []string{"runtime.TestValidate/group name"}, ""},
	{0, "podman has no health state without systemd", []string{"TestUpAdoptsReplacesAndStops", podmanTests + "TestCreateSaysWhatTheSpecSays"}, ""},
	{0, "no context size is set", []string{"slot.TestContextSize/nothing known", "slot.TestContextSize/native, bounded"}, ""},
	{0, "the clock jumps", nil, "a test may not set the machine's clock. Every wait of the code is a timer or a difference of two times of one process, which go by the monotonic clock; only LogOptions.Since is a time of day"},
}

// Each of the failures has tests, and they are there.
func TestEveryFailureHasATest(t *testing.T) {
	t.Parallel()
	words := testWords(t)
	seen := map[int]bool{}
	for _, f := range failures {
		assert.False(t, f.number > 0 && seen[f.number], "%d is there twice", f.number)
		seen[f.number] = true
		assert.True(t, len(f.tests) > 0 || f.none != "", "%d, %s: neither a test nor why not", f.number, f.what)
		for _, name := range f.tests {
			assert.True(t, words.have(name), "%d, %s: there is no test %s", f.number, f.what, name)
		}
		if f.none != "" {
			t.Logf("%d, %s: not tested: %s", f.number, f.what, f.none)
		}
	}
	for n := range 25 {
		assert.True(t, seen[n+1], "%d is missing", n+1)
	}
}

// words are the string literals of functions, by "directory.Function".
type words map[string]map[string]bool

func (w words) have(name string) bool {
	if check, ok := strings.CutPrefix(name, "contract/"); ok {
		group, check, _ := strings.Cut(check, "/")
		for function, literals := range w {
			if strings.HasPrefix(function, "runtime/runtimetest.") && strings.HasSuffix(function, "Checks") && literals[group] && literals[check] {
				return true
			}
		}
		return false
	}
	i := max(strings.Index(name, "Test"), 0)
	function, sub, isSub := strings.Cut(name[i:], "/")
	literals, ok := w[name[:i]+function]
	return ok && (!isSub || literals[sub])
}

// testWords reads the module's tests, and the checks of runtime/runtimetest.
func testWords(t *testing.T) words {
	t.Helper()
	all := words{}
	require.NoError(t, fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		isTest := strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "runtime/runtimetest/check_")
		if err != nil || d.IsDir() || !isTest {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		prefix := path.Dir(name) + "."
		if path.Dir(name) == "." {
			prefix = ""
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				all[prefix+f.Name.Name] = literals(f)
			}
		}
		return nil
	}))
	return all
}

func literals(f *ast.FuncDecl) map[string]bool {
	list := map[string]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			text, err := strconv.Unquote(l.Value)
			list[text] = err == nil
		}
		return true
	})
	return list
}
