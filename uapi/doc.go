// Package uapi is the ABI of io_uring as programs see it: constants under their C names, structs with stated
// offsets, and error numbers with Linux's values on every OS.
//
// Bytes are those of a little-endian 64-bit kernel, whatever the machine that runs this code. A struct is either a Go
// struct with Decode and Append methods, or, where the C struct is a bundle of unions (the SQE), its bytes with a method
// per field.
//
// Source: include/uapi/linux/io_uring.h, io_uring/bpf_filter.h, io_uring/query.h, filter.h, openat2.h of Linux 6.19 to 7.3.
package uapi

import "encoding/binary"

// le is the byte order of the kernels that are modelled (x86-64).
var le = binary.LittleEndian
