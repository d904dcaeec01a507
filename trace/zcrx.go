package trace

import "github.com/uringsim/uringsim/uapi"

// ZCRXQueue is struct io_uring_zcrx_ifq_reg. Area, Region and Events are addresses or objects.
type ZCRXQueue struct {
	Interface Number  `json:"if_idx,omitzero" bits:"32"`
	RxQueue   Number  `json:"if_rxq,omitzero" bits:"32"`
	Entries   Number  `json:"rq_entries,omitzero" bits:"32"`
	Flags     Number  `json:"flags,omitzero" bits:"32"`
	Area      Pointer `json:"area,omitzero"`
	Region    Pointer `json:"region,omitzero"`
	Offsets   Bytes   `json:"offsets,omitzero" max:"32"` // 32 bytes
	ID        Number  `json:"zcrx_id,omitzero" bits:"32"`
	RxBufLen  Number  `json:"rx_buf_len,omitzero" bits:"32"`
	Events    Pointer `json:"event_desc,omitzero"`
	Resv      Bytes   `json:"resv,omitzero" max:"16"` // 16 bytes
}

func (q *ZCRXQueue) put(at placer) (uint64, error) {
	r := uapi.ZCRXIfqReg{IfIdx: uint32(q.Interface), IfRxq: uint32(q.RxQueue), RQEntries: uint32(q.Entries),
		Flags: uint32(q.Flags), ZCRXID: uint32(q.ID), RxBufLen: uint32(q.RxBufLen)}
	fillWords(r.Offsets[:], q.Offsets)
	fillWords(r.Resv[:], q.Resv)
	addr, room := at.place(uapi.SizeofZCRXIfqReg)
	for _, p := range []struct {
		from *Pointer
		to   *uint64
	}{{&q.Area, &r.AreaPtr}, {&q.Region, &r.RegionPtr}, {&q.Events, &r.EventDesc}} {
		var err error
		if *p.to, err = p.from.put(at); err != nil {
			return addr, err
		}
	}
	copy(room, r.Append(nil))
	return addr, nil
}

// ZCRXArea is struct io_uring_zcrx_area_reg.
type ZCRXArea struct {
	Addr     Number `json:"addr,omitzero"`
	Len      Number `json:"len,omitzero"`
	Token    Number `json:"rq_area_token,omitzero"`
	Flags    Number `json:"flags,omitzero" bits:"32"`
	DmabufFD Number `json:"dmabuf_fd,omitzero" bits:"32"`
	Resv     Bytes  `json:"resv,omitzero" max:"16"` // 16 bytes
}

func (a *ZCRXArea) put(at placer) (uint64, error) {
	r := uapi.ZCRXAreaReg{Addr: uint64(a.Addr), Len: uint64(a.Len), Token: uint64(a.Token), Flags: uint32(a.Flags),
		DmabufFD: uint32(a.DmabufFD)}
	fillWords(r.Resv[:], a.Resv)
	return putBytes(at, r.Append(nil))
}

// ZCRXEvents is struct zcrx_event_desc.
type ZCRXEvents struct {
	UserData Number `json:"user_data,omitzero"`
	TypeMask Number `json:"type_mask,omitzero" bits:"32"`
	Flags    Number `json:"flags,omitzero" bits:"32"`
	Stats    Number `json:"stats_offset,omitzero"`
	Resv     Bytes  `json:"resv,omitzero" max:"72"` // 72 bytes
}

func (e *ZCRXEvents) put(at placer) (uint64, error) {
	d := uapi.ZCRXEventDesc{UserData: uint64(e.UserData), TypeMask: uint32(e.TypeMask), Flags: uint32(e.Flags),
		StatsOffset: uint64(e.Stats)}
	fillWords(d.Resv[:], e.Resv)
	return putBytes(at, d.Append(nil))
}
