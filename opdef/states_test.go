package opdef

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// variants are SQEs of the opcodes with that prep function between which its steps do all that they can.
func variants(prep *Function) []uapi.SQE {
	var all []uapi.SQE
	for op, d := range Defs {
		if d.Prep == prep {
			all = append(all, variantsOf(uapi.Op(op))...)
		}
	}
	return all
}

func variantsOf(op uapi.Op) []uapi.SQE {
	var all []uapi.SQE
	for _, text := range []string{"", "addr=IOVNEG len=1 flags=SELECT", "addr=MSGIOVNEG flags=SELECT",
		"addr=MSGIOVNEG", "ioprio=0x20 addr=IOV len=1", "timeout_flags=2 off=TS", "nop_flags=0x20", "ioprio=0x2000",
		"off=SA addr_len=16", "flags=FIXED", "addr=SA off=16", "addr=IOV len=1", "off=BUF len=8"} {
		all = append(all, sqeOf(op, nonZeroRows[op].base+" "+text))
	}
	for _, name := range nzFields {
		if name != "len" { // -1 of which takes time and memory
			all = append(all, sqeOf(op, nonZeroRows[op].base+" "+name+"=-1"))
		}
	}
	return slices.DeleteFunc(all, func(sqe uapi.SQE) bool { // what is refused before prep
		return sqe.Flags()&uapi.IOSQE_BUFFER_SELECT != 0 && !Defs[op].BufferSelect
	})
}

// result is what a step gave and made of the request; Read tells that it went for memory that is not there at all.
type result struct {
	Errno uapi.Errno
	Req   Request
	Read  bool
}

// runStep runs a single step, with memory of the tests or, to see whether it reads, without.
func runStep(s *Step, sqe uapi.SQE, mem *mm.Space, change func(*Prep)) (r result) {
	req := &Request{SQE: sqe, Opcode: sqe.Opcode(), Flags: sqe.Flags(), UserData: sqe.UserData()}
	p := &Prep{Kernel: kernel.V7_3, Mem: mem, Req: req}
	change(p)
	if mem == nil {
		defer func() {
			if recover() != nil {
				r.Read = true
			}
		}()
	}
	r.Errno = s.run(p)
	r.Req = *req
	return r
}

// everyStep visits the steps of all prep functions, with SQEs for them.
func everyStep(visit func(op uapi.Op, s *Step, sqes []uapi.SQE)) {
	seen := map[*Function]bool{}
	for op, d := range Defs {
		if seen[d.Prep] {
			continue
		}
		seen[d.Prep] = true
		sqes := variants(d.Prep)
		for i := range d.Prep.Steps {
			visit(uapi.Op(op), &d.Prep.Steps[i], sqes)
		}
	}
}

// TestReads: a step reads memory if and only if it says what.
func TestReads(t *testing.T) {
	everyStep(func(op uapi.Op, s *Step, sqes []uapi.SQE) {
		read := slices.ContainsFunc(sqes, func(sqe uapi.SQE) bool {
			return runStep(s, sqe, nil, func(*Prep) {}).Read
		})
		if read != (s.Reads != "") {
			t.Errorf("%s: %s: reads memory: %v, but it says %q", op, s.Doc, read, s.Reads)
		}
	})
}

// TestAsks: a step looks at nothing but SQE and memory, if it does not say so.
func TestAsks(t *testing.T) {
	states := map[string]func(*Prep){
		asksRing:  func(p *Prep) { p.RingFlags = ^uint32(0) },
		asksRT:    func(p *Prep) { p.MayRT = true },
		asksCreds: func(p *Prep) { p.Creds = true },
		asksChain: func(p *Prep) { p.InChain, p.LastOp = true, uapi.IORING_OP_LINK_TIMEOUT },
	}
	everyStep(func(op uapi.Op, s *Step, sqes []uapi.SQE) {
		for what, change := range states {
			differs := slices.ContainsFunc(sqes, func(sqe uapi.SQE) bool {
				return runStep(s, sqe, testMemory, func(*Prep) {}) != runStep(s, sqe, testMemory, change)
			})
			if differs != (s.Asks == what) {
				t.Errorf("%s: %s: looks at %s: %v, but it says %q", op, s.Doc, what, differs, s.Asks)
			}
		}
		if s.Asks != "" && s.Asks != asksQueues && states[s.Asks] == nil {
			t.Errorf("%s: %s: nobody knows what %q is", op, s.Doc, s.Asks)
		}
	})
}

// switched is the newest release with each quirk and without.
var switched = func() (rs [len(kernel.Quirks)][2]kernel.Release) {
	for q := range kernel.Quirks {
		rs[q] = [2]kernel.Release{kernel.V7_3.With(kernel.Quirk(q)), kernel.V7_3.Without(kernel.Quirk(q))}
	}
	return rs
}()

// TestVaries: a step works the same on all kernels that have it, but for the quirks that it names.
func TestVaries(t *testing.T) {
	everyStep(func(op uapi.Op, s *Step, sqes []uapi.SQE) {
		var got []kernel.Quirk
		for q, k := range switched {
			if slices.ContainsFunc(sqes, func(sqe uapi.SQE) bool {
				with := runStep(s, sqe, testMemory, func(p *Prep) { p.Kernel = k[0] })
				return with != runStep(s, sqe, testMemory, func(p *Prep) { p.Kernel = k[1] })
			}) {
				got = append(got, kernel.Quirk(q))
			}
		}
		if diff := cmp.Diff(s.Varies, got); diff != "" {
			t.Errorf("%s: %s varies (-stated +found):\n%s", op, s.Doc, diff)
		}
	})
}

// TestAbout: a step does nothing about SQEs that have none of the bits that it is about.
func TestAbout(t *testing.T) {
	everyStep(func(op uapi.Op, s *Step, sqes []uapi.SQE) {
		for _, sqe := range sqes {
			if s.about == nil {
				return
			}
			for i, bits := range s.about {
				w := sqe[8*i : 8*i+8]
				binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)&^bits)
			}
			unchanged := result{Req: Request{SQE: sqe, Opcode: sqe.Opcode(), Flags: sqe.Flags(), UserData: sqe.UserData()}}
			if got := runStep(s, sqe, nil, func(*Prep) {}); got != unchanged {
				t.Errorf("%s: %s: it does something about % x: %+v", op, s.Doc, sqe, got)
			}
		}
	})
}

// shown is a field of the payload of an SQE.
func shown(k kernel.Release, f *ContextField, sqe uapi.SQE) []byte {
	o, op := &Ops{}, sqe.Opcode()
	o.rows[op].show(k, []ContextField{*f})
	var ctx [uapi.SizeofBPFCtx]byte
	o.Populate(&Request{SQE: sqe, Opcode: op}, &ctx)
	return ctx[f.Off:][:f.Size]
}

// TestPayloadFields: fields lie within the payload, fill it but for padding, and vary with the quirks that they name.
func TestPayloadFields(t *testing.T) {
	for op := range uapi.Op(uapi.IORING_OP_LAST) {
		fields := PayloadFields(op)
		if (fields == nil) != (PayloadWhere(op) == "") {
			t.Errorf("%s: %d fields of %q", op, len(fields), PayloadWhere(op))
		}
		end := uapi.BPFCtxPDU
		for _, f := range fields {
			if f.Off > end+2 || f.Size == 0 || f.Doc == "" {
				t.Errorf("%s: field %+v behind offset %d", op, f, end)
			}
			end = f.Off + f.Size
			for q, k := range switched {
				differs := slices.ContainsFunc(variantsOf(op), func(sqe uapi.SQE) bool {
					return !slices.Equal(shown(k[0], &f, sqe), shown(k[1], &f, sqe))
				})
				if differs != slices.Contains(f.Varies, kernel.Quirk(q)) {
					t.Errorf("%s: %s varies with %s: %v", op, f.Name, kernel.Quirk(q), differs)
				}
			}
		}
		if end != uapi.BPFCtxPDU+int(PDUSize(kernel.V7_3, op)) {
			t.Errorf("%s: fields end at %d, the payload at %d", op, end, PDUSize(kernel.V7_3, op))
		}
	}
}
