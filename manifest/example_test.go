package manifest_test

import (
	"fmt"

	"github.com/hal0ai/hal0-go/manifest"
)

// Hold a local image against its pin, without asking anybody.
func ExampleJudge() {
	pin, _ := manifest.Embedded().Pin("kokoro")
	built := manifest.Local{ID: "4f1c", Platform: "linux/amd64"}
	result := manifest.Judge(pin, "linux/amd64", &built, nil)
	fmt.Println(result.Verdict, result.Verdict.Launchable())
	// Output:
	// stale false
}
