package register

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/uapi"
)

// zcrxCase is a description of a queue with what it points to.
type zcrxCase struct {
	r uapi.ZCRXIfqReg
	d uapi.RegionDesc
	a uapi.ZCRXAreaReg
	e uapi.ZCRXEventDesc
}

// TestZCRX: what of a description is looked at first. The kernel's answers are in testdata/kernel/zcrx-*.json.
func TestZCRX(t *testing.T) {
	const able = uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_SINGLE_ISSUER | uapi.IORING_SETUP_CQE32
	rows := []struct {
		ring uint32 // flags
		edit func(*zcrxCase)
		want string
		why  string
	}{
		{able, func(c *zcrxCase) {}, "EOPNOTSUPP", "the loopback device"},
		{able &^ uapi.IORING_SETUP_CQE32, func(c *zcrxCase) {}, "EINVAL", "entries of 16 bytes"},
		{able, func(c *zcrxCase) { c.r.IfIdx = 2 }, "?", "a device that may be there"},
		{able, func(c *zcrxCase) { c.r.IfIdx = 1 << 31 }, "ENODEV", "a negative number"},
		{able, func(c *zcrxCase) { c.r.Flags, c.r.IfIdx = 2, 0 }, "?", "a queue without a device"},
		{able, func(c *zcrxCase) { c.r.Flags = 2 }, "EINVAL", "no device, but its number"},
		{able, func(c *zcrxCase) { c.r.Flags, c.r.IfIdx, c.a.Len = 2, 0, 1<<40+mm.PageSize }, "EINVAL", "too long"},
		{able, func(c *zcrxCase) { c.r.Flags, c.r.IfIdx, c.r.RxBufLen = 2, 0, 2*mm.PageSize }, "EOPNOTSUPP", ""},
		{able, func(c *zcrxCase) { c.r.RQEntries = 32769 }, "EINVAL", "too many"},
		{able | uapi.IORING_SETUP_CLAMP, func(c *zcrxCase) { c.r.RQEntries, c.d.Size = 32769, 129*mm.PageSize },
			"EOPNOTSUPP", ""},
		{able, func(c *zcrxCase) { c.d.Size = 16 << 30 }, "?", "a matter of memory"},
		{able, func(c *zcrxCase) { c.e.Flags, c.e.StatsOffset = 1, 128 }, "ERANGE", "in the ring"},
		{able, func(c *zcrxCase) { c.e.Flags, c.e.StatsOffset = 1, 144 }, "EOPNOTSUPP", "behind its one entry"},
	}
	for _, row := range rows {
		c := zcrxCase{r: uapi.ZCRXIfqReg{IfIdx: 1, RQEntries: 1}, d: uapi.RegionDesc{Size: mm.PageSize},
			a: uapi.ZCRXAreaReg{Addr: memAt, Len: mm.PageSize}}
		row.edit(&c)
		c.r.RegionPtr, c.r.AreaPtr, c.r.EventDesc = memAt+0x100, memAt+0x200, memAt+0x300
		task, _ := world(row.ring)
		put(task, memAt, c.r.Append(nil))
		put(task, memAt+0x100, c.d.Append(nil))
		put(task, memAt+0x200, c.a.Append(nil))
		put(task, memAt+0x300, c.e.Append(nil))
		got := text(Call(kernel.V7_3, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_ZCRX_IFQ), Arg: memAt, Nr: 1}))
		if got != row.want {
			t.Errorf("%+v = %s, want %s (%s)", c, got, row.want, row.why)
		}
	}
}

func put(task *tctx.Task, at uint64, b []byte) { task.Mem.CopyOut(at, b) }
