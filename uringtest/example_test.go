package uringtest_test

import (
	"fmt"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/uringtest"
)

// show runs a test and prints what it says.
func show(test func(t testing.TB)) { fmt.Println(record(test)) }

// A filter denies what it does not know. The message of a test that expected otherwise shows where it parted.
func ExampleAllow() {
	show(func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_SOCKET, `
			ld [socket.family]
			jeq #AF_INET, allow
			ret #0
		allow:	ret #1`)
		uringtest.Allow(t, s, sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 0))
		uringtest.Allow(t, s, sqe.Socket(uapi.AF_INET6, uapi.SOCK_STREAM, 0, 0))
	})
	// Output:
	// on 7.0, 7.1, 7.2, 7.3: SOCKET is denied, want allowed
	//     {"opcode":"SOCKET","fd":"INET6","off":"STREAM"}
	//     EACCES: filter: denied by filter 1 of 1 (registered by task init in event 2), instruction 2 [Linux: io_uring/bpf_filter.c:__io_uring_run_bpf_filters]
	//     filter 1 of 1
	//         0  ld [16]                  A = 0x0000000a  socket.family AF_INET6
	//         1  jeq #2, +1, +0           false, to 2  <- it can be allowed from 3 on
	//         2  ret #0                   deny
}

// On 7.0, a program that a sandboxed task executes is free if the task has used io_uring before.
func ExampleKernel_Boot() {
	show(func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_NOP, "ret #0")
		for _, k := range []uringtest.Kernel{uringtest.On(kernel.V7_0), uringtest.On(kernel.V7_1)} {
			task := k.Boot(t)
			task.NoNewPrivs()
			task.Restrict(s)
			task.Deny(sqe.Nop())
			task.Exec()
			task.Deny(sqe.Nop())
		}
	})
	// Output:
	// on 7.0, task init: NOP is allowed, want denied
	//     {"opcode":"NOP","fd":-1}
	//     no filter is asked about NOP
	//     so far:
	//       init: prctl(PR_SET_NO_NEW_PRIVS)
	//       init: register NOP, 1 filter
	//       init: setup
	//       init: submit NOP
	//       init: close
	//       init: exec
	//       init: setup
	//       init: submit NOP
	//       init: close
}

// A test that leaves a branch out is told which.
func ExampleCoverage() {
	show(func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_SOCKET, `
			ld [socket.family]
			jeq #AF_INET, allow
			ret #0
		allow:	ret #1`)
		uringtest.Coverage(t, s, 100)
		uringtest.Allow(t, s, sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 0))
	})
	// Output:
	// the requests of this test reached 66.7 % of the filters, want 100 %
	// filter for SOCKET: registered once, ran 4 times, allowed 4
	// instructions 3 of 4 (75.0%), branches 1 of 2 (50.0%)
	//        4                 ld [16]     ; socket.family
	// !      4       4/0       jeq #2, L3  ; AF_INET
	// !      0                 ret #0      ; deny
	//        4            L3:  ret #1      ; allow
}

// A policy that replaces another is held to it, for all requests at once.
func ExampleAssertNotLooser() {
	show(func(t testing.TB) {
		old := uringtest.Program(t, uapi.IORING_OP_SOCKET, "ld [socket.family]\njeq #AF_INET, allow\nret #0\nallow: ret #1")
		new := uringtest.Program(t, uapi.IORING_OP_SOCKET, "ld [socket.family]\nand #AF_INET\nret a")
		uringtest.AssertNotLooser(t, old, new)
	})
	// Output:
	// on 7.0, 7.1, 7.2, 7.3: the new sandbox allows what the old one denies
	//     {"opcode":"SOCKET","fd":3,"off":"STREAM","len":"IP"}
	//     the old: denied
	//     EACCES: filter: denied by filter 1 of 1 (registered by task init in event 2), instruction 2 [Linux: io_uring/bpf_filter.c:__io_uring_run_bpf_filters]
	//     filter 1 of 1
	//         0  ld [16]                  A = 0x00000003  socket.family 3
	//         1  jeq #2, +1, +0           false, to 2  <- it can be allowed from 3 on
	//         2  ret #0                   deny
	//     the new: allowed
	//     filter 1 of 1
	//         0  ld [16]                  A = 0x00000003  socket.family 3
	//         1  and #2                   A = 0x00000002
	//         2  ret a                    allow
}
