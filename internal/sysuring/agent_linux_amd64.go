package sysuring

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// agent is the code of a task; Go never calls it.
//
//lint:ignore U1000 agentAddress refers to it, in assembly
func agent()

// agentAddress returns the address of agent's own instructions, and not of a wrapper that Go made for it.
func agentAddress() unsafe.Pointer

// agentCode returns a copy of the agent's instructions.
func agentCode() []byte {
	end := binary.LittleEndian.AppendUint64(nil, 0x0badf00d_5edaba11)
	for n := 8; ; n++ {
		if code := unsafe.Slice((*byte)(agentAddress()), n); bytes.HasSuffix(code, end) {
			return bytes.Clone(code[:n-8])
		}
	}
}

// OpenImage returns the agent as an executable file, which is to be a task's descriptor ImageFD.
func OpenImage() (*os.File, error) {
	image := elfImage(agentCode())
	fd, err := unix.MemfdCreate("uringsim-agent", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate("uringsim-agent", unix.MFD_CLOEXEC)
	}
	if err != nil { // vm.memfd_noexec may forbid executable ones
		return tempImage(image)
	}
	f := os.NewFile(uintptr(fd), "uringsim-agent")
	if _, err := f.Write(image); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, f.Chmod(0o777) // a task that has dropped its privileges still calls exec
}

// tempImage writes the image to a file without a name. It opens the file again, since a file that is open for writing
// cannot be executed.
func tempImage(image []byte) (*os.File, error) {
	f, err := os.CreateTemp("", "uringsim-agent-*")
	if err != nil {
		return nil, fmt.Errorf("cannot make a file for the agent: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(image)
	if err = errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		return nil, err
	}
	return os.Open(f.Name())
}
