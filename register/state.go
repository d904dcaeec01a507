// Package register models io_uring/register.c: io_uring_register(2) on a ring and, with fd -1, on the calling task.
package register

import (
	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// State is the part of a ring (struct io_ring_ctx) that register calls read and write.
type State struct {
	Name      string // for explanations
	Flags     uint32 // IORING_SETUP_*; R_DISABLED goes when the ring is enabled
	Restrict  bpffilter.Restriction
	Inherited bool                  // register restrictions came from the task
	Trial     bpffilter.Restriction // of the policy on trial, which is asked and not obeyed
	Submitter *tctx.Task            // the one task that may use the ring, nil for any

	Files         FileTable
	Buffers       []*Node // registered buffers; nil entries are empty places
	Payer         Payer
	PostAux       func(uapi.CQE) // posts a CQE that no request caused
	Region        *Region        // nil if MEM_REGION registered none
	Personalities map[uint16]tctx.Cred
	lastPersona   uint16

	HasEventfd bool                    // an eventfd hears of completions
	Groups     map[uint16]*BufferGroup // buffers to select from
	Busy       Busy
	Clock      uint32 // for waiting; 0 is CLOCK_MONOTONIC, as long as none was set

	MaxWorkers [2]uint32       // of bounded and of unbounded work, for tasks that use the ring; 0 if not set
	Thread     *tctx.WorkQueue // of the submission thread, nil if there is none
	users      map[*tctx.WorkQueue]bool
}

// Buffer is a registered buffer: address and length in bytes.
type Buffer struct{ Addr, Len uint64 }

// Has tells whether a transfer stays within the buffer.
//
// Linux: io_uring/rsrc.c:validate_fixed_range
func (b Buffer) Has(addr uint64, length uint32) bool {
	const maxRW = 1<<31 - mm.PageSize // MAX_RW_COUNT
	end := addr + uint64(length)
	return end >= addr && addr >= b.Addr && end <= b.Addr+b.Len && length <= maxRW
}

// Payer is what the memory of a ring's buffers counts against (ctx->user and ctx->mm_account).
type Payer struct {
	mem     *mm.Space
	limited bool // by RLIMIT_MEMLOCK of a user
	nobody  bool // who is that user
}

// PayerOf is the payer of a ring that the task makes.
//
// Linux: io_uring/io_uring.c:io_uring_create
func PayerOf(t *tctx.Task) Payer {
	return Payer{t.Mem, !t.Cred.CapInit, !t.Cred.CapInit && t.Cred.Nobody}
}

// Limited tells whether somebody's RLIMIT_MEMLOCK counts.
func (p Payer) Limited() bool { return p.limited }

// Inherit gives a new ring the restrictions and filters of the task that makes it.
//
// Linux: io_uring/io_uring.c:io_ctx_restriction_clone
func (s *State) Inherit(k kernel.Release, t *tctx.Task) {
	if t.Trial != nil {
		bpffilter.Clone(k, &s.Trial, t.Trial)
	}
	if t.Restrict == nil {
		return
	}
	bpffilter.Clone(k, &s.Restrict, t.Restrict)
	s.Inherited = s.Restrict.RegRegistered
}

// holder is what a tctx.File's ring looks like from here.
type holder interface {
	RegisterState() *State
	PostMessage(uapi.CQE) // a CQE that no request of the ring caused
	// Resize gives the ring the sizes of the parameters, which go to the address that they came from.
	Resize(t *tctx.Task, p *uapi.Params, addr uint64) Outcome
	// Cancel cancels requests in flight, and returns how many; known is false if others may match that io_uring does not
	// decide about. File is that of a key with a descriptor.
	Cancel(flags uint32, data uint64, op uapi.Op, file *tctx.File) (n int, known bool)
}

// StateOf is the state of the ring behind a file.
func StateOf(f *tctx.File) *State { return f.Ring.(holder).RegisterState() }

// Outcome is what became of a register call.
type Outcome struct {
	Ret        int64
	Why        *verdict.Refusal
	Resized    string           // the name of the ring that has another size now
	Filters    *bpffilter.Set   // those that a filter was added to; nil if none was
	Unmodelled string           // what the model does not know; the rest is empty then
	Trial      *verdict.Refusal // what the policy on trial would say to a call that was not refused
}

func refused(r *verdict.Refusal) Outcome { return Outcome{Ret: r.Errno.Ret(), Why: r} }

func done(r *verdict.Refusal) Outcome {
	if r != nil {
		return refused(r)
	}
	return Outcome{}
}

// refuse is the Outcome of a failed check.
func refuse(e uapi.Errno, where, why string) Outcome {
	return refused(verdict.Refuse(verdict.Register, e, where, why))
}
