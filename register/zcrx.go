package register

import (
	"encoding/binary"
	"math/bits"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// What later releases do not change about zero-copy receive.
const (
	zcrxEvents     = 3 // ZCRX_EVENT_ALLOC_FAIL and ZCRX_EVENT_COPY, as bits
	zcrxStatsAlign = 8
)

// zcrx is what a release can do about zero-copy receive.
type zcrx struct {
	flags    uint64 // ZCRX_REG_*
	ctrls    uint32 // operations of ZCRX_CTRL
	features uint32 // ZCRX_FEATURE_*
	header   uint32 // of a refill ring, in bytes
}

// zcrxAdded is what came after the first release: what those with the quirk do not have.
var zcrxAdded = []struct {
	without kernel.Quirk
	more    zcrx
}{
	{kernel.NoZCRXPageSize, zcrx{features: uapi.ZCRX_FEATURE_RX_PAGE_SIZE}},
	{kernel.NoZCRXNoDev, zcrx{flags: uapi.ZCRX_REG_NODEV}},
	{kernel.NoZCRXEvents, zcrx{ctrls: 1, features: uapi.ZCRX_FEATURE_EVENT}},
	{kernel.NoZCRXAddArea, zcrx{ctrls: 1}},
	{kernel.SmallZCRXHeader, zcrx{header: 120}},
}

func (c *call) zcrx() zcrx {
	z := zcrx{flags: uapi.ZCRX_REG_IMPORT, ctrls: 2, header: 8}
	for _, row := range zcrxAdded {
		if !c.kernel.Has(row.without) {
			z.flags |= row.more.flags
			z.ctrls += row.more.ctrls
			z.features |= row.more.features
			z.header += row.more.header
		}
	}
	return z
}

// answer is struct io_uring_query_zcrx.
//
// Linux: io_uring/query.c:io_query_zcrx
func (z zcrx) answer() []byte {
	le := binary.LittleEndian
	data := le.AppendUint64(le.AppendUint64(nil, z.flags), uapi.IORING_ZCRX_AREA_DMABUF)
	for _, v := range []uint32{z.ctrls, z.features, z.header, uapi.CacheLine} {
		data = le.AppendUint32(data, v)
	}
	return le.AppendUint64(data, 0)
}

const whereZCRX = "io_uring/zcrx.c:io_register_zcrx"

// maxZCRXEntries is the most entries of a refill ring.
const maxZCRXEntries = 32768

// registerZCRX makes a queue for zero-copy receive, or shares one. What a queue does is not modelled: a ring of the
// model never has one.
//
// Linux: io_uring/zcrx.c:io_register_zcrx
func (c *call) registerZCRX() Outcome {
	switch {
	case !c.task.Cred.CapInit:
		return refuse(uapi.EPERM, whereZCRX, "the task must have CAP_NET_ADMIN in the initial user namespace")
	case c.ring.Flags&uapi.IORING_SETUP_DEFER_TASKRUN == 0:
		return refuse(uapi.EINVAL, whereZCRX, "the ring must be one with DEFER_TASKRUN")
	case c.ring.Flags&(uapi.IORING_SETUP_CQE32|uapi.IORING_SETUP_CQE_MIXED) == 0:
		return refuse(uapi.EINVAL, whereZCRX, "the ring must be one with CQE32 or CQE_MIXED")
	}
	raw := make([]byte, uapi.SizeofZCRXIfqReg)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, whereZCRX, "struct io_uring_zcrx_ifq_reg must be readable")
	}
	r := uapi.DecodeZCRXIfqReg(raw)
	unknown := r.Flags&^uint32(c.zcrx().flags) != 0
	switch {
	case r.Resv != [2]uint64{} || r.ZCRXID != 0:
		return refuse(uapi.EINVAL, whereZCRX, "resv and zcrx_id must be 0")
	case r.RxBufLen != 0 && c.kernel.Has(kernel.NoZCRXPageSize):
		return refuse(uapi.EINVAL, whereZCRX, "there is no rx_buf_len yet: the word is reserved")
	case r.EventDesc != 0 && c.kernel.Has(kernel.NoZCRXEvents):
		return refuse(uapi.EINVAL, whereZCRX, "there is no event_desc yet: the word is reserved")
	case unknown && !c.kernel.Has(kernel.ZCRXFlagsAfterRegion):
		return refuse(uapi.EINVAL, whereZCRX, "flags must be known")
	case r.Flags&uapi.ZCRX_REG_IMPORT != 0:
		return c.importZCRX(&r)
	}
	return c.newZCRX(&r)
}

// importZCRX shares the queue of a descriptor. Only ZCRX_CTRL makes such descriptors.
//
// Linux: io_uring/zcrx.c:import_zcrx
func (c *call) importZCRX(r *uapi.ZCRXIfqReg) Outcome {
	const where = "io_uring/zcrx.c:import_zcrx"
	if r.IfRxq != 0 || r.RQEntries != 0 || r.AreaPtr != 0 || r.RegionPtr != 0 || r.EventDesc != 0 ||
		r.Flags != uapi.ZCRX_REG_IMPORT {
		return refuse(uapi.EINVAL, where, "fields that describe a new queue must be 0")
	}
	return refuse(uapi.EBADF, where, "if_idx must be the descriptor of a queue")
}

// newZCRX looks at the description of a new queue and what that points to.
//
// Linux: io_uring/zcrx.c:io_register_zcrx
func (c *call) newZCRX(r *uapi.ZCRXIfqReg) Outcome {
	raw := make([]byte, uapi.SizeofRegionDesc)
	if !c.task.Mem.CopyIn(raw, r.RegionPtr) {
		return refuse(uapi.EFAULT, whereZCRX, "struct io_uring_region_desc must be readable")
	}
	rd := uapi.DecodeRegionDesc(raw)
	switch {
	case r.IfRxq == ^uint32(0) || r.RQEntries == 0:
		return refuse(uapi.EINVAL, whereZCRX, "if_rxq must not be -1, rq_entries must not be 0")
	case r.Flags&^uint32(c.zcrx().flags) != 0:
		return refuse(uapi.EINVAL, whereZCRX, "flags must be known, once the region has been read")
	case r.Flags&uapi.ZCRX_REG_NODEV != 0 && (r.IfRxq != 0 || r.IfIdx != 0):
		return refuse(uapi.EINVAL, whereZCRX, "a queue without a device must have if_idx and if_rxq 0")
	case r.RQEntries > maxZCRXEntries && c.ring.Flags&uapi.IORING_SETUP_CLAMP == 0:
		return refuse(uapi.EINVAL, whereZCRX, "rq_entries must be at most 32768")
	}
	raw = make([]byte, uapi.SizeofZCRXAreaReg)
	if !c.task.Mem.CopyIn(raw, r.AreaPtr) {
		return refuse(uapi.EFAULT, whereZCRX, "struct io_uring_zcrx_area_reg must be readable")
	}
	area := uapi.DecodeZCRXAreaReg(raw)
	if area.Token != 0 && !c.kernel.Has(kernel.ZCRXTokenAfterDevice) {
		return refuse(uapi.EINVAL, whereZCRX, "rq_area_token must be 0")
	}
	events, o := c.zcrxEvents(r.EventDesc)
	if o.Ret != 0 {
		return o
	}
	if o := c.refillRing(r, &rd, events); o.Ret != 0 || o.Unmodelled != "" {
		return o
	}
	if r.Flags&uapi.ZCRX_REG_NODEV != 0 {
		return c.zcrxArea(r, &area)
	}
	return c.zcrxDevice(r)
}

// zcrxEvents reads which events a queue is to tell of.
//
// Linux: io_uring/zcrx.c:io_register_zcrx
func (c *call) zcrxEvents(addr uint64) (d uapi.ZCRXEventDesc, _ Outcome) {
	if addr == 0 {
		return d, Outcome{}
	}
	raw := make([]byte, uapi.SizeofZCRXEventDesc)
	if !c.task.Mem.CopyIn(raw, addr) {
		return d, refuse(uapi.EFAULT, whereZCRX, "struct zcrx_event_desc must be readable")
	}
	d = uapi.DecodeZCRXEventDesc(raw)
	switch {
	case d.TypeMask&^zcrxEvents != 0 || d.Flags&^uapi.ZCRX_EVENT_DESC_FLAG_STATS != 0:
		return d, refuse(uapi.EINVAL, whereZCRX, "type_mask and flags of events must be known")
	case d.Flags == 0 && d.StatsOffset != 0:
		return d, refuse(uapi.EINVAL, whereZCRX, "stats_offset needs the flag for statistics")
	case d.Resv != [9]uint64{}:
		return d, refuse(uapi.EINVAL, whereZCRX, "resv of events must be 0")
	}
	return d, Outcome{}
}

// refillRing makes the region of a queue and looks whether there is room for the ring, and for statistics behind it.
//
// Linux: io_uring/zcrx.c:io_allocate_rbuf_ring, zcrx_validate_notif_stats
func (c *call) refillRing(r *uapi.ZCRXIfqReg, rd *uapi.RegionDesc, events uapi.ZCRXEventDesc) Outcome {
	entries := uint64(1) << bits.Len32(min(r.RQEntries, maxZCRXEntries)-1)
	used := max(uint64(c.zcrx().header), uapi.CacheLine) + entries*uapi.SizeofZCRXRqe
	if used > rd.Size {
		return refuse(uapi.EINVAL, "io_uring/zcrx.c:io_allocate_rbuf_ring", "the region must have room for the ring")
	}
	region, o := c.createRegion(rd)
	if region == nil {
		return o
	}
	const where = "io_uring/zcrx.c:zcrx_validate_notif_stats"
	stats := events.StatsOffset
	switch {
	case events.Flags == 0:
	case stats%zcrxStatsAlign != 0:
		return refuse(uapi.EINVAL, where, "stats_offset must be a multiple of 8")
	case stats < used || stats > region.size-uapi.SizeofZCRXStats:
		return refuse(uapi.ERANGE, where, "statistics must be in the region, behind the ring")
	}
	return Outcome{}
}

// zcrxDevice looks for the network device. Every network namespace has a loopback device, which has the number 1 and no
// memory of its own.
//
// Linux: io_uring/zcrx.c:zcrx_register_netdev
func (c *call) zcrxDevice(r *uapi.ZCRXIfqReg) Outcome {
	const (
		where    = "io_uring/zcrx.c:zcrx_register_netdev"
		loopback = 1
	)
	switch {
	case int32(r.IfIdx) <= 0:
		return refuse(uapi.ENODEV, where, "if_idx must be the number of a network device")
	case r.IfIdx == loopback:
		return refuse(uapi.EOPNOTSUPP, where, "the network device must access memory by itself, as loopback does not")
	}
	return Outcome{Unmodelled: "ZCRX_IFQ for a network device that machines may have"}
}

// zcrxArea looks at the memory of a queue without a device.
//
// Linux: io_uring/zcrx.c:__zcrx_create_area, io_import_area, io_import_umem
func (c *call) zcrxArea(r *uapi.ZCRXIfqReg, a *uapi.ZCRXAreaReg) Outcome {
	const (
		create = "io_uring/zcrx.c:__zcrx_create_area"
		where  = "io_uring/zcrx.c:io_import_area"
		umem   = "io_uring/zcrx.c:io_import_umem"
	)
	limit := uint64(1 << 40)
	tooLong := uapi.EINVAL
	if c.kernel.Has(kernel.BufferLimit1G) {
		limit, tooLong = 1<<30, uapi.EFAULT
	}
	switch {
	case r.RxBufLen != 0 && (r.RxBufLen < mm.PageSize || bits.OnesCount32(r.RxBufLen) != 1):
		return refuse(uapi.EINVAL, create, "rx_buf_len must be a power of two, a page or more")
	case r.RxBufLen > mm.PageSize:
		return refuse(uapi.EOPNOTSUPP, create, "buffers of a queue without a device have one page")
	case a.Flags&^uapi.IORING_ZCRX_AREA_DMABUF != 0 || a.Token != 0 || a.Resv != [2]uint64{}:
		return refuse(uapi.EINVAL, where, "flags of the area must be known, rq_area_token and resv must be 0")
	case a.Len == 0:
		return refuse(uapi.EFAULT, where, "an area must have a length")
	case a.Len > limit:
		return refuse(tooLong, where, "an area must not be longer than a registered buffer may be")
	case a.Addr+(a.Len+mm.PageSize-1)&^(mm.PageSize-1) < a.Addr:
		return refuse(uapi.EOVERFLOW, where, "an area must not wrap around")
	case (a.Addr|a.Len)%mm.PageSize != 0:
		return refuse(uapi.EINVAL, where, "an area must be whole pages")
	case a.Flags != 0 || a.DmabufFD != 0:
		return refuse(uapi.EINVAL, umem, "a dmabuf needs a device")
	case a.Addr == 0 || !c.task.Mem.Pinnable(a.Addr, a.Len):
		return refuse(uapi.EFAULT, umem, "an area must be writable memory")
	}
	return Outcome{Unmodelled: "zero-copy receive without a network device (ZCRX_REG_NODEV)"}
}

// controlZCRX does something with a queue, which no ring of the model has.
//
// Linux: io_uring/zcrx.c:io_zcrx_ctrl
func (c *call) controlZCRX() Outcome {
	const where = "io_uring/zcrx.c:io_zcrx_ctrl"
	if c.nr != 0 {
		return refuse(uapi.EINVAL, where, "nr must be 0")
	}
	raw := make([]byte, uapi.SizeofZCRXCtrl)
	if !c.task.Mem.CopyIn(raw, c.arg) {
		return refuse(uapi.EFAULT, where, "struct zcrx_ctrl must be readable")
	}
	if binary.LittleEndian.Uint64(raw[8:]) != 0 || binary.LittleEndian.Uint64(raw[16:]) != 0 {
		return refuse(uapi.EFAULT, where, "resv must be 0; the error is not EINVAL as elsewhere")
	}
	return refuse(uapi.ENXIO, where, "zcrx_id must be a queue of the ring")
}
