package uringtest_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sqe"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/uringtest"
)

var update = flag.Bool("update", false, "write what messages are into testdata/messages.txt")

// onlyTCP allows TCP sockets, by two branches.
const onlyTCP = `
	      ld [socket.family]
	      jne #AF_INET, deny
	      ld [socket.type]
	      jne #SOCK_STREAM, deny
	      ret #1
	deny: ret #0`

var (
	tcp      = sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 0)
	udp      = sqe.Socket(uapi.AF_INET, uapi.SOCK_DGRAM, 0, 0)
	unix     = sqe.Socket(uapi.AF_UNIX, uapi.SOCK_STREAM, 0, 0)
	nonblock = sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM|uapi.SOCK_NONBLOCK, 0, 0)
	badType  = sqe.Socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 1)
)

// assemble is a program.
func assemble(t testing.TB, asm string) []uapi.SockFilter {
	t.Helper()
	insns, err := cbpfvm.Assemble(asm)
	if err != nil {
		t.Fatal(err)
	}
	return insns
}

// layers are two filters for sockets, of which the second is asked first, and restrictions.
func layers(t testing.TB) *uringtest.Sandbox {
	t.Helper()
	return uringtest.Plan(t, &plan.Plan{
		Restrictions: []uapi.Restriction{
			{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(uapi.IORING_OP_SOCKET)},
			{Opcode: uapi.IORING_RESTRICTION_SQE_OP, Value: uint8(uapi.IORING_OP_READ)},
		},
		Filters: []plan.Filter{
			{Op: uapi.IORING_OP_SOCKET, Insns: assemble(t, onlyTCP), Why: "only TCP"},
			{Op: uapi.IORING_OP_SOCKET, Insns: assemble(t, "ret #1"), Why: "anything",
				Flags: uapi.IO_URING_BPF_FILTER_DENY_REST},
		},
	})
}

// stories are tests and what they say. testdata/messages.txt has the messages under the same headings.
var stories = []struct {
	why  string
	test func(t testing.TB)
}{
	{"what is as it should be says nothing", func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP)
		uringtest.Coverage(t, s, 100)
		uringtest.Allow(t, s, tcp)
		uringtest.Deny(t, s, udp)
		uringtest.Deny(t, s, unix)
		uringtest.Allow(t, s, sqe.Nop())
	}},
	{"a denied request shows the branch that decided", func(t testing.TB) {
		uringtest.Allow(t, uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP), udp)
	}},
	{"an allowed request shows its way through all filters", func(t testing.TB) {
		uringtest.Deny(t, layers(t), tcp)
	}},
	{"a request that no filter is about says so", func(t testing.TB) {
		uringtest.Deny(t, uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP), sqe.Nop())
	}},
	{"a restriction names its check", func(t testing.TB) {
		uringtest.Allow(t, layers(t), sqe.Nop())
	}},
	{"DENY_REST has no program to show", func(t testing.TB) {
		uringtest.Allow(t, layers(t), sqe.Read(0, sqe.Room(8), 8, 0))
	}},
	{"what prep refuses is neither allowed nor denied", func(t testing.TB) {
		uringtest.Deny(t, uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP), badType)
	}},
	{"kernels that differ are named apart", func(t testing.TB) {
		uringtest.Allow(t, uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP), nonblock)
	}},
	{"an old kernel takes no sandbox", func(t testing.TB) {
		uringtest.On(kernel.V6_19).Allow(t, layers(t), tcp)
	}},
	{"a program that the kernel refuses", func(t testing.TB) {
		uringtest.Allow(t, uringtest.Program(t, uapi.IORING_OP_SOCKET, "ld [64]\nret a"), tcp)
	}},
	{"a payload that a kernel lacks", func(t testing.TB) {
		p := &plan.Plan{Filters: []plan.Filter{{Op: uapi.IORING_OP_CONNECT, PDUSize: uapi.SizeofBPFConnect,
			Insns: assemble(t, "ret #1"), Why: "connections"}}}
		uringtest.Allow(t, uringtest.Plan(t, p), sqe.Connect(0, "127.0.0.1:1"))
	}},
	{"a program with a mistake", func(t testing.TB) { uringtest.Program(t, uapi.IORING_OP_SOCKET, "ret 1") }},
	{"a policy", func(t testing.TB) {
		s := uringtest.Policy(t, "default deny\nallow SOCKET if family == AF_INET\nallow READ")
		uringtest.Coverage(t, s, 100)
		uringtest.Allow(t, s, tcp)
		uringtest.Deny(t, s, unix)
		uringtest.Deny(t, s, sqe.Write(0, sqe.Room(8), 8, 0))
		uringtest.Deny(t, s, sqe.Read(0, sqe.Room(8), 8, 0))
	}},
	{"a policy with a mistake", func(t testing.TB) { uringtest.Policy(t, "default deny\nallow SOCKET if family = 2") }},
	{"a file that is not there", func(t testing.TB) { uringtest.File(t, "testdata/nothing.plan.json") }},
	{"a submission with a mistake", func(t testing.TB) {
		uringtest.Allow(t, layers(t), sqe.Connect(3, "localhost"))
	}},
	{"missing coverage shows the instructions", func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP)
		uringtest.Coverage(t, s, 90)
		uringtest.Deny(t, s, unix)
	}},
	{"a lifecycle tells what was done", func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP)
		task := uringtest.On(kernel.V7_0).Boot(t)
		task.NoNewPrivs()
		task.Restrict(s)
		child := task.Fork("child")
		child.Deny(unix)
		child.Exec()
		child.Deny(unix)
	}},
	{"a call that is refused ends the test", func(t testing.TB) {
		task := uringtest.On(kernel.V7_3).Boot(t)
		task.DropPrivileges()
		task.Restrict(layers(t))
	}},
	{"a new sandbox that allows more", func(t testing.TB) {
		uringtest.AssertNotLooser(t, uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP),
			uringtest.Program(t, uapi.IORING_OP_SOCKET, strings.Replace(onlyTCP, "AF_INET", "AF_UNIX", 1)))
	}},
	{"a new sandbox that allows less, and layers", func(t testing.TB) {
		s := uringtest.Program(t, uapi.IORING_OP_SOCKET, onlyTCP)
		uringtest.AssertNotLooser(t, s, layers(t))
		uringtest.AssertNeverLoosens(t, layers(t), s, uringtest.Program(t, uapi.IORING_OP_SOCKET, "ret #1"))
	}},
	{"filters that calculate too much", func(t testing.TB) {
		const square = "ld [0]\n tax\n mul x\n tax\n ld [4]\n mul x\n jeq #0x1234567, deny\n ret #1\n deny: ret #0"
		k := uringtest.On(kernel.V7_3) // one, as it takes long
		k.AssertNotLooser(t, uringtest.Program(t, uapi.IORING_OP_NOP, square),
			uringtest.Program(t, uapi.IORING_OP_NOP, "ldx #1\n"+square))
	}},
	{"layers that a kernel does not take", func(t testing.TB) { uringtest.AssertNeverLoosens(t, layers(t), layers(t)) }},
	{"what the model does not know ends the test", func(t testing.TB) {
		task := uringtest.On(kernel.V7_3).Boot(t)
		ring := task.Setup(0)
		task.Do(&trace.EnterArgs{FD: trace.Number(ring.FD()), MinComplete: 1, Flags: uapi.IORING_ENTER_GETEVENTS})
	}},
}

// TestStories compares what tests say with testdata/messages.txt.
func TestStories(t *testing.T) {
	const file = "testdata/messages.txt"
	var out strings.Builder
	for _, s := range stories {
		out.WriteString("# " + s.why + "\n")
		if text := record(s.test); text != "" {
			out.WriteString(text + "\n")
		}
		out.WriteString("\n")
	}
	want, err := os.ReadFile(file)
	if got := out.String(); *update {
		err = os.WriteFile(file, []byte(got), 0o644)
	} else if got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("got\n%s\nwhich is not %s; -update writes it", got, file)
	}
	if err != nil {
		t.Fatal(err)
	}
}
