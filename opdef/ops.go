package opdef

import (
	"encoding/binary"
	"sync"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Ops are the opcodes as one kernel has them: what is asked of Defs for every request, worked out before.
type Ops struct {
	kernel kernel.Release
	rows   [uapi.IORING_OP_LAST]opRow
}

type opRow struct {
	checks  []*Step // of the prep function, those that the kernel has
	fields  []ContextField
	pduSize uint8
}

var known sync.Map // of *Ops by kernel.Release; a few for each release that anybody asked for

// On are the opcodes as the kernel has them.
func On(k kernel.Release) *Ops {
	if o, ok := known.Load(k); ok {
		return o.(*Ops)
	}
	o := &Ops{kernel: k}
	for op := range o.rows {
		row := &o.rows[op]
		for i := range Defs[op].Prep.Steps {
			if s := &Defs[op].Prep.Steps[i]; s.On(k) {
				row.checks = append(row.checks, s)
			}
		}
		if row.pduSize = PDUSize(k, uapi.Op(op)); row.pduSize != 0 {
			row.fields = Defs[op].payload.fields
		}
	}
	known.Store(k, o)
	return o
}

// Prep carries out the steps of the opcode's prep function until one fails. The refusal is the same each time, and must
// not be changed.
func (o *Ops) Prep(p *Prep) *verdict.Refusal {
	for _, s := range o.rows[p.Req.Opcode].checks {
		if e := s.run(p); e != 0 {
			return s.refusal(e)
		}
	}
	return nil
}

// Populate fills the filter context with what a prepared request shows to filters; ctx has 40 bytes, of which kernels
// without payloads use the first 16.
//
// Linux: io_uring/bpf_filter.c:io_uring_populate_bpf_ctx
func (o *Ops) Populate(r *Request, ctx *[uapi.SizeofBPFCtx]byte) {
	row := &o.rows[r.Opcode]
	le := binary.LittleEndian
	le.PutUint64(ctx[uapi.BPFCtxUserData:], r.UserData)
	le.PutUint64(ctx[uapi.BPFCtxOpcode:], uint64(r.Opcode)|uint64(r.Flags&sqeFlagsSeen)<<8|uint64(row.pduSize)<<16)
	clear(ctx[uapi.BPFCtxPDU:])
	for i := range row.fields {
		f := &row.fields[i]
		f.put(o.kernel, r, ctx[f.Off:][:f.Size])
	}
}
