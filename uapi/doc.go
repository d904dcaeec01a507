// Package uapi is the ABI of io_uring as programs see it: constants under their C names, structs with their offsets, and
// error numbers with Linux's values on every OS.
//
// Bytes are those of a little-endian 64-bit kernel, on whatever machine this code runs. A struct is a Go struct with
// Decode and Append methods; the SQE, which is full of unions, is kept as its bytes, with a method per field.
//
// Source: include/uapi/linux/io_uring.h, io_uring/bpf_filter.h, io_uring/query.h, filter.h, openat2.h of Linux 6.19 to 7.3.
package uapi

import "encoding/binary"

// le is the byte order of the kernels that are modelled (x86-64).
var le = binary.LittleEndian
