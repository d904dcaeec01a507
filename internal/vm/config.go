package vm

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// Names that host and guest agree on.
const (
	guestVar = "uringsim_guest" // on the kernel command line, from which it becomes an environment variable of /init
	argsFile = "/uringsim-args"
)

// Accel is how QEMU runs the guest's instructions.
type Accel string

// The values of Config.Accel.
const (
	AccelAuto Accel = ""    // KVM if it can boot the kernel, else TCG
	AccelKVM  Accel = "kvm" // the machine's own virtualisation, Linux only
	AccelTCG  Accel = "tcg" // emulation
)

// Config is what to boot.
type Config struct {
	Kernel string            // path of a vmlinuz
	Init   string            // path of the program, static and for linux/amd64
	Files  map[string][]byte // more files for the guest, by path without leading slash
	Args   []string          // what GuestArgs gives in the guest

	CPUs   int    // default 1
	Memory int    // MiB, default 512
	QEMU   string // default qemu-system-x86_64
	Accel  Accel

	BootTimeout time.Duration // until the guest opens its channel; default 60 s
	IdleTimeout time.Duration // without a byte either way after that; default 2 min, negative for no limit
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&c.BootTimeout, time.Minute)
	def(&c.IdleTimeout, 2*time.Minute)
	if c.CPUs == 0 {
		c.CPUs = 1
	}
	if c.Memory == 0 {
		c.Memory = 512
	}
	if c.QEMU == "" {
		c.QEMU = "qemu-system-x86_64"
	}
	return c
}

// args are QEMU's arguments.
func (c Config) args(accel Accel, initrd, shared string) []string {
	cpu := "max,la57=off" // four-level page tables, as on most machines
	if accel == AccelKVM {
		cpu = "host"
	}
	return []string{
		"-nodefaults", "-no-user-config", "-M", "q35", "-cpu", cpu, "-accel", string(accel),
		"-m", strconv.Itoa(c.Memory), "-smp", strconv.Itoa(c.CPUs),
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-nic", "none",
		"-object", fmt.Sprintf("memory-backend-file,id=channel,share=on,size=%d,mem-path=%s", channelSize,
			strings.ReplaceAll(shared, ",", ",,")),
		"-device", "ivshmem-plain,memdev=channel",
		"-kernel", c.Kernel, "-initrd", initrd,
		"-append", "console=ttyS0 rdinit=/init panic=-1 quiet loglevel=3 mitigations=off " + guestVar + "=1",
	}
}

// initrd is the guest's file system.
func (c Config) initrd() ([]byte, error) {
	program, err := os.ReadFile(c.Init)
	if err != nil {
		return nil, err
	}
	if err := checkInit(program); err != nil {
		return nil, fmt.Errorf("%s cannot be the guest's /init: %w", c.Init, err)
	}
	files := map[string][]byte{"init": program, argsFile[1:]: []byte(strings.Join(c.Args, "\x00"))}
	for name, data := range c.Files {
		if _, taken := files[name]; taken {
			return nil, fmt.Errorf("the guest's file %q is not for the caller to set", name)
		}
		files[name] = data
	}
	return cpioArchive(files)
}

// checkInit says why a program cannot run as the only one of a guest.
func checkInit(program []byte) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("it is no ELF program: %w", err)
	}
	if f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64 {
		return fmt.Errorf("it is for %v, not for linux/amd64", f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("it is dynamically linked, and the guest has no libraries: build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// Run boots the guest, sends it all of stdin, and gives what it answers until it closes its channel.
func Run(ctx context.Context, cfg Config, stdin io.Reader) ([]byte, error) {
	m, err := Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(m.Channel(), stdin)
		sent <- errors.Join(err, m.Channel().CloseWrite())
	}()
	out, err := io.ReadAll(m.Channel())
	if err != nil {
		return out, errors.Join(err, m.Kill())
	}
	// A guest that has said all it wants need not have read everything.
	if err := m.Wait(); err != nil {
		return out, err
	}
	if err := <-sent; err != nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, errOver) {
		return out, err
	}
	return out, nil
}

// Channel is the host's end of the connection to a guest.
type Channel interface {
	io.ReadWriteCloser
	// CloseWrite tells the guest that no more comes.
	CloseWrite() error
}

// errOver is what a write gives when the guest has ended well before reading it.
var errOver = errors.New("the guest has ended")
