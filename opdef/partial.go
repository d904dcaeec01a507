package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// Partial is a request of which only some is known, as a log has it.
type Partial struct {
	Prep
	Known     uapi.SQE // has the bits of the SQE that are known; those of others are 0 in it
	RingKnown bool     // Prep.RingFlags are
}

// takesFD are the opcodes in whose prep steps that do not state what they see look at fd. In all others they leave it
// to the operation.
var takesFD = map[uapi.Op]bool{
	uapi.IORING_OP_CLOSE: true, uapi.IORING_OP_PROVIDE_BUFFERS: true, uapi.IORING_OP_REMOVE_BUFFERS: true,
}

// PrepPartly is Prep of a request of which not all is known. The task's memory never is. Missing is what has to be
// known to go on; if there is none, the refusal is what the request gets, whatever the rest of it is.
func (o *Ops) PrepPartly(p *Partial) (refusal *verdict.Refusal, missing []string) {
	for _, s := range o.rows[p.Req.Opcode].checks {
		if len(s.Errnos) == 0 {
			s.run(&p.Prep)
			continue
		}
		if missing := p.missing(s); len(missing) > 0 {
			return nil, missing
		}
		if e := s.run(&p.Prep); e != 0 {
			return s.refusal(e), nil
		}
	}
	return nil, nil
}

// missing is what a step looks at that is not known.
func (p *Partial) missing(s *Step) []string {
	if s.about != nil && s.about.known(&p.Known) && !s.about.in(&p.Req.SQE) {
		return nil // it does nothing
	}
	if s.Reads != "" {
		return []string{s.Reads}
	}
	if names := p.absent(s.sees); len(names) > 0 {
		return names
	}
	// What the step asks of ring and task does not matter if it comes to the same in either case.
	one, other := p.Prep, p.Prep
	switch s.Asks {
	case "", asksCreds: // the caller knows that there are none, or refuses the request
		return nil
	case asksRing:
		if p.RingKnown {
			return nil
		}
		one.RingFlags, other.RingFlags = 0, ^uint32(0)
	case asksRT:
		one.MayRT, other.MayRT = false, true
	default:
		return []string{s.Asks}
	}
	if s.run(&one) != s.run(&other) {
		return []string{s.Asks}
	}
	return nil
}

// absent are the fields that a step sees and that are not known. Nil means that it may see any.
func (p *Partial) absent(sees *SQEBits) []string {
	switch {
	case sees != nil:
		mask := sees.mask()
		return Absent(&p.Known, &mask)
	case takesFD[p.Req.Opcode]:
		return Absent(&p.Known, &anyFieldAndFD)
	default:
		return Absent(&p.Known, &anyField)
	}
}

// anyField are the fields that prep looks at, apart from what all requests have, and fd.
var anyField, anyFieldAndFD = func() (any, andFD uapi.SQE) {
	for i := range andFD {
		andFD[i] = 0xff
	}
	for _, name := range []string{"opcode", "user_data"} {
		field(name).Put(&andFD, 0)
	}
	any = andFD
	field("fd").Put(&any, 0)
	return any, andFD
}()

// Absent are the fields that have bits of a mask which are not known, each under its first name.
func Absent(known, mask *uapi.SQE) (names []string) {
	end := 0
	for _, f := range uapi.SQEFields {
		if f.Off < end { // another name of the one before
			continue
		}
		end = f.Off + f.Size
		if f.Get(mask)&^f.Get(known) != 0 {
			names = append(names, f.Name)
		}
	}
	return names
}

// seeing states the fields that a step looks at.
func seeing(s Step, names ...string) Step {
	bits := bitsOfAll(names...)
	s.sees = &bits
	return s
}

// payloadOf are the fields of the SQE that fields of a payload are made of which are no copies. What is not here is made
// of memory.
var payloadOf = map[uapi.Op]map[string]SQEBits{
	uapi.IORING_OP_OPENAT: {"flags": bitsOfAll("open_flags"), "mode": bitsOfAll("open_flags", "len"), "resolve": {}},
}

// PopulatePartly is Populate for a request of which not all is known: the second context has the bits that are. The
// flags are known if they are those after prep.
func (o *Ops) PopulatePartly(p *Partial, prepared bool) (ctx, known [uapi.SizeofBPFCtx]byte) {
	for _, s := range o.rows[p.Req.Opcode].checks {
		if len(s.Errnos) == 0 {
			s.run(&p.Prep)
		}
	}
	row := &o.rows[p.Req.Opcode]
	o.Populate(p.Req, &ctx)
	copy(known[uapi.BPFCtxUserData:], p.Known[field("user_data").Off:][:8])
	known[uapi.BPFCtxOpcode] = 0xff
	if prepared {
		ctx[uapi.BPFCtxSQEFlags] = p.Req.SQE.Flags() & sqeFlagsSeen
		known[uapi.BPFCtxSQEFlags] = p.Known.Flags() & sqeFlagsSeen
	}
	for i := range row.fields {
		f := &row.fields[i]
		if from, ok := payloadOf[p.Req.Opcode][f.Name]; ok && from.known(&p.Known) {
			for j := range f.Size {
				known[f.Off+j] = 0xff
			}
		}
	}
	for _, w := range row.copies {
		le := binary.LittleEndian
		le.PutUint32(known[w.to:], le.Uint32(p.Known[w.from:])|^w.mask)
	}
	for i := range ctx {
		ctx[i] &= known[i]
	}
	return ctx, known
}
