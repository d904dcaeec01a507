package sysuring

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/uapi"
)

// Ring is a ring of this process on the running kernel, used as sim.Mapping is one of the model.
type Ring struct {
	fd          int
	entries     uint32
	rings, sqes []byte
	cqMask      uint32
	sqTail      uint32
}

// NewRing sets up a ring without flags, whose SQ array names the entries in their own places.
func NewRing(entries uint32) (*Ring, error) { return NewRingWith(entries, 0) }

// NewRingWith sets up a ring with IORING_SETUP_* flags that leave its layout as it is.
func NewRingWith(entries, flags uint32) (*Ring, error) {
	raw := (&uapi.Params{Flags: flags}).Append(nil)
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

// Close gives the ring back.
func (r *Ring) Close() error {
	for _, mem := range [][]byte{r.rings, r.sqes} {
		if mem != nil {
			_ = unix.Munmap(mem) // of memory that was mapped
		}
	}
	return unix.Close(r.fd)
}

// Room is how many SQEs can be submitted at once.
func (r *Ring) Room() int { return int(r.entries) }

// SQE is the memory of the SQE that is submitted as the n-th of the next call, from 0.
func (r *Ring) SQE(n int) []byte {
	at := (r.sqTail + uint32(n)) & (r.entries - 1)
	return r.sqes[at*uapi.SizeofSQE:][:uapi.SizeofSQE]
}

// Publish hands the next n SQEs to the submission thread, which is awake, without a call.
func (r *Ring) Publish(n uint32) {
	r.sqTail += n
	Word32(r.rings, uapi.RingSQTail).Store(r.sqTail)
}

// Enter submits the next n SQEs with io_uring_enter(2), and gives how many the kernel took.
func (r *Ring) Enter(n, minComplete, flags uint32) (int64, error) {
	r.sqTail += n
	Word32(r.rings, uapi.RingSQTail).Store(r.sqTail)
	took, _, e := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), uintptr(minComplete), uintptr(flags), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int64(took), nil
}

// Reap takes CQEs off the ring, as many as there are and fit into cqes, and returns how many.
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
