package sysuring

import (
	"sync/atomic"
	"unsafe"
)

// Word32 returns the 32-bit word at an offset of shared memory, for atomic access. Off must be a multiple of 4, and b
// must be page-aligned.
func Word32(b []byte, off int) *atomic.Uint32 {
	_ = b[off+3]
	return (*atomic.Uint32)(unsafe.Pointer(&b[off]))
}

// Word64 is the same for a 64-bit word. Off must be a multiple of 8.
func Word64(b []byte, off int) *atomic.Uint64 {
	_ = b[off+7]
	return (*atomic.Uint64)(unsafe.Pointer(&b[off]))
}
