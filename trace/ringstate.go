package trace

import (
	"encoding/binary"
	"reflect"

	"github.com/uringsim/uringsim/uapi"
)

// BufReg is struct io_uring_buf_reg.
type BufReg struct {
	RingAddr    Number          `json:"ring_addr,omitzero"`
	RingEntries Number          `json:"ring_entries,omitzero" bits:"32"`
	BGID        Number          `json:"bgid,omitzero" bits:"16"`
	Flags       Num[bufRingTag] `json:"flags,omitzero" bits:"16"`
	MinLeft     Number          `json:"min_left,omitzero" bits:"32"`
	Resv        Bytes           `json:"resv,omitzero" max:"20"` // 20 bytes
}

func (r *BufReg) put(at placer) (uint64, error) {
	reg := uapi.BufReg{RingAddr: uint64(r.RingAddr), RingEntries: uint32(r.RingEntries), BGID: uint16(r.BGID),
		Flags: uint16(r.Flags), MinLeft: uint32(r.MinLeft)}
	return putOver(at, reg.Append(nil), 20, 20, r.Resv)
}

// BufStatus is struct io_uring_buf_status, whose head the kernel writes.
type BufStatus struct {
	BufGroup Number `json:"buf_group,omitzero" bits:"32"`
	Head     Number `json:"head,omitzero" bits:"32"`
	Resv     Bytes  `json:"resv,omitzero" max:"32"` // 32 bytes
}

func (s *BufStatus) put(at placer) (uint64, error) {
	status := uapi.BufStatus{BufGroup: uint32(s.BufGroup), Head: uint32(s.Head)}
	return putOver(at, status.Append(nil), 8, 32, s.Resv)
}

// SyncCancel is struct io_uring_sync_cancel_reg. Without a timeout it waits forever.
type SyncCancel struct {
	Addr    Number         `json:"addr,omitzero"`
	FD      Number         `json:"fd,omitzero" bits:"32"`
	Flags   Num[cancelTag] `json:"flags,omitzero" bits:"32"`
	Timeout *Timespec      `json:"timeout,omitzero"`
	Opcode  Num[opTag]     `json:"opcode,omitzero" bits:"8"`
	Pad     Bytes          `json:"pad,omitzero" max:"31"` // 7 bytes and 24
}

func (c *SyncCancel) put(at placer) (uint64, error) {
	reg := uapi.SyncCancelReg{Addr: uint64(c.Addr), FD: int32(c.FD), Flags: uint32(c.Flags), Opcode: uint8(c.Opcode),
		Sec: ^uint64(0), Nsec: ^uint64(0)}
	if c.Timeout != nil {
		reg.Sec, reg.Nsec = uint64(c.Timeout.Sec), uint64(c.Timeout.Nsec)
	}
	return putOver(at, reg.Append(nil), 33, 31, c.Pad)
}

// NAPI is struct io_uring_napi, to which the kernel writes the settings that were in force before.
type NAPI struct {
	BusyPollTo     Number `json:"busy_poll_to,omitzero" bits:"32"`
	PreferBusyPoll Number `json:"prefer_busy_poll,omitzero" bits:"8"`
	Opcode         Number `json:"opcode,omitzero" bits:"8"`
	Pad            Bytes  `json:"pad,omitzero" max:"2"` // 2 bytes
	OpParam        Number `json:"op_param,omitzero" bits:"32"`
	Resv           Number `json:"resv,omitzero" bits:"32"`
}

func (n *NAPI) put(at placer) (uint64, error) {
	napi := uapi.NAPI{BusyPollTo: uint32(n.BusyPollTo), PreferBusyPoll: uint8(n.PreferBusyPoll), Opcode: uint8(n.Opcode),
		OpParam: uint32(n.OpParam), Resv: uint32(n.Resv)}
	return putOver(at, napi.Append(nil), 6, 2, n.Pad)
}

// Clock is struct io_uring_clock_register.
type Clock struct {
	ClockID Number `json:"clockid" bits:"32"`
	Resv    Bytes  `json:"resv,omitzero" max:"12"` // 12 bytes
}

func (c *Clock) put(at placer) (uint64, error) {
	return putOver(at, uapi.ClockRegister{ClockID: uint32(c.ClockID)}.Append(nil), 4, 12, c.Resv)
}

// putOver places a struct after copying bytes to its reserved part, which has the given offset and size.
func putOver(at placer, b []byte, off, size int, reserved Bytes) (uint64, error) {
	copy(b[off:off+size], reserved)
	return putBytes(at, b)
}

// putNums places an array of numbers, each as wide as the tag of their field says.
func putNums(at placer, nums []Number, tag reflect.StructTag) (uint64, error) {
	bits, _ := limits(tag)
	var b []byte
	for _, n := range nums {
		if bits == 32 {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		} else {
			b = binary.LittleEndian.AppendUint64(b, uint64(n))
		}
	}
	return putBytes(at, b)
}
