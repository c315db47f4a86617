package provider

import (
	"errors"
	"strconv"

	"github.com/hal0ai/hal0-go/internal/argv"
	"github.com/hal0ai/hal0-go/runtime"
)

// comfyUI is ComfyUI, which generates images.
type comfyUI struct{}

var comfyUIFacts = Facts{
	Runtime:  "ComfyUI image generation",
	Types:    []SlotType{Image},
	Reserved: []string{"--listen", "--port"},
}

func (comfyUI) Name() Name        { return ComfyUI }
func (comfyUI) Facts() Facts      { return comfyUIFacts }
func (comfyUI) Grammar() *Grammar { return PlainGrammar() }

func (comfyUI) Flags(in *Inputs, at Stage) []string {
	if at != StageBase {
		return nil
	}
	return []string{"--listen", anyAddress, "--port", strconv.Itoa(in.Port)}
}

// Spec starts ComfyUI through a login shell, which the image needs for its
// Python environment; the flags are quoted for that shell. The GPU driver
// shares memory through the host's IPC namespace. No shared memory size is
// set: podman refuses one together with the host's IPC.
func (comfyUI) Spec(in *Inputs, flags []Flag) runtime.Spec {
	spec := container(in, "/system_stats")
	spec.Command = []string{"bash", "-lc", "cd /opt/ComfyUI && exec python main.py " + argv.Join(argv.Argv(flags))}
	data := in.Paths.ComfyUI
	spec.Mounts = append(spec.Mounts, runtime.Mount{Source: data + "/models", Target: "/root/comfy-models"})
	for _, dir := range []string{"output", "input", "user", "custom_nodes"} {
		spec.Mounts = append(spec.Mounts, runtime.Mount{Source: data + "/" + dir, Target: "/opt/ComfyUI/" + dir})
	}
	spec.Mounts = append(spec.Mounts, runtime.Mount{
		Source: data + "/extra_model_paths.yaml", Target: "/opt/ComfyUI/extra_model_paths.yaml", ReadOnly: true,
	})
	withDevices(&spec, in.Host.GPUNodes(), in.Host.RenderGID, in.Host.VideoGID)
	spec.SecurityOpt = append(spec.SecurityOpt, "label=disable")
	spec.IPC = "host"
	return spec
}

// Probe wants the answer of ComfyUI itself, which names its Python.
func (comfyUI) Probe(*Inputs) Probe {
	type stats struct {
		System struct {
			PythonVersion string `json:"python_version"`
		} `json:"system"`
	}
	return Probe{get("/system_stats", says(func(s stats) bool { return s.System.PythonVersion != "" }, errors.New("names no python_version")))}
}
