//go:build !linux

package vm

import (
	"errors"
	"io"
	"os"
)

var errNotGuest = errors.New("guests run Linux")

// InGuest says whether this program is /init of a guest that Start booted.
func InGuest() bool { return false }

// GuestMain ends the program.
func GuestMain(func(ch io.ReadWriteCloser, args []string) error) { Poweroff() }

// GuestInit fails on this platform.
func GuestInit() error { return errNotGuest }

// GuestArgs are the Args of the Config.
func GuestArgs() []string { return nil }

// GuestChannel fails on this platform.
func GuestChannel() (io.ReadWriteCloser, error) { return nil, errNotGuest }

// Poweroff ends the program.
func Poweroff() { os.Exit(1) }
