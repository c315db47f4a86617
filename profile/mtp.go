package profile

import (
	"fmt"
	"slices"

	"github.com/hal0ai/hal0-go/device"
)

// mtpBundle is the multi-token-prediction draft-speculation bundle, as the
// reference box runs it on ROCm. The value at mtpDevice follows the backend.
var mtpBundle = []string{
	"--spec-type", "draft-mtp",
	"--spec-draft-device", "ROCm0",
	"--spec-draft-ngl", "all",
	"--spec-draft-n-max", "4",
	"--spec-draft-n-min", "0",
	"--spec-draft-p-min", "0.0",
	"--spec-draft-p-split", "0.10",
	"--spec-draft-type-k", "q8_0",
	"--spec-draft-type-v", "q8_0",
	"--spec-draft-threads", "16",
	"--spec-draft-threads-batch", "32",
	"--spec-draft-poll", "1",
	"--spec-draft-poll-batch", "1",
}

// mtpDevice is the index of the draft device in mtpBundle.
const mtpDevice = 3

// mtpBundles are the bundles by backend: a draft device of the other backend
// makes an image fail to start.
var mtpBundles = map[device.Backend][]string{
	device.BackendROCm:   mtpBundle,
	device.BackendVulkan: slices.Replace(slices.Clone(mtpBundle), mtpDevice, mtpDevice+1, "Vulkan0"),
}

// MTPBundle returns the words of the multi-token-prediction bundle for a GPU
// backend. A backend without a GPU is an error. The slice is shared and must
// not be changed.
func MTPBundle(b device.Backend) ([]string, error) {
	words, ok := mtpBundles[b]
	if !ok {
		return nil, fmt.Errorf("multi-token prediction drafts on a GPU: want a profile with backend %s or %s, this one has %s",
			device.BackendROCm, device.BackendVulkan, b)
	}
	return words, nil
}
