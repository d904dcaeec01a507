package trace

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/uapi"
)

// MemRegion is struct io_uring_mem_region_reg. Region is a struct io_uring_region_desc, or its address.
type MemRegion struct {
	Region Pointer `json:"region,omitzero"`
	Flags  Number  `json:"flags,omitzero"`
	Resv   Bytes   `json:"resv,omitzero" max:"16"` // 16 bytes
}

func (m *MemRegion) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofMemRegionReg)
	desc, err := m.Region.put(at)
	reg := uapi.MemRegionReg{RegionPtr: desc, Flags: uint64(m.Flags)}
	fillWords(reg.Resv[:], m.Resv)
	copy(room, reg.Append(nil))
	return addr, err
}

// Region is struct io_uring_region_desc.
type Region struct {
	UserAddr   Number `json:"user_addr,omitzero"`
	Size       Number `json:"size,omitzero"`
	Flags      Number `json:"flags,omitzero" bits:"32"`
	ID         Number `json:"id,omitzero" bits:"32"`
	MmapOffset Number `json:"mmap_offset,omitzero"`
	Resv       Bytes  `json:"resv,omitzero" max:"32"` // 32 bytes
}

func (r *Region) put(at placer) (uint64, error) {
	d := uapi.RegionDesc{UserAddr: uint64(r.UserAddr), Size: uint64(r.Size), Flags: uint32(r.Flags), ID: uint32(r.ID),
		MmapOffset: uint64(r.MmapOffset)}
	fillWords(d.Resv[:], r.Resv)
	return putBytes(at, d.Append(nil))
}

// fillWords fills words of 32 or 64 bits with bytes; words for which there are none become 0.
func fillWords[W uint32 | uint64](words []W, b Bytes) {
	raw := make([]byte, binary.Size(words))
	copy(raw, b)
	_, _ = binary.Decode(raw, binary.LittleEndian, words) // as many bytes as the words have
}

// ResizeParams is struct io_uring_params as RESIZE_RINGS uses it.
type ResizeParams struct {
	SQEntries Number        `json:"sq_entries,omitzero" bits:"32"`
	CQEntries Number        `json:"cq_entries,omitzero" bits:"32"`
	Flags     Num[setupTag] `json:"flags,omitzero" bits:"32"`
	SQAddr    Number        `json:"sq_user_addr,omitzero"`
	CQAddr    Number        `json:"cq_user_addr,omitzero"`
	Resv      Bytes         `json:"resv,omitzero" max:"12"` // 12 bytes
}

func (r *ResizeParams) put(at placer) (uint64, error) {
	p := uapi.Params{SQEntries: uint32(r.SQEntries), CQEntries: uint32(r.CQEntries), Flags: uint32(r.Flags)}
	p.SQOff.UserAddr, p.CQOff.UserAddr = uint64(r.SQAddr), uint64(r.CQAddr)
	raw := p.Append(nil)
	copy(raw[28:40], r.Resv)
	return putBytes(at, raw)
}
