package live

import (
	"encoding/binary"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ring is a ring that a Setup made.
type ring struct {
	params   uapi.Params
	user     bool   // it lives in memory of the task, which the trace may unmap
	inode    uint64 // tells it from other rings
	seen     uint32 // CQ tail up to which CQEs were reported
	cqe, sqe uint64 // bytes per entry
}

// place is where a ring stands in an address space. The kernel chooses it, far above what traces use: it refuses to
// map a ring at an address that user space asks for.
type place struct {
	mem  uint64 // the shared words, the CQEs and the SQ array
	sqes uint64
}

func newRing(p uapi.Params) *ring {
	r := &ring{params: p, cqe: uapi.SizeofCQE, sqe: uapi.SizeofSQE}
	r.user = p.Flags&uapi.IORING_SETUP_NO_MMAP != 0
	if p.Flags&uapi.IORING_SETUP_CQE32 != 0 {
		r.cqe = uapi.SizeofCQE32
	}
	if p.Flags&uapi.IORING_SETUP_SQE128 != 0 {
		r.sqe = 2 * uapi.SizeofSQE
	}
	return r
}

func (r *ring) cqesSize() uint64 { return uint64(r.params.CQEntries) * r.cqe }

// memSize is the size of the mapping that both rings share.
func (r *ring) memSize() uint64 {
	size := uint64(r.params.CQOff.CQEs) + r.cqesSize()
	if r.hasArray() {
		size = max(size, uint64(r.params.SQOff.Array)+4*uint64(r.params.SQEntries))
	}
	return size
}

func (r *ring) sqesSize() uint64 { return uint64(r.params.SQEntries) * r.sqe }

func (r *ring) hasArray() bool { return r.params.Flags&uapi.IORING_SETUP_NO_SQARRAY == 0 }

func (k *Kernel) setup(t *task, c trace.Setup) trace.Result {
	cmds := []sysuring.Cmd{
		call(unix.SYS_IO_URING_SETUP|sysuring.Stop, uint64(c.Entries), c.Params),
		copyOut(0, c.Params, uapi.SizeofParams),
	}
	if err := k.run(t, cmds); err != nil {
		return result(0, err)
	}
	if c.Ring == "" || cmds[0].Ret < 0 {
		return result(cmds[0].Ret, nil)
	}
	if err := whole(cmds[1], uapi.SizeofParams, "read", t.name, c.Params); err != nil {
		return result(0, err)
	}
	r := newRing(uapi.DecodeParams(k.arena.Data()))
	r.inode, _ = t.ringInode(int32(cmds[0].Ret))
	if err := k.mapRing(t, r, cmds[0].Ret); err != nil {
		return result(0, fmt.Errorf("ring %q: %w", c.Ring, err))
	}
	k.rings[c.Ring] = r
	return result(cmds[0].Ret, nil)
}

// mapRing maps the ring behind fd in the task's memory.
func (k *Kernel) mapRing(t *task, r *ring, fd int64) error {
	if r.user {
		return nil
	}
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	cmds := []sysuring.Cmd{
		call(unix.SYS_MMAP|sysuring.Stop, 0, r.memSize(), prot, flags, uint64(fd), uapi.IORING_OFF_SQ_RING),
		call(unix.SYS_MMAP, 0, r.sqesSize(), prot, flags, uint64(fd), uapi.IORING_OFF_SQES),
	}
	if err := k.run(t, cmds); err != nil {
		return err
	}
	if err := firstError(cmds, "mmap"); err != nil {
		return err
	}
	t.space.rings[r] = place{mem: uint64(cmds[0].Ret), sqes: uint64(cmds[1].Ret)}
	return nil
}

// place finds the ring in the task's memory.
func (t *task) place(r *ring) (place, bool) {
	if r.user {
		return place{mem: r.params.CQOff.UserAddr, sqes: r.params.SQOff.UserAddr}, true
	}
	p, ok := t.space.rings[r]
	return p, ok
}

// ringInode is the inode behind a descriptor of the task; false if that is no ring. Each ring has its own.
func (t *task) ringInode(fd int32) (inode uint64, ok bool) {
	path := fmt.Sprintf("/proc/%d/task/%d/fd/%d", t.pid, t.tid, fd)
	if link, err := os.Readlink(path); err != nil || link != "anon_inode:[io_uring]" {
		return 0, false
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return stat.Ino, ok
}

// view does so for an Enter, which can map it. It is false if the descriptor is no ring, so that the call must fail.
func (k *Kernel) view(t *task, r *ring, c trace.Enter) (place, bool, error) {
	if p, ok := t.place(r); ok {
		return p, true, nil
	}
	if c.Flags&uapi.IORING_ENTER_REGISTERED_RING != 0 {
		return place{}, false, fmt.Errorf("task %q cannot map it through a registered index", t.name)
	}
	switch inode, ok := t.ringInode(c.FD); {
	case !ok:
		return place{}, false, nil
	case inode != r.inode:
		return place{}, false, fmt.Errorf("task %q has not mapped it, and its descriptor %d is another ring", t.name, c.FD)
	}
	if err := k.mapRing(t, r, int64(c.FD)); err != nil {
		return place{}, false, err
	}
	p, ok := t.place(r)
	return p, ok, nil
}

func (k *Kernel) enter(t *task, c trace.Enter) trace.Result {
	enter := call(unix.SYS_IO_URING_ENTER, s32(c.FD), uint64(c.ToSubmit), uint64(c.MinComplete), uint64(c.Flags),
		c.Arg, c.ArgSize)
	if c.Ring == "" {
		return k.simple(t, []sysuring.Cmd{enter})
	}
	r := k.rings[c.Ring]
	if r == nil {
		return failed("there is no ring %q", c.Ring)
	}
	p, ok, err := k.view(t, r, c)
	if err != nil {
		return result(0, fmt.Errorf("ring %q: %w", c.Ring, err))
	}
	if !ok {
		return k.simple(t, []sysuring.Cmd{enter})
	}
	b := batch{k: k, t: t, r: r, place: p}
	if err := b.store(c); err != nil {
		return result(0, fmt.Errorf("ring %q: %w", c.Ring, err))
	}
	at := len(b.cmds)
	b.cmds = append(b.cmds, enter)
	state, err := b.look(!c.KeepCQEs)
	if err != nil {
		return result(0, fmt.Errorf("ring %q: %w", c.Ring, err))
	}
	return trace.Result{Ret: b.cmds[at].Ret, Ring: state}
}

func (k *Kernel) reap(t *task, c trace.Reap) trace.Result {
	r := k.rings[c.Ring]
	if r == nil {
		return failed("there is no ring %q", c.Ring)
	}
	p, ok := t.place(r)
	if !ok {
		return failed("ring %q is not in the memory of task %q", c.Ring, t.name)
	}
	var cqes []trace.CQE
	end, pause := time.Now().Add(k.opts.ReapTimeout), 100*time.Microsecond
	for ; ; pause = min(2*pause, 10*time.Millisecond) {
		b := batch{k: k, t: t, r: r, place: p}
		state, err := b.look(true)
		if err != nil {
			return result(0, fmt.Errorf("ring %q: %w", c.Ring, err))
		}
		cqes = append(cqes, state.CQEs...)
		if len(cqes) >= int(c.Wait) || time.Now().After(end) {
			state.CQEs = cqes
			return trace.Result{Ring: state}
		}
		time.Sleep(pause)
	}
}

// batch is work on a ring's memory in one batch of commands, with the bytes that it needs in the arena's data:
// what goes to the task in the first half, what comes back in the second.
type batch struct {
	k *Kernel
	t *task
	r *ring
	place
	cmds []sysuring.Cmd
	used int // bytes of the data
}

const (
	outOff    = sysuring.DataSize / 2
	lookCmds  = 5 // room for the system call, and what look adds
	wordsSize = 64
)

// put stores bytes at an address of the ring's memory. What follows on the bytes before goes along with them.
func (b *batch) put(addr uint64, data []byte) error {
	if len(b.cmds) >= sysuring.MaxBatch-lookCmds || b.used+len(data) > outOff {
		if err := b.flush(); err != nil {
			return err
		}
	}
	copy(b.k.arena.Data()[b.used:], data)
	if i := len(b.cmds) - 1; i >= 0 && !b.r.user && b.cmds[i].Args[0]+b.cmds[i].Args[2] == addr {
		b.cmds[i].Args[2] += uint64(len(data))
	} else if b.r.user {
		b.cmds = append(b.cmds, copyIn(addr, b.used, len(data)))
		b.cmds[len(b.cmds)-1].NR |= sysuring.Stop
	} else {
		b.cmds = append(b.cmds, call(sysuring.Copy, addr, sysuring.DataAddr(b.used), uint64(len(data))))
	}
	b.used += len(data)
	return nil
}

// flush carries out what was put so far. The kernel does not look at it before the tail is stored.
func (b *batch) flush() error {
	if err := b.k.run(b.t, b.cmds); err != nil {
		return err
	}
	err := firstError(b.cmds, "write of the ring's memory")
	b.cmds, b.used = b.cmds[:0], 0
	return err
}

// store adds the SQEs, the array entries, the CQ head and the tail.
func (b *batch) store(c trace.Enter) error {
	r := b.r
	for _, s := range c.SQEs {
		off := uint64(s.Slot) * r.sqe
		if off+uint64(len(s.Data)) > r.sqesSize() {
			return fmt.Errorf("an SQE of %d bytes at place %d lies outside", len(s.Data), s.Slot)
		}
		if err := b.put(b.sqes+off, s.Data); err != nil {
			return err
		}
	}
	for _, e := range c.Array {
		if !r.hasArray() || e.Slot >= r.params.SQEntries {
			return fmt.Errorf("the SQ array has no place %d", e.Slot)
		}
		addr := b.mem + uint64(r.params.SQOff.Array) + 4*uint64(e.Slot)
		if err := b.put(addr, binary.LittleEndian.AppendUint32(nil, e.Value)); err != nil {
			return err
		}
	}
	if c.CQLeft > 0 {
		head := binary.LittleEndian.AppendUint32(nil, r.seen-c.CQLeft)
		if err := b.put(b.mem+uint64(r.params.CQOff.Head), head); err != nil {
			return err
		}
	}
	tail := b.mem + uint64(r.params.SQOff.Tail)
	if r.user {
		return b.put(tail, binary.LittleEndian.AppendUint32(nil, c.Tail))
	}
	b.cmds = append(b.cmds, call(sysuring.Store, tail, uint64(c.Tail)))
	return nil
}

// look ends the batch with copies of the ring's words and CQEs, in this order since the tail vouches for the CQEs
// before it; it takes the CQEs out of the ring on demand, runs the batch, and gives what is new.
func (b *batch) look(take bool) (*trace.RingState, error) {
	r, cqes := b.r, int(b.r.cqesSize())
	first := len(b.cmds)
	get := func(off int, addr uint64, n int) {
		if r.user {
			b.cmds = append(b.cmds, copyOut(off, addr, n))
		} else {
			b.cmds = append(b.cmds, call(sysuring.Copy, sysuring.DataAddr(off), addr, uint64(n)))
		}
	}
	get(outOff, b.mem, wordsSize)
	get(outOff+wordsSize, b.mem+uint64(r.params.CQOff.CQEs), cqes)
	if take {
		head, tail := b.mem+uint64(r.params.CQOff.Head), outOff+int(r.params.CQOff.Tail)
		if r.user {
			b.cmds = append(b.cmds, copyIn(head, tail, 4))
		} else {
			b.cmds = append(b.cmds, call(sysuring.Copy, head, sysuring.DataAddr(tail), 4))
		}
	}
	if err := b.k.run(b.t, b.cmds); err != nil {
		return nil, err
	}
	for _, cmds := range [][]sysuring.Cmd{b.cmds[:max(first-1, 0)], b.cmds[first:]} { // without the system call
		if err := firstError(cmds, "access to the ring's memory"); err != nil {
			return nil, err
		}
	}
	words := b.k.arena.Data()[outOff:]
	return r.news(words[:wordsSize], words[wordsSize:][:cqes])
}

// news reads the words and CQEs of a ring, and remembers what it has seen.
func (r *ring) news(words, cqes []byte) (*trace.RingState, error) {
	word := func(off uint32) uint32 { return binary.LittleEndian.Uint32(words[off:]) }
	s := &trace.RingState{
		SQHead:     word(r.params.SQOff.Head),
		SQDropped:  word(r.params.SQOff.Dropped),
		CQOverflow: word(r.params.CQOff.Overflow),
	}
	tail := word(r.params.CQOff.Tail)
	if n := tail - r.seen; n > r.params.CQEntries+1 { // by one: see kernel.CQECacheOutlivesOverflow
		return nil, fmt.Errorf("the CQ tail moved by %d, more than the ring holds", n)
	}
	for r.seen != tail {
		cqe, size, steps := r.cqeAt(cqes, tail-r.seen)
		if r.seen += steps; size > 0 {
			s.CQEs = append(s.CQEs, trace.CQE{CQE: uapi.DecodeCQE(cqe[:size])})
		}
	}
	return s, nil
}

// cqeAt finds the next CQE, its size in bytes (0 for a filler, which is no CQE) and in places of the ring. One of 32 bytes
// that some kernels have torn apart, with its second half behind the ring's end or the last of the places that are left,
// is read as one of 16.
func (r *ring) cqeAt(cqes []byte, left uint32) (cqe []byte, size uint64, steps uint32) {
	at := cqes[uint64(r.seen&(r.params.CQEntries-1))*r.cqe:]
	if r.params.Flags&uapi.IORING_SETUP_CQE_MIXED == 0 {
		return at, r.cqe, 1
	}
	switch flags := uapi.DecodeCQE(at[:uapi.SizeofCQE]).Flags; {
	case flags&uapi.IORING_CQE_F_SKIP != 0:
		return at, 0, 1
	case flags&uapi.IORING_CQE_F_32 != 0 && len(at) >= uapi.SizeofCQE32 && left > 1:
		return at, uapi.SizeofCQE32, 2
	}
	return at, uapi.SizeofCQE, 1
}
