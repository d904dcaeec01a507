package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// block is the memory that the objects of one event are put into.
type block struct {
	base uint64
	size int
	objs []placed
}

// placed is an object at an offset of the block.
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

// bytes is the content of the whole block.
func (b *block) bytes() []byte {
	out := make([]byte, b.size)
	for _, o := range b.objs {
		copy(out[o.off:], o.data)
	}
	return out
}

// ringView is what the program knows of a ring: enough to fill its SQ.
type ringView struct {
	name    string
	entries uint32 // of the SQ
	flags   uint32 // IORING_SETUP_*
	tail    uint32
	head    uint32 // the SQ head as last seen
}

func (r *ringView) has(flag uint32) bool { return r.flags&flag != 0 }

// translator turns events into calls. It keeps what a program would: which rings there are and how far they are filled.
type translator struct {
	used  uint64 // bytes of the scratch memory, which is used round and round
	setup int    // how many setups there were, for the names of rings
	rings map[string]*ringView
	byFD  map[int32]string
	last  entries
	block block      // of the event
	want  *Recorded  // what a real kernel gave in the event; nil if that is not known
	known []uapi.CQE // its CQEs; nil if want is
}

// entries are those of the last enter, whose memory the next one uses.
type entries struct {
	sqes  []uapi.SQE
	data  []SlotSQE
	array []SlotIndex
	known []uapi.CQE // room for them
}

func newTranslator() *translator {
	return &translator{rings: map[string]*ringView{}, byFD: map[int32]string{}}
}

// newBlock begins the objects of an event.
func (t *translator) newBlock() *block {
	if t.used > ScratchSize/2 {
		t.used = 0
	}
	t.block = block{base: ScratchBase + t.used}
	return &t.block
}

// know tells what a real kernel gave in the event that comes next; want is nil if that is not known.
func (t *translator) know(want *Recorded) {
	if t.want, t.known = want, nil; want == nil {
		return
	}
	room := slices.Grow(t.last.known[:0], len(want.CQEs)+1)[:len(want.CQEs)] // not nil, also if it is empty
	for i := range want.CQEs {
		room[i] = want.CQEs[i].cqe()
	}
	t.known, t.last.known = room, room
}

// call translates an event. The block holds what has to be written before.
func (t *translator) call(args Args) (Call, *block, error) {
	b := t.newBlock()
	c, err := t.translate(args, b)
	if err == nil && b.size > ScratchSize/2 {
		err = fmt.Errorf("the objects of one event have %d bytes; at most %d", b.size, ScratchSize/2)
	}
	t.used += uint64(b.size+63) &^ 63
	return c, b, err
}

// translate is the one long switch: a case per call.
func (t *translator) translate(args Args, b *block) (Call, error) {
	switch a := args.(type) {
	case *MapArgs:
		prot := a.Prot
		if prot == "" {
			prot = ProtReadWrite
		}
		return Map{uint64(a.Addr), uint64(a.Size), prot}, checkRange(uint64(a.Addr), uint64(a.Size), prot)
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
			return nil, fmt.Errorf("cur is %d, expected at least %d: traces use so many descriptors", int64(a.Cur), MinNofile)
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

// checkRange keeps a trace's own memory away from everything else.
func checkRange(addr, size uint64, prot Prot) error {
	switch {
	case prot != ProtNone && prot != ProtRead && prot != ProtReadWrite:
		return fmt.Errorf("prot is %q, expected %q, %q or %q", abbreviate(string(prot)), ProtNone, ProtRead, ProtReadWrite)
	case addr%PageSize != 0 || size == 0 || size%PageSize != 0:
		return fmt.Errorf("%#x bytes at %#x are not whole pages of %d bytes", size, addr, PageSize)
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

func checkFD(fd Num32) error {
	if v := int64(fd); v >= MaxFD && v < 1100 {
		return fmt.Errorf("fd is %d; descriptors from %d on are not for traces", v, MaxFD)
	}
	return nil
}

// setupCall places the parameters.
func (t *translator) setupCall(a *SetupArgs, b *block) (Call, error) {
	t.setup++
	c := Setup{Ring: a.Ring, Entries: uint32(a.Entries)}
	if c.Ring == "" {
		c.Ring = fmt.Sprintf("ring%d", t.setup)
	}
	if t.rings[c.Ring] != nil {
		return nil, fmt.Errorf("there is a ring %q already", abbreviate(c.Ring))
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

// didSetup remembers a ring that was set up; params are the bytes that the kernel wrote back.
func (t *translator) didSetup(c Setup, fd int64, params []byte) {
	p := uapi.DecodeParams(params)
	v := &ringView{name: c.Ring, entries: p.SQEntries, flags: p.Flags}
	t.rings[c.Ring] = v
	if !v.has(uapi.IORING_SETUP_REGISTERED_FD_ONLY) {
		t.byFD[int32(fd)] = c.Ring
	}
}

// didResize remembers a ring's new size; params are the bytes that the kernel wrote back.
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

// enterCall places the SQEs' objects and decides on slots.
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
				return nil, errors.New("drop_rest: the ring has a submission thread, which may take the entries at any time")
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

// ringOf is the ring whose memory an enter uses: the named one, or the one that was last set up with the fd. Nil means
// none, as when its setup failed on this kernel.
func (t *translator) ringOf(a *EnterArgs) (*ringView, error) {
	name := a.Ring
	if name == "" {
		if uint32(a.Flags)&uapi.IORING_ENTER_REGISTERED_RING != 0 && len(a.SQEs) > 0 {
			return nil, errors.New("with IORING_ENTER_REGISTERED_RING, \"ring\" has to say whose memory is used")
		}
		name = t.byFD[int32(a.FD)]
	}
	return t.rings[name], nil
}

// fill puts the SQEs and the array into the ring and returns how many entries that makes.
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
		if width == 2 && slot == mask { // it would stick out: only the first half is there
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
			return 0, fmt.Errorf("array has %d values, the ring only %d entries", n, r.entries)
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

// saw remembers how far the kernel came.
func (t *translator) saw(ring string, s *RingState) {
	if v := t.rings[ring]; v != nil && s != nil {
		v.head = s.SQHead
	}
}

// ringOf is the name of the ring that the call looks at, "" if it looks at none.
func ringOf(c Call) string {
	switch c := c.(type) {
	case Enter:
		return c.Ring
	case Reap:
		return c.Ring
	}
	return ""
}

// threaded tells whether the call looks at a ring with a submission thread, which moves the SQ head when it likes.
func (t *translator) threaded(c Call) bool {
	r := t.rings[ringOf(c)]
	return r != nil && r.has(uapi.IORING_SETUP_SQPOLL)
}
