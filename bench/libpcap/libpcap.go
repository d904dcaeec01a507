//go:build libpcap

// Package libpcap runs filters on the interpreter of libpcap, a peer written in C.
package libpcap

/*
#cgo LDFLAGS: -lpcap
#include <pcap/pcap.h>

static u_int run(const struct bpf_insn *insns, const u_char *packet, u_int size, int times)
{
	u_int result = 0;

	while (times-- > 0)
		result = bpf_filter(insns, packet, size, size);
	return result;
}
*/
import "C"

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// Runner runs the program so many times in C, where the call from Go counts once. The interpreter loads big-endian, so
// it gets every word of the context turned round.
func Runner(insns []uapi.SockFilter, ctx *cbpfvm.Context) func(times int) uint32 {
	var theirs []C.struct_bpf_insn
	for _, in := range insns {
		theirs = append(theirs, C.struct_bpf_insn{
			code: C.u_short(in.Code), jt: C.u_char(in.Jt), jf: C.u_char(in.Jf), k: C.bpf_u_int32(in.K),
		})
	}
	var packet [uapi.SizeofBPFCtx]C.u_char
	for off := uint32(0); off < uapi.SizeofBPFCtx; off += 4 {
		for i, b := range binary.BigEndian.AppendUint32(nil, ctx.Word(off)) {
			packet[off+uint32(i)] = C.u_char(b)
		}
	}
	return func(times int) uint32 {
		return uint32(C.run(&theirs[0], &packet[0], C.u_int(len(packet)), C.int(times)))
	}
}
