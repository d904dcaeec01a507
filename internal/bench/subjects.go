package bench

import (
	"fmt"
	"strings"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ring is a ring that requests go through: of the running kernel, or of the model.
type ring interface {
	SQE(n int) []byte
	Enter(n, minComplete, flags uint32) (int64, error)
	Reap(cqes []uapi.CQE) int
}

const entries = 64

// Requests are NOPs, and SOCKETs under the filter of the cover letter, through the running kernel and the model, from the
// bytes of SQEs to those of CQEs. The error says why the running kernel takes no part.
func Requests() ([]Subject, error) {
	host, unavailable := sysuring.NewRing(entries)
	var subjects []Subject
	for _, batch := range []int{1, 8, 32} {
		group := fmt.Sprintf("NOP in batches of %d", batch)
		if unavailable == nil {
			subjects = append(subjects, through(host, uapi.SQE{}, batch, Subject{Group: group, Name: "this kernel, no filter", Base: true}))
		}
		for _, filters := range []int{0, 1, 4, 16} {
			m := modelRing(uapi.IORING_OP_NOP, "ret #1", filters)
			subjects = append(subjects, through(m, uapi.SQE{}, batch, Subject{Group: group, Name: fmt.Sprintf("model, %d filters", filters),
				Base: unavailable != nil && filters == 0}))
		}
	}
	const group = "SOCKET in batches of 32"
	if unavailable == nil {
		subjects = append(subjects, through(host, uapi.SQE{}, 32, Subject{Group: group, Name: "this kernel, a NOP without a filter", Base: true}))
	}
	m := modelRing(uapi.IORING_OP_SOCKET, CoverLetter, 1)
	return append(subjects, through(m, tcpSocket(), 32, Subject{Group: group, Name: "model, the cover letter's filter",
		Base: unavailable != nil})), unavailable
}

// through is the subject of so many SQEs a call.
func through(r ring, sqe uapi.SQE, batch int, s Subject) Subject {
	cqes := make([]uapi.CQE, 2*entries)
	s.Units = batch
	s.Do = func() error {
		for i := range batch {
			copy(r.SQE(i), sqe[:])
		}
		took, err := r.Enter(uint32(batch), 0, 0)
		if err != nil {
			return err
		}
		if n := r.Reap(cqes); took != int64(batch) || n != batch || cqes[0].Res < 0 {
			return fmt.Errorf("%d of %d SQEs were taken, %d CQEs came, the first with %d", took, batch, n, cqes[0].Res)
		}
		return nil
	}
	return s
}

// CoverLetter is a filter as the kernel's patch set shows one: TCP sockets only.
const CoverLetter = `
	ld [socket.family]
	jeq #AF_INET, type
	jne #AF_INET6, deny
type: ld [socket.type]
	and #0xf
	jne #SOCK_STREAM, deny
	ld [socket.protocol]
	jeq #0, allow
	jeq #IPPROTO_TCP, allow, deny
allow: ret #1
deny: ret #0`

func tcpSocket() uapi.SQE {
	var sqe uapi.SQE
	sqe.SetOpcode(uapi.IORING_OP_SOCKET)
	sqe.SetFD(uapi.AF_INET)
	sqe.SetOff(uapi.SOCK_STREAM)
	sqe.SetLen(uapi.IPPROTO_TCP)
	return sqe
}

// modelRing is a ring of the model under so many filters. Sockets are made at once.
func modelRing(op uapi.Op, program string, filters int) *sim.Mapping {
	p := &plan.Plan{}
	for range filters {
		p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: assemble(program)})
	}
	k := sim.New(kernel.V7_3)
	k.SetIssuer(sim.IssuerFunc(func(*sim.Issue) sim.Completion { return sim.Result(3) }))
	player := trace.NewPlayer(k, k.Release().Name)
	for _, e := range append(p.Events(trace.InitTask),
		trace.Event{Task: trace.InitTask, Args: &trace.SetupArgs{Ring: "r", Entries: entries}}) {
		if o, err := player.Play(&e); err != nil || o.Why != nil {
			panic(fmt.Sprint(err, o.Why)) // these are constants
		}
	}
	m, err := k.Map(trace.InitTask, "r", 3)
	if err != nil {
		panic(err) // the ring was made above
	}
	return m
}

func assemble(program string) []uapi.SockFilter {
	insns, err := cbpfvm.Assemble(program)
	if err != nil {
		panic(err) // programs are constants
	}
	return insns
}

// Program is a program to measure engines with.
type Program struct{ Name, Source string }

// Programs are a usual filter, and others of several lengths.
func Programs() []Program {
	return []Program{
		{"the cover letter's filter", CoverLetter},
		{"64 comparisons", comparisons(64)},
		{"1 instruction", "ret #1"},
		{"10 instructions", arithmetic(10)},
		{"100 instructions", arithmetic(100)},
		{"4096 instructions", arithmetic(4096)},
	}
}

// Engines are the programs on the engines.
func Engines() []Subject {
	var subjects []Subject
	for _, row := range Programs() {
		p, refused := cbpfvm.Check(assemble(row.Source), uapi.SizeofBPFCtx)
		if refused != nil {
			panic(refused) // programs are constants
		}
		ctx := SocketContext()
		for i, engine := range []struct {
			name string
			run  func(*cbpfvm.Context) uint32
		}{
			{"golang.org/x/net/bpf", p.RunReference},
			{"Run", p.Run},
		} {
			const runs = 64 // a call
			want := p.Explain(ctx).Result
			subjects = append(subjects, Subject{Group: row.Name, Name: engine.name, Base: i == 0, Units: runs,
				Do: func() error {
					for range runs {
						if got := engine.run(ctx); got != want {
							return fmt.Errorf("the result is %d, not %d", got, want)
						}
					}
					return nil
				}})
		}
	}
	return subjects
}

// SocketContext is what filters see of a TCP socket.
func SocketContext() *cbpfvm.Context {
	var ctx cbpfvm.Context
	ctx[uapi.BPFCtxOpcode], ctx[uapi.BPFCtxPDUSize] = uint8(uapi.IORING_OP_SOCKET), uapi.SizeofBPFSocket
	ctx.SetWord(uapi.BPFCtxPDU, uapi.AF_INET)
	ctx.SetWord(uapi.BPFCtxPDU+4, uapi.SOCK_STREAM)
	ctx.SetWord(uapi.BPFCtxPDU+8, uapi.IPPROTO_TCP)
	return &ctx
}

// comparisons compares a word with n constants, of which the last is the right one.
func comparisons(n int) string {
	var b strings.Builder
	b.WriteString("ld [socket.family]\n")
	for i := range n {
		fmt.Fprintf(&b, "jeq #%d, yes\n", 2+1000*(n-1-i))
	}
	return b.String() + "ret #0\nyes: ret #1"
}

// arithmetic is a straight line of n instructions, whose result depends on nearly all of them. It keeps off TAX and TXA,
// each of which does what the other should in gVisor's pkg/bpf, a peer in ../../bench.
func arithmetic(n int) string {
	line := []string{"ld [user_data]", "add #3", "xor #7", "mul #5", "rsh #1", "or #9", "lsh #1", "sub #2"}
	var b strings.Builder
	for i := range n - 1 {
		at := i % len(line)
		if at == 0 && i > 0 {
			at = 1 // A goes on
		}
		b.WriteString(line[at] + "\n")
	}
	return b.String() + "ret a"
}
