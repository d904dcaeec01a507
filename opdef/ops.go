package opdef

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Ops are the opcodes as one kernel has them: what is asked of Defs for every request, worked out before.
type Ops struct {
	rows    [uapi.IORING_OP_LAST]opRow
	special [uapi.IORING_OP_LAST]SQEBits // the opcode's SQEs are plain unless they have one of these
}

type opRow struct {
	checks []*Step        // of the prep function, those that the kernel has
	about  SQEBits        // of those checks that are about some bits
	rest   []*Step        // the other checks
	head   uint64         // the second word of the context, without flags
	copies []copyWord     // fields of the payload that stand in the SQE
	fields []ContextField // the others
}

var known sync.Map // of *Ops by kernel.Release; a few for each release that anybody asked for

// On are the opcodes as the kernel has them.
func On(k kernel.Release) *Ops {
	if o, ok := known.Load(k); ok {
		return o.(*Ops)
	}
	o := &Ops{}
	for op := range o.rows {
		row := &o.rows[op]
		if Defs[op].Prep == nil {
			panic(fmt.Sprintf("opdef: Defs has no row for %v, or one without Prep", uapi.Op(op)))
		}
		for i := range Defs[op].Prep.Steps {
			if s := &Defs[op].Prep.Steps[i]; s.On(k) {
				row.add(s)
			}
		}
		pduSize := PDUSize(k, uapi.Op(op))
		row.head = uint64(op) | uint64(pduSize)<<16
		if pduSize != 0 {
			row.show(k, Defs[op].payload.fields)
		}
		o.special[op] = row.specialBits(uapi.Op(op))
	}
	known.Store(k, o)
	return o
}

func (row *opRow) add(s *Step) {
	row.checks = append(row.checks, s)
	if s.about == nil {
		row.rest = append(row.rest, s)
	} else {
		row.about.add(s.about)
	}
}

func (row *opRow) show(k kernel.Release, fields []ContextField) {
	for _, f := range fields {
		if f.from == nil {
			row.fields = append(row.fields, f)
			continue
		}
		w := f.from(k)
		w.to = uint8(f.Off)
		row.copies = append(row.copies, w)
	}
}

// specialBits are the bits that a plain SQE has not: those that steps are about, and those for which the request is more
// than the opcode's prep. If it always is, these are the bits of the opcode itself.
func (row *opRow) specialBits(op uapi.Op) SQEBits {
	if len(row.rest)+len(row.fields) > 0 || Defs[op].Is128 || Defs[op].NeedsFile {
		return bitsOf("opcode", all)
	}
	bits := row.about
	ring := bitsOfAll("flags", "personality")
	if !Defs[op].IOPrio { // otherwise prep looks at it
		more := bitsOf("ioprio", all)
		ring.add(&more)
	}
	if op == uapi.IORING_OP_NOP { // some flags of which ask for more than nothing
		more := bitsOf("nop_flags", all)
		ring.add(&more)
	}
	bits.add(&ring)
	return bits
}

// Plain tells whether an SQE makes a request that prep lets through as it is, on any ring without IOPOLL: it has no
// flags, no personality and no file, and there is nothing in it that its opcode has to look at.
func (o *Ops) Plain(s *uapi.SQE) bool {
	op := s.Opcode()
	return int(op) < len(o.special) && !o.special[op].in(s)
}

// Prep carries out the steps of the opcode's prep function until one fails. The refusal is the same each time, and must
// not be changed.
func (o *Ops) Prep(p *Prep) *verdict.Refusal {
	row := &o.rows[p.Req.Opcode]
	checks := row.rest
	if row.about.in(&p.Req.SQE) {
		checks = row.checks
	}
	for _, s := range checks {
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
	row.populate(&r.SQE, r.UserData, r.Flags&sqeFlagsSeen, ctx)
	for i := range row.fields {
		f := &row.fields[i]
		f.put(r, ctx[f.Off:][:f.Size])
	}
}

// PopulatePlain is Populate for the request of a plain SQE.
func (o *Ops) PopulatePlain(s *uapi.SQE, ctx *[uapi.SizeofBPFCtx]byte) {
	o.rows[s.Opcode()].populate(s, s.UserData(), 0, ctx)
}

// Behind are the bits that decide whether an SQE of the opcode is plain, and if it is, those that a filter context shows
// where the mask has bits.
func (o *Ops) Behind(op uapi.Op, mask [uapi.SizeofBPFCtx]byte) SQEBits {
	le := binary.LittleEndian
	bits := o.special[op]
	bits[0] |= 0xff // the opcode itself
	more := bitsOf("user_data", le.Uint64(mask[uapi.BPFCtxUserData:]))
	bits.add(&more)
	for _, w := range o.rows[op].copies {
		bits[w.from/8] |= uint64(le.Uint32(mask[w.to:])&w.mask) << (8 * (w.from % 8))
	}
	return bits
}

// populate fills in what does not come from prep.
func (row *opRow) populate(s *uapi.SQE, userData uint64, flags uint8, ctx *[uapi.SizeofBPFCtx]byte) {
	le := binary.LittleEndian
	le.PutUint64(ctx[uapi.BPFCtxUserData:], userData)
	le.PutUint64(ctx[uapi.BPFCtxOpcode:], row.head|uint64(flags)<<8)
	clear(ctx[uapi.BPFCtxPDU:])
	for _, w := range row.copies {
		le.PutUint32(ctx[w.to:], le.Uint32(s[w.from:])&w.mask)
	}
}
