//go:build !linux || !amd64

package live

import (
	"errors"

	"github.com/uringsim/uringsim/trace"
)

var errOther = errors.New("live kernels are supported on linux/amd64")

// Kernel is the running kernel as a trace.System.
type Kernel struct{}

var _ trace.System = (*Kernel)(nil)

// Open fails on this platform.
func Open(Options) (*Kernel, error) { return nil, errOther }

// Do fails on this platform.
func (*Kernel) Do(string, trace.Call) trace.Result { return trace.Result{Err: errOther} }

// Read fails on this platform.
func (*Kernel) Read(string, uint64, int) ([]byte, error) { return nil, errOther }

// Close does nothing.
func (*Kernel) Close() error { return nil }

// Release is the running kernel's release, as uname -r prints it.
func Release() string { return "" }

// HasFilters says whether the kernel has IORING_REGISTER_BPF_FILTER; it fails on this platform.
func HasFilters() (bool, error) { return false, errOther }
