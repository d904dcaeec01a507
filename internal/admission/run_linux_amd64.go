package admission

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/ptrace"
	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Available says why this process cannot run programs under the model, or nil.
func Available() error {
	if err := sysuring.Available(); err != nil {
		return err
	}
	if _, err := probeHost(); err != nil {
		return err
	}
	return ptrace.Available(ptrace.UringAndPrivs)
}

// host is what the host's kernel has.
type host struct {
	ops          map[uapi.Op]bool
	taskWork     bool   // NOPs can complete in task work
	registerLast uint32 // register opcodes from this one on are not there, or may not be
	setupFlags   uint64 // others are not there, or may not be
}

// probeHost looks at the host's kernel: it must have NOPs that give a result.
func probeHost() (*host, error) {
	ring, err := sysuring.NewRing(1)
	if err != nil {
		return nil, err
	}
	defer ring.Close()
	if !stands(ring, uapi.IORING_NOP_INJECT_RESULT) {
		return nil, fmt.Errorf("%w: %s has no NOP with IORING_NOP_INJECT_RESULT", ErrHost, sysuring.Release())
	}
	ops, err := ring.Opcodes()
	if err != nil {
		return nil, err
	}
	can, ok := sysuring.Query()
	if !ok {
		can.RegisterOpcodes = uint32(uapi.IORING_REGISTER_QUERY)
	}
	h := &host{ops: map[uapi.Op]bool{}, registerLast: can.RegisterOpcodes, setupFlags: can.SetupFlags,
		taskWork: stands(ring, uapi.IORING_NOP_INJECT_RESULT|uapi.IORING_NOP_TW)}
	for _, op := range ops {
		h.ops[op] = true
	}
	return h, nil
}

// stands tells whether a NOP with these flags gives the result that it is told.
func stands(ring *sysuring.Ring, flags uint32) bool {
	nop := uapi.SQE{}
	nop.SetLen(uint32(uapi.EACCES.Ret()))
	nop.SetOpFlags(flags)
	copy(ring.SQE(0), nop[:])
	if _, err := ring.Enter(1, 1, uapi.IORING_ENTER_GETEVENTS); err != nil {
		return false
	}
	cqes := make([]uapi.CQE, 1)
	return ring.Reap(cqes) == 1 && cqes[0].Res == int32(uapi.EACCES.Ret())
}

// Run runs a program with the standard files of this process. It returns when the program and all that it started have
// ended. The error is one of running it: the program's own end is in the Summary.
func Run(o Options) (Summary, error) {
	h, err := probeHost()
	if err != nil {
		return Summary{}, err
	}
	first, ok := o.Kernel.Task(trace.InitTask)
	if !ok {
		return Summary{}, fmt.Errorf("the kernel has no task %q", trace.InitTask)
	}
	set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil {
		return Summary{}, fmt.Errorf("prctl(PR_GET_NO_NEW_PRIVS): %w", err)
	}
	first.NoNewPrivs = first.NoNewPrivs || set != 0
	r := &runner{ledger: newLedger(o.Warn), host: h, release: o.Kernel.Release(), gate: o.Kernel.Gate(), first: first,
		tasks: map[*ptrace.Task]*task{}}
	status, err := ptrace.Run(o.Command, ptrace.UringAndPrivs, r)
	s := r.summary()
	s.Status = status
	return s, err
}
