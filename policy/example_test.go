package policy_test

import (
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/policy"
)

// A policy is read, and compiled to the filters that a task registers in this order.
func Example() {
	p, err := policy.Parse("tcp.policy", []byte(`
		default deny
		allow NOP
		allow SOCKET if family in (AF_INET, AF_INET6) and type == SOCK_STREAM
	`))
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := p.Compile(policy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range plan.Filters {
		fmt.Printf("%s, for %s:\n", f.Op, f.Why)
		for _, line := range cbpfvm.Disassemble(f.Insns) {
			fmt.Println("  " + line)
		}
	}
	// Output:
	// NOP, for line 3:
	//   ret #1
	// SOCKET, for line 4:
	//   ld [20]
	//   and #15
	//   jeq #1, +0, +3
	//   ld [16]
	//   jeq #2, +2, +0
	//   jeq #10, +1, +0
	//   ret #0
	//   ret #1
}

// Mistakes are told with their place.
func ExampleParse() {
	_, err := policy.Parse("tcp.policy", []byte("default deny\nallow SOCKET if type == SOCK_STREAM|SOCK_CLOEXEC"))
	fmt.Println(err)
	// Output:
	// tcp.policy:2:22: found 0x80000, which type never has: SOCK_CLOEXEC and SOCK_NONBLOCK do not show on every kernel
}
