package lint

import (
	"maps"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// maxWitnesses is the most runs in which bits are changed to look for a difference.
const maxWitnesses = 64

// sensitive looks for a bit in mask whose change in the word at off changes the outcome of a run. It only looks at runs
// for which from holds; nil means all.
func (f *filter) sensitive(off int, mask uint32, from func(*run) bool) (witness *run, bit uint32) {
	for i := range min(len(f.runs), maxWitnesses) {
		r := &f.runs[i]
		if from != nil && !from(r) {
			continue
		}
		for rest := mask; rest != 0; rest &= rest - 1 {
			bit := rest & -rest
			ctx, ok := f.view.with(r.ctx, off, r.ctx.Word(uint32(off))^bit)
			if ok && f.allows(&ctx) != r.allows {
				return r, bit
			}
		}
	}
	return nil, 0
}

// loadOf returns the first instruction that loads the word, or -1.
func (f *filter) loadOf(off int) int {
	return slices.IndexFunc(f.Insns, func(in uapi.SockFilter) bool {
		return in.Class() == uapi.BPF_LD && in.Mode() == uapi.BPF_ABS && int(in.K) == off
	})
}

// tests returns the tests that compare the word with a constant, each once.
func (f *filter) tests(off int) []test {
	seen := map[int]bool{}
	var all []test
	for i := range f.runs {
		for _, t := range f.runs[i].tests {
			if !seen[t.pc] && t.left.from == oneWord && t.left.off == off && t.right.from == constant {
				seen[t.pc] = true
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, func(a, b test) int { return a.pc - b.pc })
	return all
}

// wide are the fields of 64 bits. The bits in unnamed, of the low half, have no meaning: a filter minds them only if it
// looks at the whole half.
var wide = []struct {
	name     string
	op       uapi.Op
	all      bool // whether all opcodes have the field
	off      int
	unnamed  uint32
	severity Severity
	why      string
}{
	{"user_data", 0, true, uapi.BPFCtxUserData, ^uint32(0), Warning, "a program may set all 64 bits of it"},
	{"open.flags", uapi.IORING_OP_OPENAT2, false, openFlags, unnamed(uapi.OpenFlags), Warning,
		"7.3 has a flag in the high half"},
	{"open.mode", uapi.IORING_OP_OPENAT2, false, openMode, ^uint32(0o7777), Note,
		"OPENAT2 refuses high bits later, on these kernels"},
	{"open.resolve", uapi.IORING_OP_OPENAT2, false, openResolve, unnamed(uapi.ResolveFlags), Note,
		"OPENAT2 refuses high bits later, on these kernels"},
}

// unnamed returns the low 32 bits that are not flags of the family.
func unnamed(f *uapi.Family) uint32 {
	bits := ^uint32(0)
	for _, r := range f.Rows {
		bits &^= uint32(r.Value)
	}
	return bits
}

// halfOf64Bit finds filters that compare one half of a field as a whole, and ignore the other.
func halfOf64Bit(s *subject) {
	for _, f := range s.filters {
		for _, w := range wide {
			if f.prog == nil || !w.all && f.Op != w.op {
				continue
			}
			low, _ := f.sensitive(w.off, w.unnamed, nil)
			high, _ := f.sensitive(w.off+4, ^uint32(0), nil)
			if low != nil && high == nil {
				s.aboutInsn(f, f.loadOf(w.off), "the low half of %s decides and its high half does not: %s; compare the word at "+
					"%d with 0, too", w.name, w.why, w.off+4).Severity = w.severity
			}
			if w.all && high != nil && low == nil {
				s.aboutInsn(f, f.loadOf(w.off+4), "the high half of %s decides and its low half does not: %s; compare the word "+
					"at %d, too", w.name, w.why, w.off)
			}
		}
	}
}

// openFlagsEquality finds filters that compare all open flags with a number.
func openFlagsEquality(s *subject) {
	for _, f := range s.filters {
		if f.Op != uapi.IORING_OP_OPENAT && f.Op != uapi.IORING_OP_OPENAT2 {
			continue
		}
		for _, t := range f.tests(openFlags) {
			mask, ok := t.left.masked()
			switch {
			case !ok || t.op != uapi.BPF_JEQ:
			case f.view.flagsExist(mask, t.right.now):
				f.exactFlags(s, &t, mask)
			case f.view.flagsExist(mask, t.right.now|uapi.O_LARGEFILE):
				s.aboutInsn(f, t.pc, "the flags are never equal to %#x under the mask %#x: prep sets O_LARGEFILE (0x8000) unless "+
					"O_PATH is set; mask the flags that matter first", t.right.now, mask)
			default:
				s.aboutInsn(f, t.pc, "the flags are never equal to %#x under the mask %#x", t.right.now, mask)
			}
		}
	}
}

// flagsExist tells whether a request can show these flags under the mask.
func (v *view) flagsExist(mask, flags uint32) bool {
	for _, more := range []uint32{0, uapi.O_LARGEFILE, uapi.O_PATH} {
		if _, ok := v.with(v.least(), openFlags, flags|more&^mask); ok && flags&^mask == 0 {
			return true
		}
	}
	return false
}

// exactFlags reports a comparison whose outcome depends on O_CLOEXEC, which makes no difference to what is opened.
func (f *filter) exactFlags(s *subject, t *test, mask uint32) {
	taken := func(r *run) bool {
		return slices.ContainsFunc(r.tests, func(u test) bool { return u.pc == t.pc && u.taken })
	}
	switch r, _ := f.sensitive(openFlags, uapi.O_CLOEXEC&mask, taken); {
	case r == nil:
	case r.allows:
		s.aboutInsn(f, t.pc, "it allows these flags and nothing else: the same open with O_CLOEXEC is denied").Severity = Note
	default:
		s.aboutInsn(f, t.pc, "it denies these flags exactly: the same open with O_CLOEXEC is allowed; mask the flags that "+
			"matter")
	}
}

// socketTypeUnmasked finds filters whose answer depends on SOCK_CLOEXEC or SOCK_NONBLOCK, on releases that show these.
func socketTypeUnmasked(s *subject) {
	for _, f := range s.filters {
		if f.prog == nil || f.Op != uapi.IORING_OP_SOCKET || !s.on.Has(kernel.SocketTypeUnmasked) {
			continue
		}
		if r, bit := f.sensitive(socketType, uapi.SOCK_CLOEXEC|uapi.SOCK_NONBLOCK, nil); r != nil {
			verb := map[bool]string{true: "allows", false: "denies"}
			s.aboutInsn(f, f.loadOf(socketType), "it %s socket.type %#x and %s it with %s: and #0xf first",
				verb[r.allows], r.ctx.Word(socketType)&^bit, verb[!r.allows],
				uapi.SocketTypes.Prefix+uapi.SocketTypes.FormatFlags(uint64(bit)))
		}
	}
}

// headUnmasked finds comparisons that include more than one of the three fields of the word at 8.
func headUnmasked(s *subject) {
	for _, f := range s.filters {
		for _, t := range f.tests(uapi.BPFCtxOpcode) {
			mask, ok := t.left.masked()
			if !ok || t.op == uapi.BPF_JSET {
				continue
			}
			fields := 0
			for _, field := range []uint32{0xff, 0x7f00, 0xff0000} { // opcode, sqe_flags, pdu_size
				if mask&field != 0 {
					fields++
				}
			}
			if fields > 1 {
				s.aboutInsn(f, t.pc, "the word at 8 holds opcode, sqe_flags and pdu_size (%d here), and %d of them are compared "+
					"at once: and #0xff leaves the opcode, and #0x7f00 the flags", opdef.PDUSize(s.on, f.Op), fields)
			}
		}
	}
}

// shiftByX finds shifts by 32 or more.
func shiftByX(s *subject) {
	for _, f := range s.filters {
		long := f.longShifts()
		for _, pc := range slices.Sorted(maps.Keys(long)) {
			at := long[pc]
			s.aboutInsn(f, pc, "%s shifts by %d: the kernel takes that modulo 32, as %d, where other interpreters give 0",
				f.view.request(&at.ctx), at.step.X, at.step.X%32)
		}
	}
}

// longShift is a shift by 32 or more, and a request for which it happens.
type longShift struct {
	ctx  cbpfvm.Context
	step cbpfvm.Step
}

// longShifts returns such shifts by instruction, for the requests of the runs and for variants of these in which all
// bits of one word are set.
func (f *filter) longShifts() map[int]longShift {
	long := map[int]longShift{}
	if !slices.ContainsFunc(f.Insns, shiftsByX) {
		return long
	}
	for i := range min(len(f.runs), maxWitnesses) {
		for off := 0; off < uapi.SizeofBPFCtx; off += 4 {
			ctx, _ := f.view.with(f.runs[i].ctx, off, ^uint32(0))
			for _, step := range f.prog.Explain(&ctx).Steps {
				if _, known := long[step.PC]; !known && shiftsByX(step.Insn) && step.X >= 32 {
					long[step.PC] = longShift{ctx, step}
				}
			}
		}
	}
	return long
}

func shiftsByX(in uapi.SockFilter) bool {
	return in.Code == uapi.BPF_ALU|uapi.BPF_LSH|uapi.BPF_X || in.Code == uapi.BPF_ALU|uapi.BPF_RSH|uapi.BPF_X
}

// asyncByPrep finds filters that deny IOSQE_ASYNC for opcodes for which prep sets it.
func asyncByPrep(s *subject) {
	for _, f := range s.filters {
		if f.prog == nil {
			continue
		}
		doc := opdef.AsyncDoc(f.Op)
		if doc == "" {
			continue
		}
		if slices.ContainsFunc(f.runs, func(r run) bool { return f.deniesAsync(r.ctx) }) {
			s.aboutInsn(f, f.loadOf(uapi.BPFCtxOpcode), "it denies IOSQE_ASYNC, which programs need not set for %s to show it: "+
				"in prep, %s", f.Op, doc)
		}
	}
}

// deniesAsync tells whether the request is denied with IOSQE_ASYNC and allowed without.
func (f *filter) deniesAsync(ctx cbpfvm.Context) bool {
	ctx[uapi.BPFCtxSQEFlags] |= uapi.IOSQE_ASYNC
	with := f.allows(&ctx)
	ctx[uapi.BPFCtxSQEFlags] &^= uapi.IOSQE_ASYNC
	return !with && f.allows(&ctx)
}
