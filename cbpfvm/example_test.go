package cbpfvm_test

import (
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/uapi"
)

// A filter that allows IPv4 sockets, asked about a Unix socket.
func Example() {
	insns, err := cbpfvm.Assemble(`
		ld [socket.family]
		jeq #AF_INET, allow
		ret #0
	allow:	ret #1`)
	if err != nil {
		fmt.Println(err)
		return
	}
	filter, refused := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
	if refused != nil {
		fmt.Println(refused)
		return
	}
	var ctx cbpfvm.Context
	ctx[uapi.BPFCtxOpcode] = byte(uapi.IORING_OP_SOCKET)
	ctx[uapi.BPFCtxPDUSize] = uapi.SizeofBPFSocket
	ctx.SetWord(uapi.BPFCtxPDU, uapi.AF_UNIX)

	fmt.Println("own engine:", filter.Run(&ctx))
	fmt.Println("x/net/bpf: ", filter.RunReference(&ctx))
	path := filter.Explain(&ctx)
	fmt.Println(path)
	// Output:
	// own engine: 0
	// x/net/bpf:  0
	//   0  ld [16]                  A = 0x00000001  socket.family AF_UNIX
	//   1  jeq #2, +1, +0           false, to 2
	//   2  ret #0                   deny
}

// What the kernel refuses, with the function that refuses it.
func ExampleCheck() {
	insns, _ := cbpfvm.Assemble("ld #7\n mod #4\n ret a")
	_, err := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
	fmt.Println(err.Func)
	fmt.Printf("instruction %d: %s\n", err.PC, err.Why)
	// Output:
	// io_uring/bpf_filter.c:io_uring_check_cbpf_filter
	// instruction 1: io_uring does not allow mod #constant
}
