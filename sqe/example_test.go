package sqe_test

import (
	"fmt"
	"time"

	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/uapi"
)

// Submissions are printed as a trace has them.
func Example() {
	for _, s := range []sqe.SQE{
		sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM|uapi.SOCK_CLOEXEC, 0, 0).Direct(2),
		sqe.Connect(2, "10.0.0.1:443").FixedFile().Link(),
		sqe.LinkTimeout(time.Second, 0),
		sqe.Openat2(uapi.AT_FDCWD, "etc/hosts", uapi.OpenHow{Resolve: uapi.RESOLVE_BENEATH}),
		sqe.Nop().With("rw_flags", 1<<31), // which is wrong
	} {
		fmt.Println(s)
	}
	// Output:
	// {"opcode":"SOCKET","fd":"INET","off":"STREAM|CLOEXEC","file_index":3}
	// {"opcode":"CONNECT","fd":2,"off":16,"addr":{"sockaddr":"10.0.0.1:443"},"flags":"FIXED_FILE|IO_LINK"}
	// {"opcode":"LINK_TIMEOUT","fd":-1,"addr":{"timespec":{"sec":1}},"len":1}
	// {"opcode":"OPENAT2","fd":-100,"addr":{"path":"etc/hosts"},"len":24,"off":{"open_how":{"resolve":"BENEATH"}}}
	// {"opcode":"NOP","fd":-1,"rw_flags":"0x80000000"}
}
