//go:build linux || darwin

package vm

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// Machine is a guest that runs.
type Machine struct {
	cfg     Config
	accel   Accel
	dir     string // of the initrd, and of the shared memory if there is no better place
	shared  string
	mem     []byte
	end     *end
	console console
	cmd     *exec.Cmd
	cancel  context.CancelCauseFunc
	exited  chan struct{} // closed when QEMU has ended and nothing of it is left
	err     error         // why the guest ended, valid then
}

// kvmFailed remembers that KVM could not boot a guest on this machine, so that only one Start pays for it.
var kvmFailed atomic.Bool

// kvmBootTimeout is how long a guest may take under KVM if TCG can be tried instead. A boot takes under a second.
const kvmBootTimeout = 8 * time.Second

// Start boots the guest and waits until its program has opened the channel. The guest ends with ctx.
func Start(ctx context.Context, cfg Config) (*Machine, error) {
	cfg = cfg.withDefaults()
	if cfg.Accel != AccelAuto {
		return start(ctx, cfg, cfg.Accel)
	}
	if !kvmFailed.Load() && kvmPresent() {
		fast := cfg
		fast.BootTimeout = min(cfg.BootTimeout, kvmBootTimeout)
		m, err := start(ctx, fast, AccelKVM)
		if err == nil || !errors.As(err, new(*BootError)) {
			return m, err
		}
		kvmFailed.Store(true) // or the kernel is no good: then TCG will say so
	}
	return start(ctx, cfg, AccelTCG)
}

func kvmPresent() bool {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
}

// BootError says that the guest did not come up.
type BootError struct{ Err error }

// Error is the reason with the last lines of the console.
func (e *BootError) Error() string { return "the guest did not boot: " + e.Err.Error() }

// Unwrap gives the reason.
func (e *BootError) Unwrap() error { return e.Err }

func start(ctx context.Context, cfg Config, accel Accel) (*Machine, error) {
	m := &Machine{cfg: cfg, accel: accel, exited: make(chan struct{})}
	if err := m.prepare(); err != nil {
		return nil, errors.Join(err, m.clean())
	}
	ctx, m.cancel = context.WithCancelCause(ctx)
	started := make(chan error)
	go m.run(ctx, started)
	if err := <-started; err != nil {
		return nil, err
	}
	booted := make(chan struct{})
	go m.watch(ctx, booted)
	select {
	case <-booted:
		return m, nil
	case <-m.exited:
		return nil, &BootError{m.err}
	}
}

// prepare makes the files that QEMU is started with.
func (m *Machine) prepare() error {
	if _, err := exec.LookPath(m.cfg.QEMU); err != nil {
		return fmt.Errorf("QEMU is needed (Debian: qemu-system-x86, Fedora: qemu-system-x86-core, macOS: brew install "+
			"qemu): %w", err)
	}
	if err := checkImage(m.cfg.Kernel); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	initrd, err := m.cfg.initrd()
	if err != nil {
		return err
	}
	if m.dir, err = os.MkdirTemp("", "uringsim-vm-"); err != nil {
		return err
	}
	if err := os.WriteFile(m.initrd(), initrd, 0o600); err != nil {
		return err
	}
	if err := m.share(); err != nil {
		return fmt.Errorf("shared memory: %w", err)
	}
	if m.end, err = newEnd(m.mem, false); err != nil {
		return err
	}
	runtime.AddCleanup(m.end, func(mem []byte) { _ = unix.Munmap(mem) }, m.mem) // its readers may outlive the guest
	return nil
}

// checkImage tells files that are no kernels for x86-64 from those that QEMU may boot.
func checkImage(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	const signature = 0x202 // of a bzImage, after its boot sector
	var head [signature + 4]byte
	if n, err := io.ReadFull(f, head[:]); err != nil {
		return fmt.Errorf("%s is no image: found %d bytes: %w", file, n, err)
	}
	if string(head[signature:]) != "HdrS" && string(head[:4]) != elf.ELFMAG {
		return fmt.Errorf("%s is no image: expected a bzImage, as a build's arch/x86/boot/bzImage, or a distribution's vmlinuz", file)
	}
	return nil
}

func (m *Machine) initrd() string { return filepath.Join(m.dir, "initrd") }

// share makes the file that both sides map, in memory if there is such a place.
func (m *Machine) share() error {
	dir := "/dev/shm"
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = m.dir
	}
	f, err := os.CreateTemp(dir, "uringsim-vm-")
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.CreateTemp(m.dir, "shared-")
	}
	if err != nil {
		return err
	}
	defer f.Close()
	m.shared = f.Name()
	if err := f.Truncate(channelSize); err != nil {
		return err
	}
	m.mem, err = unix.Mmap(int(f.Fd()), 0, channelSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	initChannel(m.mem)
	return nil
}

// clean removes the files.
func (m *Machine) clean() error {
	var err error
	if m.shared != "" {
		err = os.Remove(m.shared)
	}
	if m.dir != "" {
		err = errors.Join(err, os.RemoveAll(m.dir))
	}
	return err
}

// run starts QEMU, waits for its end and says what it means. QEMU's life may depend on this thread (see procAttr).
func (m *Machine) run(ctx context.Context, started chan<- error) {
	runtime.LockOSThread()
	m.cmd = exec.Command(m.cfg.QEMU, m.cfg.args(m.accel, m.initrd(), m.shared)...)
	m.cmd.Stdout, m.cmd.Stderr = &m.console, &m.console
	m.cmd.SysProcAttr = procAttr()
	m.cmd.WaitDelay = time.Second
	err := m.cmd.Start()
	if err != nil {
		err = errors.Join(err, m.clean())
	}
	started <- err
	if err != nil {
		return
	}
	quit := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			m.killGroup()
		case <-quit:
		}
	}()
	err = m.cmd.Wait()
	close(quit)
	m.killGroup() // what QEMU may have started
	m.err = errors.Join(m.verdict(ctx, err), m.clean())
	if m.err != nil {
		m.end.abort(m.err)
	} else {
		m.end.abort(errOver)
	}
	m.cancel(nil)
	close(m.exited)
}

// killGroup ends QEMU; it leads a process group of its own.
func (m *Machine) killGroup() { _ = unix.Kill(-m.cmd.Process.Pid, unix.SIGKILL) }

// verdict says whether QEMU's end is the guest's own and orderly one.
func (m *Machine) verdict(ctx context.Context, err error) error {
	if msg := m.console.panicked(); msg != "" {
		return fmt.Errorf("kernel panic: %s; %s", msg, m.console.tail())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("the guest was ended: %w; %s", context.Cause(ctx), m.console.tail())
	}
	if err != nil {
		return fmt.Errorf("%s: %w; %s", m.cfg.QEMU, err, m.console.tail())
	}
	if m.end.in.writerClosed.Load() == 0 {
		return fmt.Errorf("the guest ended without closing its channel; %s", m.console.tail())
	}
	return nil
}

// watch enforces the time limits.
func (m *Machine) watch(ctx context.Context, booted chan<- struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	up, moved, last := false, uint64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !up && sysuring.Word32(m.mem, offHello).Load() != 0 {
			up, last = true, time.Now()
			tick.Reset(100 * time.Millisecond)
			close(booted)
		}
		if n := m.end.moved(); n != moved {
			moved, last = n, time.Now()
		}
		if quiet := time.Since(last); !up && quiet > m.cfg.BootTimeout {
			m.cancel(fmt.Errorf("%w: no sign of life from its program within %v", errTimeout, m.cfg.BootTimeout))
		} else if up && m.cfg.IdleTimeout > 0 && quiet > m.cfg.IdleTimeout {
			m.cancel(fmt.Errorf("%w: nothing was sent or read for %v", errTimeout, m.cfg.IdleTimeout))
		}
	}
}

var errTimeout = fmt.Errorf("time limit: %w", os.ErrDeadlineExceeded)

// Channel is the connection to the guest's program.
func (m *Machine) Channel() Channel { return m.end }

// Accel says how the guest runs: AccelKVM or AccelTCG.
func (m *Machine) Accel() Accel { return m.accel }

// Wait waits for the end of the guest, which is an error unless its program closed its channel and powered off.
func (m *Machine) Wait() error {
	<-m.exited
	return m.err
}

// errKilled is the cause when the caller ends the guest.
var errKilled = errors.New("killed by its user")

// Kill ends the guest and waits until nothing of it is left.
func (m *Machine) Kill() error {
	m.cancel(errKilled)
	<-m.exited
	if errors.Is(m.err, errKilled) || m.err == nil {
		return nil
	}
	return m.err
}

// procAttr puts QEMU in a process group of its own, and has it die with this process where the OS can do that.
func procAttr() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(a)
	return a
}
