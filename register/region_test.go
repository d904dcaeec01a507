package register

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/uapi"
)

// TestMemRegion: what of a region is looked at first, and what is not known.
func TestMemRegion(t *testing.T) {
	const disabled = uapi.IORING_SETUP_R_DISABLED
	user := uapi.RegionDesc{UserAddr: memAt + mm.PageSize, Size: mm.PageSize, Flags: 1}
	rows := []struct {
		ring uint32 // flags
		reg  uapi.MemRegionReg
		d    uapi.RegionDesc
		want string
		why  string
	}{
		{0, uapi.MemRegionReg{}, user, "0", ""},
		{0, uapi.MemRegionReg{Flags: 1}, user, "EINVAL", "waiters may be there already"},
		{disabled, uapi.MemRegionReg{Flags: 1}, user, "0", ""},
		{0, uapi.MemRegionReg{Flags: 1 << 32}, user, "EINVAL", "flags have 64 bits"},
		{0, uapi.MemRegionReg{Resv: [2]uint64{0, 1}}, user, "EINVAL", ""},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{UserAddr: memAt, Flags: 1}, "EINVAL", "size 0"},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{Flags: 1}, "EFAULT", "the address before the size"},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{Size: 1<<43 + 1}, "E2BIG", "before alignment"},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{Size: 1<<43 - 1}, "EINVAL", ""},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{UserAddr: badAt, Size: mm.PageSize, Flags: 1}, "EFAULT", "not mapped"},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{Size: 1 << 40}, "?", "a matter of memory"},
		{0, uapi.MemRegionReg{}, uapi.RegionDesc{UserAddr: memAt, Size: 1 << 40, Flags: 1}, "?", "a matter of memory"},
	}
	for _, k := range kernel.Measured() {
		for _, r := range rows {
			task, ring := world(r.ring)
			r.reg.RegionPtr = memAt + 0x100
			task.Mem.CopyOut(memAt, r.reg.Append(nil))
			task.Mem.CopyOut(memAt+0x100, r.d.Append(nil))
			o := Call(k, task, &Args{FD: 3, Op: uint32(uapi.IORING_REGISTER_MEM_REGION), Arg: memAt, Nr: 1})
			if got := text(o); got != r.want {
				t.Errorf("%s: %+v %+v = %s, want %s (%s)", k.Name, r.reg, r.d, got, r.want, r.why)
			}
			if (ring.Region != nil) != (r.want == "0") {
				t.Errorf("%s: %+v %+v: the ring's region is %v", k.Name, r.reg, r.d, ring.Region)
			}
		}
	}
}

// TestRegionWait: which offsets are inside of a region, and whether it is for waits at all.
func TestRegionWait(t *testing.T) {
	r := &Region{size: mm.PageSize, waits: true}
	for offset, want := range map[uint64]bool{0: true, 8: true, 4: false, mm.PageSize - 64: true, mm.PageSize - 56: false,
		mm.PageSize: false, ^uint64(63): false} {
		if got := r.Wait(offset) != nil; got != want {
			t.Errorf("offset %#x is in a region of a page: %v, want %v", offset, got, want)
		}
	}
	if (*Region)(nil).Wait(0) != nil || (&Region{size: mm.PageSize}).Wait(0) != nil {
		t.Error("there is an argument of a wait without a region for them")
	}
}
