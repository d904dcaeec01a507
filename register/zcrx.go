package register

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
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
