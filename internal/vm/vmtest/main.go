// Command vmtest is /init of a guest for the tests of package vm: it echoes, or fails in one of many ways.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/uringsim/uringsim/internal/vm"
)

func main() {
	if !vm.InGuest() {
		fmt.Fprintln(os.Stderr, "vmtest: to be run as /init of a guest")
		os.Exit(2)
	}
	if args := vm.GuestArgs(); len(args) > 0 && args[0] == "mute" {
		time.Sleep(time.Hour)
	}
	vm.GuestMain(serve)
}

func serve(ch io.ReadWriteCloser, args []string) (err error) {
	switch args[0] {
	case "echo":
		_, err = io.Copy(ch, ch)
	case "digest": // of what comes in
		h := sha256.New()
		if _, err = io.Copy(h, ch); err == nil {
			_, err = ch.Write(h.Sum(nil))
		}
	case "file":
		var text []byte
		if text, err = os.ReadFile(args[1]); err == nil {
			_, err = ch.Write(text)
		}
	case "panic":
		panic("on demand") // the death of PID 1 is a kernel panic
	case "fail":
		err = fmt.Errorf("something went wrong")
	case "idle":
		time.Sleep(time.Hour)
	}
	return err
}
