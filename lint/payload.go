package lint

import (
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// payloadNotFilled finds loads of words that are 0 in every request.
func payloadNotFilled(s *subject) {
	for _, f := range s.filters {
		if f.prog == nil {
			continue
		}
		size := int(opdef.PDUSize(s.on, f.Op))
		for pc, in := range f.Insns {
			off, ok := loaded(in)
			switch {
			case !ok || off < 12 || uapi.BPFCtxPDU <= off && off < uapi.BPFCtxPDU+size:
			case off == 12:
				s.aboutInsn(f, pc, "the word at 12 is always 0")
			case size == 0 && opdef.PayloadFields(f.Op) != nil:
				s.aboutInsn(f, pc, "%s shows no payload here, and the load gives 0 whatever the request; register with "+
					"pdu_size %d to be told (EMSGSIZE)", f.Op, largestPayload(f.Op))
			case size == 0:
				s.aboutInsn(f, pc, "%s has no payload, and the load gives 0 whatever the request", f.Op)
			default:
				s.aboutInsn(f, pc, "the payload of %s has %d bytes, and the load gives 0 whatever the request", f.Op, size)
			}
		}
	}
}

// loaded returns the offset of the word that the instruction loads from the context, if it does.
func loaded(in uapi.SockFilter) (off int, ok bool) {
	return int(in.K), in.Class() == uapi.BPF_LD && in.Mode() == uapi.BPF_ABS
}

// largestPayload returns the size of the opcode's payload in bytes on the releases that have the most of it.
func largestPayload(op uapi.Op) (size uint8) {
	for _, k := range kernel.Releases {
		size = max(size, opdef.PDUSize(k, op))
	}
	return size
}

// smallestPayload returns the size on the releases with filters that have the least of it.
func smallestPayload(op uapi.Op) uint8 {
	size := largestPayload(op)
	for _, k := range kernel.Measured() {
		if !k.Has(kernel.NoBPFFilter) {
			size = min(size, opdef.PDUSize(k, op))
		}
	}
	return size
}

// pduSizeTooSmall finds programs that load more payload than pdu_size states.
func pduSizeTooSmall(s *subject) {
	for _, f := range s.filters {
		if f.prog == nil {
			continue
		}
		needs := 0 // bytes of payload
		for _, in := range f.Insns {
			if off, ok := loaded(in); ok && off >= uapi.BPFCtxPDU {
				needs = max(needs, off+4-uapi.BPFCtxPDU)
			}
		}
		if size := int(opdef.PDUSize(s.on, f.Op)); needs <= int(f.PDUSize) || needs > size {
			continue
		}
		found := s.aboutFilter(f, "the program loads %d bytes of payload and pdu_size says %d: a kernel that shows fewer "+
			"takes it and shows 0; pdu_size %d makes it refuse (EMSGSIZE)", needs, f.PDUSize, largestPayload(f.Op))
		if needs <= int(smallestPayload(f.Op)) {
			found.Severity = Note // all releases show enough
		}
	}
}
