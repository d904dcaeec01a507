package trace

import "github.com/uringsim/uringsim/uapi"

// RsrcRegister is struct io_uring_rsrc_register. Data points to descriptors (fds) or iovecs, and Tags to a tag for
// each.
type RsrcRegister struct {
	Nr    Number       `json:"nr,omitzero" bits:"32"`
	Flags Num[rsrcTag] `json:"flags,omitzero" bits:"32"`
	Resv2 Number       `json:"resv2,omitzero"`
	Data  Pointer      `json:"data,omitzero"`
	Tags  Pointer      `json:"tags,omitzero"`
}

func (r *RsrcRegister) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofRsrcRegister)
	raw := uapi.RsrcRegister{Nr: uint32(r.Nr), Flags: uint32(r.Flags), Resv2: uint64(r.Resv2)}
	var err error
	if raw.Data, err = r.Data.put(at); err != nil {
		return 0, err
	}
	if raw.Tags, err = r.Tags.put(at); err != nil {
		return 0, err
	}
	copy(room, raw.Append(nil))
	return addr, nil
}

// RsrcUpdate is struct io_uring_rsrc_update as FILES_UPDATE uses it.
type RsrcUpdate struct {
	Offset Number  `json:"offset,omitzero" bits:"32"`
	Resv   Number  `json:"resv,omitzero" bits:"32"`
	Data   Pointer `json:"data,omitzero"`
}

func (u *RsrcUpdate) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofRsrcUpdate)
	data, err := u.Data.put(at)
	if err != nil {
		return 0, err
	}
	copy(room, uapi.RsrcUpdate{Offset: uint32(u.Offset), Resv: uint32(u.Resv), Data: data}.Append(nil))
	return addr, nil
}

// RsrcUpdate2 is struct io_uring_rsrc_update2.
type RsrcUpdate2 struct {
	Offset Number  `json:"offset,omitzero" bits:"32"`
	Resv   Number  `json:"resv,omitzero" bits:"32"`
	Data   Pointer `json:"data,omitzero"`
	Tags   Pointer `json:"tags,omitzero"`
	Nr     Number  `json:"nr,omitzero" bits:"32"`
	Resv2  Number  `json:"resv2,omitzero" bits:"32"`
}

func (u *RsrcUpdate2) put(at placer) (uint64, error) {
	addr, room := at.place(uapi.SizeofRsrcUpdate2)
	raw := uapi.RsrcUpdate2{Offset: uint32(u.Offset), Resv: uint32(u.Resv), Nr: uint32(u.Nr), Resv2: uint32(u.Resv2)}
	var err error
	if raw.Data, err = u.Data.put(at); err != nil {
		return 0, err
	}
	if raw.Tags, err = u.Tags.put(at); err != nil {
		return 0, err
	}
	copy(room, raw.Append(nil))
	return addr, nil
}

// FileIndexRange is struct io_uring_file_index_range.
type FileIndexRange struct {
	Off  Number `json:"off,omitzero" bits:"32"`
	Len  Number `json:"len,omitzero" bits:"32"`
	Resv Number `json:"resv,omitzero"`
}

func (r *FileIndexRange) put(at placer) (uint64, error) {
	return putBytes(at, uapi.FileIndexRange{Off: uint32(r.Off), Len: uint32(r.Len), Resv: uint64(r.Resv)}.Append(nil))
}

// CloneBuffers is struct io_uring_clone_buffers.
type CloneBuffers struct {
	SrcFD  Number        `json:"src_fd,omitzero" bits:"32"`
	Flags  Num[cloneTag] `json:"flags,omitzero" bits:"32"`
	SrcOff Number        `json:"src_off,omitzero" bits:"32"`
	DstOff Number        `json:"dst_off,omitzero" bits:"32"`
	Nr     Number        `json:"nr,omitzero" bits:"32"`
	Pad    Bytes         `json:"pad,omitzero" max:"12"` // 12 bytes
}

func (c *CloneBuffers) put(at placer) (uint64, error) {
	raw := uapi.CloneBuffers{SrcFD: uint32(c.SrcFD), Flags: uint32(c.Flags), SrcOff: uint32(c.SrcOff),
		DstOff: uint32(c.DstOff), Nr: uint32(c.Nr)}
	fillWords(raw.Pad[:], c.Pad)
	return putBytes(at, raw.Append(nil))
}
