package web

import "testing"

// The pages in a browser.
func TestInChromium(t *testing.T) {
	browser := startChromium(t)
	t.Run("screenshots", func(t *testing.T) { takeScreenshots(t, browser) })
}
