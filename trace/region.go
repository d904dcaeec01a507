package trace

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/uapi"
)

// MemRegion is struct io_uring_mem_region_reg. Region is the address of a struct io_uring_region_desc, or one.
type MemRegion struct {
	Region Pointer       `json:"region,omitzero"`
	Flags  Num[plainTag] `json:"flags,omitzero"`
	Resv   Bytes         `json:"resv,omitzero" max:"16"` // 16 bytes
}

func (m *MemRegion) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofMemRegionReg)
	desc, err := m.Region.put(at)
	reg := uapi.MemRegionReg{RegionPtr: desc, Flags: uint64(m.Flags)}
	words(reg.Resv[:], m.Resv)
	copy(room, reg.Append(nil))
	return addr, err
}

// Region is struct io_uring_region_desc.
type Region struct {
	UserAddr   Num[plainTag] `json:"user_addr,omitzero"`
	Size       Num[plainTag] `json:"size,omitzero"`
	Flags      Num[plainTag] `json:"flags,omitzero" bits:"32"`
	ID         Num[plainTag] `json:"id,omitzero" bits:"32"`
	MmapOffset Num[plainTag] `json:"mmap_offset,omitzero"`
	Resv       Bytes         `json:"resv,omitzero" max:"32"` // 32 bytes
}

func (r *Region) put(at placer) (uint64, error) {
	d := uapi.RegionDesc{UserAddr: uint64(r.UserAddr), Size: uint64(r.Size), Flags: uint32(r.Flags), ID: uint32(r.ID),
		MmapOffset: uint64(r.MmapOffset)}
	words(d.Resv[:], r.Resv)
	return putBytes(at, d.Append(nil))
}

// words fills 64-bit words from the first bytes of b.
func words(dst []uint64, b Bytes) {
	raw := make([]byte, 8*len(dst))
	copy(raw, b)
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
}

// ResizeParams is struct io_uring_params as RESIZE_RINGS uses it.
type ResizeParams struct {
	SQEntries Num[plainTag] `json:"sq_entries,omitzero" bits:"32"`
	CQEntries Num[plainTag] `json:"cq_entries,omitzero" bits:"32"`
	Flags     Num[setupTag] `json:"flags,omitzero" bits:"32"`
	SQAddr    Num[plainTag] `json:"sq_user_addr,omitzero"`
	CQAddr    Num[plainTag] `json:"cq_user_addr,omitzero"`
	Resv      Bytes         `json:"resv,omitzero" max:"12"` // 12 bytes
}

func (r *ResizeParams) put(at placer) (uint64, error) {
	p := uapi.Params{SQEntries: uint32(r.SQEntries), CQEntries: uint32(r.CQEntries), Flags: uint32(r.Flags)}
	p.SQOff.UserAddr, p.CQOff.UserAddr = uint64(r.SQAddr), uint64(r.CQAddr)
	raw := p.Append(nil)
	copy(raw[28:40], r.Resv)
	return putBytes(at, raw)
}
