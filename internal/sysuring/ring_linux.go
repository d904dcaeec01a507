package sysuring

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/uapi"
)

// Ring is a ring of this process on the running kernel. It is used like sim.Mapping, which is one of the model.
type Ring struct {
	fd          int
	entries     uint32
	rings, sqes []byte
	cqMask      uint32
	sqTail      uint32
}

// NewRing sets up a ring without flags. Its SQ array names the entries in order.
func NewRing(entries uint32) (*Ring, error) { return NewRingWith(entries, 0) }

// PollsOn tells whether this process may have a submission thread on the processor.
func PollsOn(cpu uint32) bool {
	const flags = uapi.IORING_SETUP_SQPOLL | uapi.IORING_SETUP_SQ_AFF
	raw := (&uapi.Params{Flags: flags, SQThreadCPU: cpu}).Append(nil)
	fd, _, e := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&raw[0])), 0)
	if e != 0 {
		return false
	}
	return unix.Close(int(fd)) == nil
}

// NewRingWith is like NewRing, with flags that do not change the layout of the ring, such as IORING_SETUP_SUBMIT_ALL.
func NewRingWith(entries, setup uint32) (*Ring, error) {
	raw := (&uapi.Params{Flags: setup}).Append(nil)
	fd, _, e := unix.RawSyscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&raw[0])), 0)
	if e != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", e)
	}
	p := uapi.DecodeParams(raw)
	r := &Ring{fd: int(fd), entries: p.SQEntries}
	const prot, share = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(int(p.SQOff.Array+4*p.SQEntries), int(p.CQOff.CQEs+uapi.SizeofCQE*p.CQEntries))
	var err error
	if r.rings, err = unix.Mmap(r.fd, uapi.IORING_OFF_SQ_RING, size, prot, share); err == nil {
		r.sqes, err = unix.Mmap(r.fd, uapi.IORING_OFF_SQES, int(uapi.SizeofSQE*p.SQEntries), prot, share)
	}
	if err != nil {
		_ = r.Close() // the first error counts
		return nil, fmt.Errorf("mmap of a ring: %w", err)
	}
	for i := range p.SQEntries {
		Word32(r.rings, int(p.SQOff.Array+4*i)).Store(i)
	}
	r.cqMask = p.CQEntries - 1
	return r, nil
}

// Close closes the ring.
func (r *Ring) Close() error {
	for _, mem := range [][]byte{r.rings, r.sqes} {
		if mem != nil {
			_ = unix.Munmap(mem) // cannot fail: it was mapped
		}
	}
	return unix.Close(r.fd)
}

// Room returns how many SQEs can be submitted at once.
func (r *Ring) Room() int { return int(r.entries) }

// SQE returns the memory of the SQE that will be the n-th of the next call, from 0.
func (r *Ring) SQE(n int) []byte {
	at := (r.sqTail + uint32(n)) & (r.entries - 1)
	return r.sqes[at*uapi.SizeofSQE:][:uapi.SizeofSQE]
}

// Enter submits the next n SQEs with io_uring_enter(2), and returns how many the kernel took.
func (r *Ring) Enter(n, minComplete, flags uint32) (int64, error) {
	r.Publish(n)
	return r.Submit(n, minComplete, flags)
}

// Publish shows the next n SQEs to the kernel, without a call.
func (r *Ring) Publish(n uint32) {
	r.sqTail += n
	Word32(r.rings, uapi.RingSQTail).Store(r.sqTail)
}

// SQFlags returns the IORING_SQ_* flags that the kernel has set.
func (r *Ring) SQFlags() uint32 { return Word32(r.rings, uapi.RingSQFlags).Load() }

// Submit is like Enter for n SQEs that were published before. Several threads may call it at the same time.
func (r *Ring) Submit(n, minComplete, flags uint32) (int64, error) {
	took, _, e := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), uintptr(minComplete), uintptr(flags), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int64(took), nil
}

// Reap takes as many CQEs off the ring as there are and fit into cqes, and returns their number.
func (r *Ring) Reap(cqes []uapi.CQE) int {
	head, tail := Word32(r.rings, uapi.RingCQHead), Word32(r.rings, uapi.RingCQTail).Load()
	first := head.Load()
	n := min(tail-first, uint32(len(cqes)))
	for i := range n {
		at := uapi.RingCQEs + (first+i)&r.cqMask*uapi.SizeofCQE
		cqes[i] = uapi.DecodeCQE(r.rings[at:][:uapi.SizeofCQE])
	}
	head.Store(first + n)
	return int(n)
}

// Register is io_uring_register(2) on the ring, or on the task if the ring is nil.
func (r *Ring) Register(op uapi.RegisterOp, arg unsafe.Pointer, nr uint32) error {
	fd := -1
	if r != nil {
		fd = r.fd
	}
	_, _, e := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(fd), uintptr(op), uintptr(arg), uintptr(nr), 0, 0)
	if e != 0 {
		return e
	}
	return nil
}

// Filter registers a program for an opcode on the ring, or on the task if the ring is nil.
func (r *Ring) Filter(op uapi.Op, program []uapi.SockFilter) error {
	text := uapi.EncodeSockFilters(program)
	var pin runtime.Pinner
	pin.Pin(&text[0])
	defer pin.Unpin()
	reg := uapi.BPF{CmdType: uapi.IO_URING_BPF_CMD_FILTER, Opcode: uint32(op), FilterLen: uint32(len(program)),
		FilterPtr: uint64(uintptr(unsafe.Pointer(&text[0])))}
	raw := reg.Append(nil)
	return r.Register(uapi.IORING_REGISTER_BPF_FILTER, unsafe.Pointer(&raw[0]), 1)
}

// Opcodes returns the opcodes of requests that the kernel supports.
func (r *Ring) Opcodes() ([]uapi.Op, error) {
	const most = 256
	raw := make([]byte, uapi.SizeofProbe+most*uapi.SizeofProbeOp)
	_, _, e := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), uintptr(uapi.IORING_REGISTER_PROBE),
		uintptr(unsafe.Pointer(&raw[0])), most, 0, 0)
	if e != 0 {
		return nil, fmt.Errorf("io_uring_register PROBE: %w", e)
	}
	var ops []uapi.Op
	for i := range int(raw[1]) { // struct io_uring_probe_op: opcode, a byte, flags
		op := raw[uapi.SizeofProbe+i*uapi.SizeofProbeOp:]
		if binary.LittleEndian.Uint16(op[2:])&uapi.IO_URING_OP_SUPPORTED != 0 {
			ops = append(ops, uapi.Op(op[0]))
		}
	}
	return ops, nil
}

// Abilities are what a kernel reports about itself.
type Abilities struct {
	RegisterOpcodes uint32 // how many register opcodes there are
	SetupFlags      uint64 // IORING_SETUP_*
}

// Query asks the kernel for its abilities. Ok is false if it does not report them all.
func Query() (a Abilities, ok bool) {
	data := make([]byte, 24) // struct io_uring_query_opcode up to ring_setup_flags
	var pin runtime.Pinner
	pin.Pin(&data[0])
	defer pin.Unpin()
	h := uapi.QueryHdr{QueryData: uint64(uintptr(unsafe.Pointer(&data[0]))), QueryOp: uapi.IO_URING_QUERY_OPCODES,
		Size: uint32(len(data))}
	raw := h.Append(nil)
	const noRing = ^uintptr(0)
	_, _, e := unix.Syscall6(unix.SYS_IO_URING_REGISTER, noRing, uintptr(uapi.IORING_REGISTER_QUERY),
		uintptr(unsafe.Pointer(&raw[0])), 0, 0, 0)
	if h := uapi.DecodeQueryHdr(raw); e != 0 || h.Result != 0 || h.Size < uint32(len(data)) {
		return Abilities{}, false
	}
	return Abilities{binary.LittleEndian.Uint32(data[4:]), binary.LittleEndian.Uint64(data[16:])}, true
}
