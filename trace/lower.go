package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// block is the memory in which the objects of one event are placed.
type block struct {
	base uint64
	size int
	objs []placed
}

// placed is an object, and its offset in the block.
type placed struct {
	off  int
	data []byte
}

func (b *block) place(size int) (uint64, []byte) {
	off := (b.size + 7) &^ 7
	data := make([]byte, size)
	b.objs = append(b.objs, placed{off, data})
	b.size = off + size
	return b.base + uint64(off), data
}

func (b *block) limit() int { return ScratchSize/2 - b.size }

// bytes returns the content of the whole block.
func (b *block) bytes() []byte {
	out := make([]byte, b.size)
	for _, o := range b.objs {
		copy(out[o.off:], o.data)
	}
	return out
}

// ringView is what a program knows of its ring: enough to fill the SQ.
type ringView struct {
	name    string
	entries uint32 // of the SQ
	flags   uint32 // IORING_SETUP_*
	tail    uint32
	head    uint32 // the SQ head as it was last seen
}

func (r *ringView) has(flag uint32) bool { return r.flags&flag != 0 }

// translator turns events into calls. It keeps what a program would keep: its rings, and how far their SQs are filled.
type translator struct {
	used  uint64 // bytes of the scratch memory in use, which is filled from the start again when half of it is used
	setup int    // setups so far, for the names of rings
	rings map[string]*ringView
	byFD  map[int32]string
	last  entries
	block block      // objects of the current event
	want  *Recorded  // what a real kernel gave for the current event; nil if that is not known
	known []uapi.CQE // its CQEs; nil if want is
}

// entries is the memory for the SQ entries of an enter, which is reused for the next.
type entries struct {
	sqes  []uapi.SQE
	data  []SlotSQE
	array []SlotIndex
	known []uapi.CQE // reused for translator.known
}

func newTranslator() *translator {
	return &translator{rings: map[string]*ringView{}, byFD: map[int32]string{}}
}

// newBlock starts the block of the next event.
func (t *translator) newBlock() *block {
	if t.used > ScratchSize/2 {
		t.used = 0
	}
	t.block = block{base: ScratchBase + t.used}
	return &t.block
}

// know tells the translator what a real kernel gave for the next event; nil if that is not known.
func (t *translator) know(want *Recorded) {
	if t.want, t.known = want, nil; want == nil {
		return
	}
	room := slices.Grow(t.last.known[:0], len(want.CQEs)+1)[:len(want.CQEs)] // an empty list is not nil
	for i := range want.CQEs {
		room[i] = want.CQEs[i].cqe()
	}
	t.known, t.last.known = room, room
}

// call translates an event to a call. The caller first writes the block to the task's memory.
func (t *translator) call(args Args) (Call, *block, error) {
	b := t.newBlock()
	c, err := t.translate(args, b)
	if err == nil && b.size > ScratchSize/2 {
		err = fmt.Errorf("found objects of %d bytes in one event, expected at most %d", b.size, ScratchSize/2)
	}
	t.used += uint64(b.size+63) &^ 63
	return c, b, err
}

// translate has a case for each call.
func (t *translator) translate(args Args, b *block) (Call, error) {
	switch a := args.(type) {
	case *MapArgs:
		prot := a.Prot
		if prot == "" {
			prot = ProtReadWrite
		}
		return Map{uint64(a.Addr), uint64(a.Size), prot, a.Shared}, checkRange(uint64(a.Addr), uint64(a.Size), prot)
	case *ProtectArgs:
		return Protect{uint64(a.Addr), uint64(a.Size), a.Prot}, checkRange(uint64(a.Addr), uint64(a.Size), a.Prot)
	case *UnmapArgs:
		return Unmap{uint64(a.Addr), uint64(a.Size)}, checkRange(uint64(a.Addr), uint64(a.Size), ProtNone)
	case *WriteArgs:
		return Write{uint64(a.Addr), a.Data}, checkWrite(uint64(a.Addr), len(a.Data))
	case *SetupArgs:
		return t.setupCall(a, b)
	case *RegisterArgs:
		return t.registerCall(a, b)
	case *EnterArgs:
		return t.enterCall(a, b)
	case *ReapArgs:
		return Reap{Ring: a.Ring, Wait: uint32(a.Wait), Known: t.known}, nil
	case *ForkArgs:
		return Spawn{a.Child, Fork}, nil
	case *VForkArgs:
		return Spawn{a.Child, VFork}, nil
	case *ThreadArgs:
		return Spawn{a.Child, Thread}, nil
	case *ExecArgs:
		return Exec{}, nil
	case *ExitArgs:
		return Exit{}, nil
	case *CloseArgs:
		return Close{int32(a.FD)}, checkFD(a.FD)
	case *DupArgs:
		return Dup{int32(a.FD)}, checkFD(a.FD)
	case *CloexecArgs:
		return Cloexec{int32(a.FD), a.On}, checkFD(a.FD)
	case *OpenArgs:
		addr, err := putBytes(b, append([]byte(a.Path), 0))
		return Open{addr, uint32(a.Flags), uint32(a.Mode)}, err
	case *SocketArgs:
		return Socket{int32(a.Domain), int32(a.Type), int32(a.Protocol)}, nil
	case *SocketpairArgs:
		addr, err := putBytes(b, make([]byte, 8))
		return Socketpair{int32(a.Domain), int32(a.Type), int32(a.Protocol), addr}, err
	case *PipeArgs:
		addr, err := putBytes(b, make([]byte, 8))
		return Pipe{addr, uint32(a.Flags)}, err
	case *EventfdArgs:
		return Eventfd{uint32(a.Count), uint32(a.Flags)}, nil
	case *RlimitNofileArgs:
		if a.Cur < MinNofile {
			return nil, fmt.Errorf("cur is %d, expected at least %d: a replay itself needs that many descriptors", int64(a.Cur), MinNofile)
		}
		addr, err := putBytes(b, binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(a.Cur)), uint64(a.Max)))
		return RlimitNofile{addr}, err
	case *NoNewPrivsArgs:
		return NoNewPrivs{}, nil
	case *DropPrivilegesArgs:
		return DropPrivileges{}, nil
	case *NewUserNSArgs:
		return NewUserNS{}, nil
	}
	return seenCall(args)
}

// checkRange makes sure that memory which a trace maps is within the part of the address space that is meant for that.
func checkRange(addr, size uint64, prot Prot) error {
	switch {
	case prot != ProtNone && prot != ProtRead && prot != ProtReadWrite:
		return fmt.Errorf("prot is %q, expected %q, %q or %q", abbreviate(string(prot)), ProtNone, ProtRead, ProtReadWrite)
	case addr%PageSize != 0 || size == 0 || size%PageSize != 0:
		return fmt.Errorf("found %#x bytes at %#x, expected whole pages of %d bytes", size, addr, PageSize)
	case addr < UserBase || size > UserEnd-UserBase || addr+size > UserEnd:
		return fmt.Errorf("%#x bytes at %#x are not within %#x to %#x, which is for traces", size, addr, uint64(UserBase), uint64(UserEnd))
	}
	return nil
}

func checkWrite(addr uint64, size int) error {
	if addr < UserBase || uint64(size) > UserEnd-addr {
		return fmt.Errorf("%d bytes at %#x are not within %#x to %#x, which is for traces", size, addr, uint64(UserBase), uint64(UserEnd))
	}
	return nil
}

func checkFD(fd Number) error {
	if v := int64(fd); v >= MaxFD && v < 1100 {
		return fmt.Errorf("fd is %d, expected less than %d: the descriptors above are not for traces", v, MaxFD)
	}
	return nil
}

// setupCall places the parameters of a setup.
func (t *translator) setupCall(a *SetupArgs, b *block) (Call, error) {
	t.setup++
	c := Setup{Ring: a.Ring, Entries: uint32(a.Entries)}
	if c.Ring == "" {
		c.Ring = fmt.Sprintf("ring%d", t.setup)
	}
	if t.rings[c.Ring] != nil {
		return nil, fmt.Errorf("ring: found %q, which exists already", abbreviate(c.Ring))
	}
	if a.Params != nil {
		addr, err := a.Params.put(b)
		c.Params = addr
		return c, err
	}
	p := uapi.Params{Flags: uint32(a.Flags), CQEntries: uint32(a.CQEntries), SQThreadCPU: uint32(a.CPU),
		SQThreadIdle: uint32(a.Idle), WQFD: uint32(a.WQFD)}
	p.SQOff.UserAddr, p.CQOff.UserAddr = uint64(a.SQAddr), uint64(a.CQAddr)
	raw := p.Append(nil)
	copy(raw[28:40], a.Resv)
	addr, err := putBytes(b, raw)
	c.Params = addr
	return c, err
}

// didSetup remembers a ring that was set up. Params are the bytes that the kernel wrote back.
func (t *translator) didSetup(c Setup, fd int64, params []byte) {
	p := uapi.DecodeParams(params)
	v := &ringView{name: c.Ring, entries: p.SQEntries, flags: p.Flags}
	t.rings[c.Ring] = v
	if !v.has(uapi.IORING_SETUP_REGISTERED_FD_ONLY) {
		t.byFD[int32(fd)] = c.Ring
	}
}

// didResize remembers the new size of a ring. Params are the bytes that the kernel wrote back.
func (t *translator) didResize(ring string, params []byte) {
	if v := t.rings[ring]; v != nil {
		v.entries = uapi.DecodeParams(params).SQEntries
	}
}

func (t *translator) registerCall(a *RegisterArgs, b *block) (Call, error) {
	op, err := a.Op.narrow("op")
	if err != nil {
		return nil, err
	}
	if a.Registered {
		op |= uapi.IORING_REGISTER_USE_REGISTERED_RING
	}
	addr, err := a.Arg.put(b)
	if err != nil {
		return nil, fmt.Errorf("arg: %w", err)
	}
	nr, err := a.Nr.narrow("nr")
	return Register{FD: int32(a.FD), Op: op, Arg: addr, Nr: nr, Known: t.answer(addr, b)}, err
}

// answer is what a real kernel gave to the register call with an argument in the block; nil if that is not known.
func (t *translator) answer(arg uint64, b *block) *Answer {
	if t.want == nil {
		return nil
	}
	a := &Answer{Ret: int64(t.want.Ret)}
	if mem := patched(b.bytes(), t.want.Wrote); arg-b.base < uint64(len(mem)) {
		a.Mem = mem[arg-b.base:]
	}
	return a
}

// enterCall places what the SQEs point to, and the SQEs themselves in the ring.
func (t *translator) enterCall(a *EnterArgs, b *block) (Call, error) {
	c := Enter{FD: int32(a.FD), MinComplete: uint32(a.MinComplete), Flags: uint32(a.Flags), ArgSize: uint64(a.ArgSize),
		CQLeft: uint32(a.CQLeft), KeepCQEs: a.KeepCQEs, Known: t.known}
	var err error
	if c.Arg, err = a.Arg.put(b); err != nil {
		return nil, fmt.Errorf("arg: %w", err)
	}
	ring, err := t.ringOf(a)
	if err != nil {
		return nil, err
	}
	n := uint32(len(a.SQEs))
	if ring != nil {
		c.Ring = ring.name
		if a.DropRest {
			if ring.has(uapi.IORING_SETUP_SQPOLL) {
				return nil, errors.New("drop_rest: the submission thread of the ring may take the entries at any time")
			}
			ring.tail = ring.head
		}
		if n, err = ring.fill(&c, a, b, &t.last); err != nil {
			return nil, err
		}
		ring.tail += n
		c.Tail = ring.tail
	}
	c.ToSubmit = n
	if a.ToSubmit != nil {
		c.ToSubmit = uint32(*a.ToSubmit)
	}
	return c, nil
}

// ringOf returns the ring whose memory an enter uses: the one that it names, or the one that was last set up with its
// fd. It is nil if there is none, for instance because its setup failed on this kernel.
func (t *translator) ringOf(a *EnterArgs) (*ringView, error) {
	name := a.Ring
	if name == "" {
		if uint32(a.Flags)&uapi.IORING_ENTER_REGISTERED_RING != 0 && len(a.SQEs) > 0 {
			return nil, errors.New("found no \"ring\", expected one: with IORING_ENTER_REGISTERED_RING it says whose memory is used")
		}
		name = t.byFD[int32(a.FD)]
	}
	return t.rings[name], nil
}

// fill puts SQEs and values for the SQ array into the call, and returns the number of entries that it adds to the SQ.
func (r *ringView) fill(c *Enter, a *EnterArgs, b *block, l *entries) (uint32, error) {
	var at, n uint32 = r.tail, 0
	if r.has(uapi.IORING_SETUP_SQ_REWIND) {
		at = 0
	}
	mask := r.entries - 1
	room := slices.Grow(l.sqes[:0], len(a.SQEs))[:len(a.SQEs)]
	clear(room)
	defer func() { l.sqes, l.data, l.array = room, c.SQEs, c.Array }()
	c.SQEs, c.Array = l.data[:0], l.array[:0]
	for i := range a.SQEs {
		data, err := a.SQEs[i].encode(b, &room[i])
		if err != nil {
			return 0, fmt.Errorf("sqes[%d]: %w", i, err)
		}
		width := uint32(1)
		if len(data) > uapi.SizeofSQE && !r.has(uapi.IORING_SETUP_SQE128) {
			width = 2
		}
		slot := (at + n) & mask
		if a.SQEs[i].Slot != nil {
			slot = uint32(*a.SQEs[i].Slot)
		}
		if slot >= r.entries || n+width > r.entries {
			return 0, fmt.Errorf("sqes[%d]: the ring has only %d entries", i, r.entries)
		}
		if width == 2 && slot == mask { // the last slot has room for the first half only
			data = data[:uapi.SizeofSQE]
		}
		c.SQEs = append(c.SQEs, SlotSQE{slot, data})
		for w := range width {
			c.Array = append(c.Array, SlotIndex{(at + n + w) & mask, slot + w})
		}
		n += width
	}
	if a.Array != nil {
		c.Array, n = c.Array[:0], uint32(len(*a.Array))
		if n > r.entries {
			return 0, fmt.Errorf("array: found %d values, expected at most the %d entries of the ring", n, r.entries)
		}
		for i, v := range *a.Array {
			c.Array = append(c.Array, SlotIndex{(at + uint32(i)) & mask, uint32(v)})
		}
	}
	if r.has(uapi.IORING_SETUP_NO_SQARRAY) {
		c.Array = nil
	}
	return n, nil
}

// saw remembers how far the kernel came in the SQ.
func (t *translator) saw(ring string, s *RingState) {
	if v := t.rings[ring]; v != nil && s != nil {
		v.head = s.SQHead
	}
}

// ringOf returns the name of the ring that the call looks at, or "".
func ringOf(c Call) string {
	switch c := c.(type) {
	case Enter:
		return c.Ring
	case Reap:
		return c.Ring
	}
	return ""
}

// threaded tells whether the call looks at a ring with a submission thread, which may move the SQ head at any time.
func (t *translator) threaded(c Call) bool {
	r := t.rings[ringOf(c)]
	return r != nil && r.has(uapi.IORING_SETUP_SQPOLL)
}
