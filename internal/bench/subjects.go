package bench

import (
	"fmt"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/plan"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ring is a ring for requests, of the running kernel or of the model.
type ring interface {
	SQE(n int) []byte
	Enter(n, minComplete, flags uint32) (int64, error)
	Reap(cqes []uapi.CQE) int
}

const entries = 64

// Requests are NOPs, and SOCKETs under the filter of the cover letter, on the running kernel and on the model, measured
// from the bytes of SQEs to those of CQEs. The error says why the running kernel is left out.
func Requests() ([]Subject, error) {
	var host *program
	ring, unavailable := sysuring.NewRing(entries)
	if unavailable == nil {
		host = programOn(ring)
	}
	var subjects []Subject
	for _, batch := range []int{1, 8, 32} {
		group := fmt.Sprintf("NOP in batches of %d", batch)
		if unavailable == nil {
			subjects = append(subjects, through(host, nop, Label{Group: group, Name: "this kernel, no filter",
				Base: true, Batch: batch}))
		}
		none := modelRing(uapi.IORING_OP_NOP, "", 0, cbpfvm.Fast)
		subjects = append(subjects, through(none, nop, Label{Group: group, Name: "model, 0 filters",
			Base: unavailable != nil, Batch: batch}))
		for _, filters := range []int{1, 4, 16} {
			for _, e := range cbpfvm.Engines() {
				m := modelRing(uapi.IORING_OP_NOP, "ret #1", filters, e)
				name := fmt.Sprintf("model, %d filters, %s", filters, e)
				subjects = append(subjects, through(m, nop, Label{Group: group, Name: name, Engine: e.String(),
					Batch: batch, Filters: filters, Instructions: filters}))
			}
		}
	}
	return append(subjects, sockets(host, unavailable == nil)...), unavailable
}

// sockets are SOCKETs under the filter of the cover letter.
func sockets(host *program, available bool) []Subject {
	const group = "SOCKET in batches of 32, the cover letter's filter"
	var subjects []Subject
	if available {
		subjects = append(subjects, through(host, nop, Label{Group: group, Base: true, Batch: 32,
			Name: "this kernel, a NOP without a filter"}))
	}
	for _, row := range []struct {
		name, filter string
		sqes         []uapi.SQE
	}{
		{"all alike", CoverLetter, TCPSockets[:1]},
		{"of 4 kinds", CoverLetter, TCPSockets},
		{"a filter of user_data", UserData + CoverLetter, TCPSockets},
	} {
		for _, e := range cbpfvm.Engines() {
			m := modelRing(uapi.IORING_OP_SOCKET, row.filter, 1, e)
			label := Label{Group: group, Base: len(subjects) == 0, Name: fmt.Sprintf("model, %s, %s", row.name, e),
				Engine: e.String(), Batch: 32, Filters: 1, Instructions: executed(row.filter)}
			subjects = append(subjects, through(m, row.sqes, label))
		}
	}
	return subjects
}

// program is a ring with what a program knows of it: where its SQEs are, and which comes next.
type program struct {
	ring
	sqes [entries]*uapi.SQE
	tail uint32
}

// programOn returns a program that has just mapped a ring.
func programOn(r ring) *program {
	p := &program{ring: r}
	for i := range p.sqes {
		p.sqes[i] = (*uapi.SQE)(r.SQE(i))
	}
	return p
}

// through returns the subject that submits a batch of SQEs per call, cycling through those given.
func through(r *program, sqes []uapi.SQE, label Label) Subject {
	cqes := make([]uapi.CQE, 2*entries)
	batch := label.Batch
	return Subject{Label: label, Units: batch, Do: func() error {
		for range batch {
			*r.sqes[r.tail%entries] = sqes[r.tail%uint32(len(sqes))]
			r.tail++
		}
		took, err := r.Enter(uint32(batch), 0, 0)
		if err != nil {
			return err
		}
		if n := r.Reap(cqes); took != int64(batch) || n != batch || cqes[0].Res < 0 {
			return fmt.Errorf("%d of %d SQEs were taken, %d CQEs came, the first with %d", took, batch, n, cqes[0].Res)
		}
		return nil
	}}
}

// CoverLetter is a filter like the one in the kernel's patch set: it allows TCP sockets only.
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

// UserData goes in front of a filter, which then sees that no two of TCPSockets are the same.
const UserData = `
	ld [user_data]
	jeq #0xffffffff, deny`

var nop = make([]uapi.SQE, 1)

// TCPSockets are requests that the filter allows, of all four kinds that it can tell apart, each with a user_data of
// its own.
var TCPSockets = []uapi.SQE{
	socket(uapi.AF_INET, uapi.SOCK_STREAM, uapi.IPPROTO_TCP, 1),
	socket(uapi.AF_INET6, uapi.SOCK_STREAM|uapi.SOCK_CLOEXEC, uapi.IPPROTO_TCP, 2),
	socket(uapi.AF_INET, uapi.SOCK_STREAM, 0, 3),
	socket(uapi.AF_INET6, uapi.SOCK_STREAM, 0, 4),
	socket(uapi.AF_INET, uapi.SOCK_STREAM, uapi.IPPROTO_TCP, 5),
	socket(uapi.AF_INET6, uapi.SOCK_STREAM, uapi.IPPROTO_TCP, 6),
	socket(uapi.AF_INET, uapi.SOCK_STREAM|uapi.SOCK_NONBLOCK, 0, 7),
	socket(uapi.AF_INET6, uapi.SOCK_STREAM, 0, 8),
}

func socket(family int32, kind uint64, protocol uint32, userData uint64) (sqe uapi.SQE) {
	sqe.SetOpcode(uapi.IORING_OP_SOCKET)
	sqe.SetFD(family)
	sqe.SetOff(kind)
	sqe.SetLen(protocol)
	sqe.SetUserData(userData)
	return sqe
}

// modelRing returns a ring of the model under so many filters, which the engine runs. Sockets are made at once.
func modelRing(op uapi.Op, program string, filters int, e cbpfvm.Engine) *program {
	p := &plan.Plan{}
	for range filters {
		p.Filters = append(p.Filters, plan.Filter{Op: op, Insns: assemble(program)})
	}
	k := sim.New(kernel.V7_3, sim.WithEngine(e))
	k.SetIssuer(sim.IssuerFunc(func(*sim.Issue) sim.Completion { return sim.Result(3) }))
	player := trace.NewPlayer(k, k.Release().Name)
	for _, e := range append(p.Events(trace.InitTask),
		trace.Event{Task: trace.InitTask, Args: &trace.SetupArgs{Ring: "r", Entries: entries}}) {
		if o, err := player.Play(&e); err != nil || o.Why != nil {
			panic(fmt.Sprint(err, o.Why)) // the events are constants
		}
	}
	m, err := k.Map(trace.InitTask, "r", 3)
	if err != nil {
		panic(err) // the ring was made above
	}
	return programOn(m)
}

func assemble(program string) []uapi.SockFilter {
	insns, err := cbpfvm.Assemble(program)
	if err != nil {
		panic(err) // programs are constants
	}
	return insns
}
