package live_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/uringsim/uringsim/internal/live/livetest"
	"github.com/uringsim/uringsim/internal/vm"
)

// kernels gives the kernels to boot: URINGSIM_KERNELS/RELEASE/vmlinuz.
func kernels(t *testing.T) map[string]string {
	dir := os.Getenv("URINGSIM_KERNELS")
	if dir == "" {
		t.Skip("URINGSIM_KERNELS names no folder of kernels")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*", "vmlinuz"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no kernel in %s: %v", dir, err)
	}
	m := map[string]string{}
	for _, p := range paths {
		m[filepath.Base(filepath.Dir(p))] = p
	}
	return m
}

// guest builds the guest's program.
func guest(t *testing.T) string {
	out := filepath.Join(t.TempDir(), "guest")
	cmd := exec.Command("go", "build", "-o", out, "./livetest/guest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	return out
}

// TestMeasure reports how long calls take in a guest.
func TestMeasure(t *testing.T) {
	images := kernels(t)
	if testing.Short() {
		t.Skip("measures")
	}
	program := guest(t)
	for name, image := range images {
		t.Run(name, func(t *testing.T) {
			cfg := vm.Config{Kernel: image, Init: program, Args: []string{"measure"}}
			out, err := vm.Run(t.Context(), cfg, bytes.NewReader(nil))
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", out)
		})
	}
}

// TestKernels runs the scenario in a guest on each kernel.
func TestKernels(t *testing.T) {
	images := kernels(t)
	program := guest(t)
	for name, image := range images {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := vm.Run(t.Context(), vm.Config{Kernel: image, Init: program}, bytes.NewReader(nil))
			if err != nil {
				t.Fatal(err)
			}
			var report struct {
				Release string
				Filters bool
				Steps   []livetest.Step
			}
			if err := json.Unmarshal(out, &report); err != nil {
				t.Fatalf("%v in %q", err, out)
			}
			t.Logf("%s, %d steps", report.Release, len(report.Steps))
			if wantFilters := name != "6.19"; report.Filters != wantFilters || len(report.Steps) < 100 {
				t.Errorf("filters %v, %d steps", report.Filters, len(report.Steps))
			}
			for _, step := range report.Steps {
				if err := step.Check(report.Filters); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
