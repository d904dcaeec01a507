package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// memRegionCall registers a region, mostly with a mistake. Scratch memory serves as the program's.
func (m *maker) memRegionCall(task string, fd int) {
	r := trace.Region{Size: trace.PageSize}
	if m.chance(50) {
		r.Flags, r.UserAddr = uapi.IORING_MEM_REGION_TYPE_USER, trace.ScratchBase
	}
	reg := trace.MemRegion{Flags: trace.Number(m.some(20, uapi.IORING_MEM_REGION_REG_WAIT_ARG))}
	switch m.IntN(12) {
	case 0:
		reg.Resv = make(trace.Bytes, 16)
		reg.Resv[m.IntN(16)] = 1
	case 1:
		reg.Flags = 1 << m.IntN(64)
	case 2:
		r.Resv = make(trace.Bytes, 32)
		r.Resv[m.IntN(32)] = 1
	case 3:
		r.Flags ^= 1 << m.IntN(32)
	case 4:
		r.ID = trace.Number(m.IntN(2))
		r.MmapOffset = trace.Number(pick(m, 0, uint64(uapi.IORING_MAP_OFF_PARAM_REGION), m.long()))
	case 5:
		r.Size = pick[trace.Number](m, 0, 1, trace.PageSize+1, 2*trace.PageSize, 1<<43, 1<<43+1, 1<<63, ^trace.Number(0))
	case 6:
		r.UserAddr = trace.Number(pick(m, m.badPointer(), m.badPointer()&^(trace.PageSize-1), ^uint64(trace.PageSize-1)))
	case 7:
		r.UserAddr = trace.ScratchBase + trace.ScratchSize - trace.PageSize
		r.Size = pick[trace.Number](m, trace.PageSize, 2*trace.PageSize)
	case 8: // an address of the kernel's memory, or none of the program's
		r.Flags ^= uapi.IORING_MEM_REGION_TYPE_USER
	}
	reg.Region = pointer(trace.Object{Region: &r})
	arg, nr := pointer(trace.Object{MemRegion: &reg}), 1
	switch m.IntN(20) {
	case 0:
		reg.Region = trace.Pointer{Num: m.badPointer()}
	case 1:
		arg = trace.Pointer{Num: m.badPointer()}
	case 2:
		nr = m.IntN(3)
	case 3:
		reg.Region = m.readOnlyRegion(task)
	}
	m.registerCall(task, fd, uapi.IORING_REGISTER_MEM_REGION, arg, nr)
}

// readOnlyRegion is a valid region to which nothing can be written back.
func (m *maker) readOnlyRegion(task string) trace.Pointer {
	const at = readOnly + 2*trace.PageSize
	d := uapi.RegionDesc{Size: trace.PageSize}
	page := trace.Bytes(d.Append(nil))
	m.add(task, &trace.MapArgs{Addr: at, Size: trace.PageSize, Data: &page})
	m.add(task, &trace.ProtectArgs{Addr: at, Size: trace.PageSize, Prot: trace.ProtRead})
	return trace.Pointer{Num: at}
}

// regWaits are arguments of waits; those that end wait for a millisecond.
var regWaits = []uapi.RegWait{
	{Nsec: 1_000_000, Flags: uapi.IORING_REG_WAIT_TS},
	{Nsec: 1_000_000, Flags: uapi.IORING_REG_WAIT_TS, Sigmask: 0x1000, SigmaskSize: 8},
	{Nsec: 1_000_000, Flags: uapi.IORING_REG_WAIT_TS, Sigmask: trace.UserBase, SigmaskSize: 4},
	{Nsec: 1_000_000, Flags: uapi.IORING_REG_WAIT_TS, Pad: [3]uint32{1, 2, 3}},
	{Flags: uapi.IORING_REG_WAIT_TS << 1},
	{Flags: ^uint32(0)},
}

// waitRegion registers regWaits with a ring, and enables it.
func (m *maker) waitRegion(fd int) {
	var raw trace.Bytes
	for i := range regWaits {
		raw = regWaits[i].Append(raw)
	}
	m.add(trace.InitTask, &trace.MapArgs{Addr: trace.UserBase, Size: trace.PageSize, Data: &raw})
	reg := trace.MemRegion{Flags: uapi.IORING_MEM_REGION_REG_WAIT_ARG, Region: pointer(trace.Object{Region: &trace.Region{
		UserAddr: trace.UserBase, Size: trace.PageSize, Flags: uapi.IORING_MEM_REGION_TYPE_USER}})}
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_MEM_REGION, pointer(trace.Object{MemRegion: &reg}), 1)
	m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_ENABLE_RINGS, trace.Pointer{}, 0)
	e := &trace.EnterArgs{FD: trace.Number(fd), ArgSize: uapi.SizeofRegWait,
		Arg:   trace.Pointer{Num: pick(m, lastWait, lastWait+8)},
		Flags: enterFlags(uapi.IORING_ENTER_GETEVENTS | uapi.IORING_ENTER_EXT_ARG | uapi.IORING_ENTER_EXT_ARG_REG)}
	m.add(trace.InitTask, e)
}

// lastWait is the last offset in a page at which a wait may have its argument.
const lastWait = uint64(trace.PageSize - uapi.SizeofRegWait)

// registeredWait waits with one of regWaits, or at the end of their page.
func (m *maker) registeredWait(e *trace.EnterArgs) {
	i := m.IntN(len(regWaits))
	e.Arg.Num, e.ArgSize = uint64(i*uapi.SizeofRegWait), uapi.SizeofRegWait
	switch {
	case m.chance(20):
		e.Arg.Num = pick(m, lastWait, lastWait+8, lastWait-4, ^uint64(uapi.SizeofRegWait-1))
	case regWaits[i].Flags == uapi.IORING_REG_WAIT_TS:
		e.MinComplete = pick(m, trace.Number(0), 1, 2, 8, 100)
	}
}
