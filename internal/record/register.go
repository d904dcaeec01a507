package record

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// layout reads the argument of a register call. Nr is that of the call. It returns nil if the memory is not mapped.
type layout func(m program, arg uint64, nr uint32) *trace.Object

// The most entries of a table to read. Calls with more fail before they read all of them.
const maxEntries = 1 << 15

// layouts are the arguments of register opcodes. Opcodes whose argument is not a pointer have no row.
var layouts = map[uapi.RegisterOp]layout{
	uapi.IORING_REGISTER_BUFFERS:          buffers,
	uapi.IORING_REGISTER_FILES:            fds,
	uapi.IORING_REGISTER_EVENTFD:          one(fds),
	uapi.IORING_REGISTER_EVENTFD_ASYNC:    one(fds),
	uapi.IORING_REGISTER_FILES_UPDATE:     decoded(uapi.SizeofRsrcUpdate, filesUpdate),
	uapi.IORING_REGISTER_PROBE:            probe,
	uapi.IORING_REGISTER_RESTRICTIONS:     table(uapi.SizeofRestriction, maxRestrictions, restrictions),
	uapi.IORING_REGISTER_FILES2:           rsrcRegister(fds),
	uapi.IORING_REGISTER_BUFFERS2:         rsrcRegister(buffers),
	uapi.IORING_REGISTER_FILES_UPDATE2:    rsrcUpdate2(fds),
	uapi.IORING_REGISTER_BUFFERS_UPDATE:   rsrcUpdate2(buffers),
	uapi.IORING_REGISTER_IOWQ_AFF:         table(1, maxEntries, bytesOf),
	uapi.IORING_REGISTER_IOWQ_MAX_WORKERS: maxWorkers,
	uapi.IORING_REGISTER_RING_FDS:         table(uapi.SizeofRsrcUpdate, uapi.IO_RINGFD_REG_MAX, ringFDs),
	uapi.IORING_UNREGISTER_RING_FDS:       table(uapi.SizeofRsrcUpdate, uapi.IO_RINGFD_REG_MAX, ringFDs),
	uapi.IORING_REGISTER_PBUF_RING:        decoded(uapi.SizeofBufReg, bufReg),
	uapi.IORING_UNREGISTER_PBUF_RING:      decoded(uapi.SizeofBufReg, bufReg),
	uapi.IORING_REGISTER_SYNC_CANCEL:      block(uapi.SizeofSyncCancelReg),
	uapi.IORING_REGISTER_FILE_ALLOC_RANGE: block(uapi.SizeofFileIndexRange),
	uapi.IORING_REGISTER_PBUF_STATUS:      block(uapi.SizeofBufStatus),
	uapi.IORING_REGISTER_NAPI:             block(uapi.SizeofNAPI),
	uapi.IORING_UNREGISTER_NAPI:           block(uapi.SizeofNAPI),
	uapi.IORING_REGISTER_CLOCK:            block(uapi.SizeofClockRegister),
	uapi.IORING_REGISTER_CLONE_BUFFERS:    block(uapi.SizeofCloneBuffers),
	uapi.IORING_REGISTER_SEND_MSG_RING:    block(uapi.SizeofSQE),
	uapi.IORING_REGISTER_RESIZE_RINGS:     block(uapi.SizeofParams),
	uapi.IORING_REGISTER_MEM_REGION:       decoded(uapi.SizeofMemRegionReg, memRegion),
	uapi.IORING_REGISTER_BPF_FILTER:       decoded(uapi.SizeofBPF, filter),
}

// opaque are the opcodes whose argument is a pointer, but not followed: their calls are recorded with the address.
var opaque = map[uapi.RegisterOp]bool{
	uapi.IORING_REGISTER_ZCRX_IFQ:  true,
	uapi.IORING_REGISTER_ZCRX_CTRL: true,
	uapi.IORING_REGISTER_QUERY:     true,
}

// block is a struct of size bytes without pointers.
func block(size int) layout {
	return func(m program, arg uint64, _ uint32) *trace.Object { return bytesObject(readBytes(m, arg, size)) }
}

// decoded reads a struct of size bytes and makes an object of it.
func decoded(size int, object func(m program, raw []byte, nr uint32) *trace.Object) layout {
	return func(m program, arg uint64, nr uint32) *trace.Object {
		if raw := readBytes(m, arg, size); raw != nil {
			return object(m, raw, nr)
		}
		return nil
	}
}

// table reads nr structs of size bytes each, of which there may be at most most, and makes an object of them.
func table(size int, most uint32, object func(m program, raw []byte, nr uint32) *trace.Object) layout {
	return func(m program, arg uint64, nr uint32) *trace.Object {
		if nr == 0 || nr > most {
			return nil
		}
		return decoded(size*int(nr), object)(m, arg, nr)
	}
}

// one is a layout with one entry, whatever nr is.
func one(l layout) layout {
	return func(m program, arg uint64, _ uint32) *trace.Object { return l(m, arg, 1) }
}

// words reads nr numbers of 32 bits.
func words(m program, arg uint64, nr uint32) []trace.Number {
	if nr == 0 || nr > maxEntries {
		return nil
	}
	raw := readBytes(m, arg, 4*int(nr))
	if raw == nil {
		return nil
	}
	list := make([]trace.Number, nr)
	for i := range list {
		list[i] = trace.Number(le.Uint32(raw[4*i:]))
	}
	return list
}

func fds(m program, arg uint64, nr uint32) *trace.Object {
	list := words(m, arg, nr)
	if list == nil {
		return nil
	}
	for i, fd := range list {
		list[i] = trace.Number(int64(int32(fd)))
		m.descriptor(int32(fd))
	}
	return &trace.Object{FDs: &list}
}

func maxWorkers(m program, arg uint64, _ uint32) *trace.Object {
	list := words(m, arg, 2)
	if list == nil {
		return nil
	}
	return &trace.Object{Words: &list}
}

// buffers reads iovecs and pins the memory that they point to.
func buffers(m program, arg uint64, nr uint32) *trace.Object {
	if nr == 0 || nr > maxEntries {
		return nil
	}
	o := iovecs(m, arg, int(nr))
	if o == nil {
		return nil
	}
	for i := range *o.Iovecs {
		v := &(*o.Iovecs)[i]
		v.Base.Num = m.pin(le.Uint64(readBytes(m, arg+uint64(i)*uapi.SizeofIovec, 8)), uint64(v.Len))
	}
	return o
}

func tags(m program, addr uint64, nr uint32) trace.Pointer {
	p := number(addr)
	if addr == 0 || nr == 0 || nr > maxEntries {
		return p
	}
	if raw := readBytes(m, addr, 8*int(nr)); raw != nil {
		list := make([]trace.Number, nr)
		for i := range list {
			list[i] = trace.Number(le.Uint64(raw[8*i:]))
		}
		p.Object = &trace.Object{Tags: &list}
	}
	return p
}

// entries returns a pointer to nr entries at addr, or just the address if it is 0.
func entries(m program, addr uint64, nr uint32, l layout) trace.Pointer {
	p := number(addr)
	if addr != 0 {
		p.Object = l(m, addr, nr)
	}
	return p
}

func bytesOf(_ program, raw []byte, _ uint32) *trace.Object { return bytesObject(raw) }

func filesUpdate(m program, raw []byte, nr uint32) *trace.Object {
	u := uapi.DecodeRsrcUpdate(raw)
	return &trace.Object{RsrcUpdate: &trace.RsrcUpdate{Offset: trace.Number(u.Offset), Resv: trace.Number(u.Resv),
		Data: entries(m, u.Data, nr, fds)}}
}

// rsrcRegister is struct io_uring_rsrc_register. The call's nr is its size.
func rsrcRegister(data layout) layout {
	return decoded(uapi.SizeofRsrcRegister, func(m program, raw []byte, _ uint32) *trace.Object {
		r := uapi.DecodeRsrcRegister(raw)
		out := trace.RsrcRegister{Nr: trace.Number(r.Nr), Resv2: trace.Number(r.Resv2), Data: entries(m, r.Data, r.Nr, data),
			Tags: tags(m, r.Tags, r.Nr)}
		out.Flags.Set(uint64(r.Flags))
		return &trace.Object{RsrcRegister: &out}
	})
}

func rsrcUpdate2(data layout) layout {
	return decoded(uapi.SizeofRsrcUpdate2, func(m program, raw []byte, _ uint32) *trace.Object {
		u := uapi.DecodeRsrcUpdate2(raw)
		return &trace.Object{RsrcUpdate2: &trace.RsrcUpdate2{Offset: trace.Number(u.Offset), Resv: trace.Number(u.Resv),
			Data: entries(m, u.Data, u.Nr, data), Tags: tags(m, u.Tags, u.Nr), Nr: trace.Number(u.Nr),
			Resv2: trace.Number(u.Resv2)}}
	})
}

// probe keeps the bytes up to the last that is not zero. Before the call all must be zero; after it they are the
// answer.
func probe(m program, arg uint64, nr uint32) *trace.Object {
	if nr > 256 {
		return nil
	}
	raw := readBytes(m, arg, uapi.SizeofProbe+uapi.SizeofProbeOp*int(nr))
	if raw == nil {
		return nil
	}
	for len(raw) > 0 && raw[len(raw)-1] == 0 {
		raw = raw[:len(raw)-1]
	}
	p := &trace.Probe{Ops: trace.Number(nr)}
	if len(raw) > 0 {
		p.Fill = raw
	}
	return &trace.Object{Probe: p}
}

// maxRestrictions is the most restrictions to read; no kernel takes as many.
const maxRestrictions = 256

func restrictions(_ program, raw []byte, nr uint32) *trace.Object {
	list := make([]uapi.Restriction, nr)
	for i := range list {
		list[i] = uapi.DecodeRestriction(raw[i*uapi.SizeofRestriction:])
	}
	return &trace.Object{Restrictions: new(trace.Restrictions(list))}
}

func ringFDs(m program, raw []byte, nr uint32) *trace.Object {
	list := make([]trace.RingFD, nr)
	for i := range list {
		u := uapi.DecodeRsrcUpdate(raw[i*uapi.SizeofRsrcUpdate:])
		m.descriptor(int32(u.Data))
		list[i] = trace.RingFD{Index: new(trace.Number(u.Offset)), Resv: trace.Number(u.Resv), FD: trace.Number(u.Data)}
	}
	return &trace.Object{RingFDs: &list}
}

func bufReg(m program, raw []byte, _ uint32) *trace.Object {
	r := uapi.DecodeBufReg(raw)
	out := trace.BufReg{RingAddr: trace.Number(m.moved(r.RingAddr)), RingEntries: trace.Number(r.RingEntries),
		BGID: trace.Number(r.BGID), MinLeft: trace.Number(r.MinLeft), Resv: trace.Bytes(raw[20:])}
	if r.RingEntries <= maxEntries {
		out.RingAddr = trace.Number(m.pin(r.RingAddr, uint64(r.RingEntries)*uapi.SizeofBuf))
	}
	out.Flags.Set(uint64(r.Flags))
	return &trace.Object{BufReg: &out}
}

func memRegion(m program, raw []byte, _ uint32) *trace.Object {
	r := uapi.DecodeMemRegionReg(raw)
	out := &trace.MemRegion{Region: number(r.RegionPtr), Flags: trace.Number(r.Flags), Resv: raw[16:]}
	if desc := readBytes(m, r.RegionPtr, uapi.SizeofRegionDesc); desc != nil {
		d := uapi.DecodeRegionDesc(desc)
		out.Region.Object = &trace.Object{Region: &trace.Region{UserAddr: trace.Number(m.pin(d.UserAddr, d.Size)),
			Size: trace.Number(d.Size), Flags: trace.Number(d.Flags), ID: trace.Number(d.ID),
			MmapOffset: trace.Number(d.MmapOffset), Resv: desc[32:]}}
	}
	return &trace.Object{MemRegion: out}
}

// filter is struct io_uring_bpf with its program.
func filter(m program, raw []byte, _ uint32) *trace.Object {
	b := uapi.DecodeBPF(raw)
	out := trace.BPFFilter{CmdType: new(trace.Number(b.CmdType)), CmdFlags: trace.Number(b.CmdFlags),
		Resv: trace.Number(b.Resv), FilterLen: new(trace.Number(b.FilterLen)), PDUSize: trace.Number(b.PDUSize)}
	out.Opcode.Set(uint64(b.Opcode))
	out.Flags.Set(uint64(b.Flags))
	if b.FilterLen > 0 && b.FilterLen <= 4096 {
		out.Program = readBytes(m, b.FilterPtr, int(b.FilterLen)*uapi.SizeofSockFilter)
	}
	if out.Program == nil {
		out.FilterPtr = new(number(b.FilterPtr))
	}
	return &trace.Object{BPFFilter: &out}
}
