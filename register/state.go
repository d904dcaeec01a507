// Package register models io_uring/register.c: io_uring_register(2) on a ring and, with fd -1, on the calling task.
package register

import (
	"github.com/uringsim/uringsim/bpffilter"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// State is the part of a ring (struct io_ring_ctx) that register calls read and write.
type State struct {
	Name      string // for explanations
	Flags     uint32 // IORING_SETUP_*; R_DISABLED goes when the ring is enabled
	Restrict  bpffilter.Restriction
	Inherited bool       // register restrictions came from the task
	Submitter *tctx.Task // the one task that may use the ring, nil for any

	Files         []*tctx.File // registered files; nil entries are empty slots
	HasFiles      bool
	Buffers       []Buffer // registered buffers; zero entries are empty slots
	HasBuffers    bool
	Region        *Region // nil if MEM_REGION registered none
	Personalities map[uint16]tctx.Cred
	lastPersona   uint16
}

// Buffer is a registered buffer: address and length in bytes.
type Buffer struct{ Addr, Len uint64 }

// Inherit gives a new ring the restrictions and filters of the task that makes it.
//
// Linux: io_uring/io_uring.c:io_ctx_restriction_clone
func (s *State) Inherit(k kernel.Release, t *tctx.Task) {
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
}

// StateOf is the state of the ring behind a file.
func StateOf(f *tctx.File) *State { return f.Ring.(holder).RegisterState() }

// Outcome is what became of a register call.
type Outcome struct {
	Ret        int64
	Why        *verdict.Refusal
	Unmodelled string // what the model does not know; the rest is empty then
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
