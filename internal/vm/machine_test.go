//go:build linux || darwin

package vm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kernelImage is one kernel of the folder URINGSIM_KERNELS; tests that boot are skipped without.
func kernelImage(t *testing.T) string {
	dir := os.Getenv("URINGSIM_KERNELS")
	if dir == "" {
		t.Skip("URINGSIM_KERNELS names no folder of kernels")
	}
	images, err := filepath.Glob(filepath.Join(dir, "*", "vmlinuz"))
	if err != nil || len(images) == 0 {
		t.Fatalf("no kernel in %s: %v", dir, err)
	}
	return images[len(images)-1]
}

// build makes the guest's program, or another one.
func build(t *testing.T, pkg string, env ...string) string {
	out := filepath.Join(t.TempDir(), "init")
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64"), env...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	return out
}

func TestBoot(t *testing.T) {
	cfg := Config{Kernel: kernelImage(t), Init: build(t, "./vmtest"),
		Files: map[string][]byte{"data/hello": []byte("hello")}}
	run := func(cfg Config, in []byte, args ...string) ([]byte, error) {
		cfg.Args = args
		return Run(t.Context(), cfg, bytes.NewReader(in))
	}
	t.Run("echo", func(t *testing.T) {
		in := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		if out, err := run(cfg, in, "echo"); err != nil || !bytes.Equal(out, in) {
			t.Errorf("%d bytes came back, equal: %v, error: %v", len(out), bytes.Equal(out, in), err)
		}
	})
	t.Run("digest", func(t *testing.T) {
		in := make([]byte, 1<<16)
		sum := sha256.Sum256(in)
		if out, err := run(cfg, in, "digest"); err != nil || !bytes.Equal(out, sum[:]) {
			t.Errorf("%x, %v", out, err)
		}
	})
	t.Run("file", func(t *testing.T) {
		if out, err := run(cfg, nil, "file", "/data/hello"); err != nil || string(out) != "hello" {
			t.Errorf("%q, %v", out, err)
		}
	})
	quick := cfg
	quick.IdleTimeout, quick.Accel = time.Second, AccelTCG
	hasty := quick
	hasty.BootTimeout = 5 * time.Second
	for _, c := range []struct {
		arg  string
		cfg  Config
		want string
	}{
		{"panic", cfg, "kernel panic: Attempted to kill init!"},
		{"panic", cfg, "  | panic: on demand"},
		{"fail", cfg, "guest: something went wrong"},
		{"idle", quick, "nothing was sent or read for 1s"},
		{"mute", hasty, "did not boot: the guest was ended: time limit: i/o timeout: no sign of life from its program"},
	} {
		t.Run(c.arg, func(t *testing.T) {
			if out, err := run(c.cfg, nil, c.arg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, %v; want %q", out, err, c.want)
			}
		})
	}
}

// TestThroughput reports how fast the channel is.
func TestThroughput(t *testing.T) {
	cfg := Config{Kernel: kernelImage(t), Init: build(t, "./vmtest"), Args: []string{"echo"}}
	start := time.Now()
	m, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("boot with %s: %v", m.Accel(), time.Since(start))
	buf := make([]byte, 1<<20)
	start = time.Now()
	const trips = 200
	for range trips {
		if _, err := m.Channel().Write(buf[:1]); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Channel().Read(buf[:1]); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("round trip: %v", time.Since(start)/trips)
	const megabytes = 256
	go func() {
		chunk := make([]byte, 1<<20)
		for range megabytes {
			_, _ = m.Channel().Write(chunk)
		}
		_ = m.Channel().CloseWrite()
	}()
	start, n := time.Now(), 0
	for err == nil {
		var k int
		k, err = m.Channel().Read(buf)
		n += k
	}
	t.Logf("echo of %d MB: %.0f MB/s", n>>20, float64(n>>20)/time.Since(start).Seconds())
	if err := m.Wait(); err != nil || n != megabytes<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestKill(t *testing.T) {
	cfg := Config{Kernel: kernelImage(t), Init: build(t, "./vmtest"), Args: []string{"idle"}}
	m, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Kill(); err != nil {
		t.Error(err)
	}
	if err := m.cmd.Process.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("QEMU still runs: %v", err)
	}
	for _, path := range []string{m.dir, m.shared} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}

// TestRefused is about what can be said without a boot.
func TestRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kernel := file("vmlinuz", strings.Repeat("x", 0x202)+"HdrS") // like a kernel, at first sight
	qemu := file("qemu", "#!/bin/sh\necho unhappy >&2\nexit 3\n")
	program := build(t, "./vmtest")
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no QEMU", Config{QEMU: "no-such-qemu"}, "QEMU is needed"},
		{"no kernel", Config{QEMU: qemu, Kernel: filepath.Join(dir, "none")}, "kernel: "},
		{"a short file", Config{QEMU: qemu, Kernel: file("short", "x")}, "short is no image: found 1 bytes"},
		{"another file", Config{QEMU: qemu, Kernel: file("other", strings.Repeat("x", 1000))}, "other is no image: expected a bzImage"},
		{"no program", Config{QEMU: qemu, Kernel: kernel, Init: kernel}, "it is no ELF program"},
		{"other machine", Config{QEMU: qemu, Kernel: kernel, Init: build(t, "./vmtest", "GOARCH=arm64")},
			"not for linux/amd64"},
		{"own init", Config{QEMU: qemu, Kernel: kernel, Init: program, Files: map[string][]byte{"init": nil}},
			"not for the caller"},
		{"failing QEMU", Config{QEMU: qemu, Kernel: kernel, Init: program, Accel: AccelTCG},
			"exit status 3; the console ends with:\n  | unhappy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Start(context.Background(), c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

// TestDynamic needs a dynamically linked program; the one that most systems have is the shell.
func TestDynamic(t *testing.T) {
	sh, err := os.ReadFile("/bin/sh")
	if err != nil || !bytes.HasPrefix(sh, []byte("\x7fELF")) {
		t.Skip("no ELF /bin/sh here")
	}
	if err := checkInit(sh); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Skipf("/bin/sh is not dynamic for amd64: %v", err)
	}
}
