package vm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// InGuest says whether this program is /init of a guest that Start booted.
func InGuest() bool {
	return os.Getpid() == 1 && os.Getenv(guestVar) != ""
}

// GuestMain is the whole main of a guest's program: it readies the guest, calls f, and powers off. The host's Wait gets
// an error, with what f's error says at the end of the console, unless f gives nil. A panic is a kernel panic.
func GuestMain(f func(ch io.ReadWriteCloser, args []string) error) {
	if err := guestMain(f); err != nil {
		fmt.Println("guest:", err) // on the console
	}
	Poweroff()
}

func guestMain(f func(io.ReadWriteCloser, []string) error) error {
	if err := GuestInit(); err != nil {
		return err
	}
	ch, err := GuestChannel()
	if err != nil {
		return err
	}
	if err := f(ch, GuestArgs()); err != nil {
		return err
	}
	return ch.Close()
}

// GuestInit makes the guest a place where programs work: /proc, /sys, /dev and /tmp, and the loopback interface.
func GuestInit() error {
	for _, m := range []struct{ kind, dir, opts, config string }{
		{"proc", "/proc", "", "CONFIG_PROC_FS"}, {"sysfs", "/sys", "", "CONFIG_SYSFS"}, {"devtmpfs", "/dev", "", "CONFIG_DEVTMPFS"},
		{"tmpfs", "/tmp", "mode=1777", "CONFIG_TMPFS"},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, m.opts); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount of %s, for which the kernel needs %s: %w", m.dir, m.config, err)
		}
	}
	return loopbackUp()
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback interface, for which the kernel needs CONFIG_INET: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("loopback interface: %w", err)
	}
	return nil
}

// GuestArgs are the Args of the Config.
func GuestArgs() []string {
	data, err := os.ReadFile(argsFile)
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(string(data), "\x00")
}

// GuestChannel is the guest's end of the connection to the host. The host takes the guest for booted when this returns.
func GuestChannel() (io.ReadWriteCloser, error) {
	dev, err := findShared("/sys/bus/pci/devices")
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dev, "resource2"), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, channelSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap of the shared-memory device: %w", err)
	}
	return newEnd(mem, true)
}

// findShared finds the ivshmem device among the PCI devices, and switches its memory on, since it has no driver.
func findShared(devices string) (string, error) {
	dirs, err := filepath.Glob(filepath.Join(devices, "*"))
	if err != nil {
		return "", err
	}
	for _, dir := range dirs {
		vendor, _ := os.ReadFile(filepath.Join(dir, "vendor"))
		device, _ := os.ReadFile(filepath.Join(dir, "device"))
		if string(vendor) == "0x1af4\n" && string(device) == "0x1110\n" {
			return dir, os.WriteFile(filepath.Join(dir, "enable"), []byte("1"), 0)
		}
	}
	return "", fmt.Errorf("no shared-memory device (1af4:1110) among the %d in %s, for which the kernel needs CONFIG_PCI", len(dirs), devices)
}

// Poweroff ends the guest. It does not return. Do not defer it: a panic would then leave no message.
//
// QEMU runs with -no-reboot. A kernel without ACPI can restart, but for power-off it halts for ever.
func Poweroff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	os.Exit(1) // then panic=-1 does it
}
