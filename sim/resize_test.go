package sim

import (
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// resize gives a ring other sizes; the CQ's counts with CQSIZE only.
func (d *driver) resize(ring string, sq, cq uint32) string {
	d.Helper()
	p := uapi.Params{SQEntries: sq, CQEntries: cq}
	if cq > 0 {
		p.Flags = uapi.IORING_SETUP_CQSIZE
	}
	d.write("init", regAt, p.Append(nil))
	r := d.register("init", ring, uapi.IORING_REGISTER_RESIZE_RINGS, regAt, 1)
	if r.Unmodelled != "" {
		return "unmodelled"
	}
	if resized := r.Resized != ""; resized != (r.Ret == 0) {
		d.Errorf("ret %s, resized %q", uapi.FormatRet(r.Ret), r.Resized)
	}
	return uapi.FormatRet(r.Ret)
}

// TestResize: what becomes of requests that nobody has submitted, and of CQEs that nobody has taken. Before the resize
// CQEs stay in a ring of 8 and 16 entries and SQEs are put there; afterwards those are submitted.
func TestResize(t *testing.T) {
	const noArray, bigCQEs = uapi.IORING_SETUP_NO_SQARRAY, uapi.IORING_SETUP_CQE_MIXED
	rows := []struct {
		flags      uint32
		cqes, sqes string
		sq, cq     uint32
		want       string
		on72, on71 string // if they differ from those after them
		why        string
	}{
		{noArray, "", "1 NOP,2 NOP,3 NOP", 4, 0, "0 3: 1 0, 2 0, 3 0", "", "", ""},
		{noArray, "", "1 NOP,2 NOP,3 NOP", 2, 0, "EOVERFLOW 3: 1 0, 2 0, 3 0", "", "", "they stay in the old ring"},
		{noArray, "7 NOP", "1 NOP,2 NOP", 2, 0, "0 2: 1 0, 2 0", "", "", "1 and 2 become 1 and 0"},
		{noArray, "7 NOP,8 NOP,9 NOP", "1 NOP,2 NOP", 2, 0, "0 2: 1 0", "", "", "the fifth of four CQEs waits"},
		{0, "", "1 NOP,2 NOP,3 NOP", 32, 0, "0 3: 1 0, 2 0, 3 0", "", "0 3: 1 0, 1 0, 1 0", "the array is lost"},
		{0, "7 NOP", "1 NOP", 16, 0, "0 1: 1 0", "", "0 1: 0 0", "SQE 0 is empty"},
		{0, "7 NOP,8 NOP,9 NOP", "1 NOP", 2, 0, "0 1: 1 0", "", "0 1: 0 0", "three CQEs of four"},
		{0, "7 NOP,8 NOP,9 NOP", "1 NOP", 2, 2, "EOVERFLOW 1: 1 0", "", "", "three CQEs of two"},
		{bigCQEs | noArray, "7 NOP,8 NOP nop_flags=32", "1 NOP", 2, 4, "0 1: 1 0", "", "", "at 1 and 2"},
		{bigCQEs | noArray, "7 NOP,8 NOP,9 NOP,8 NOP nop_flags=32", "1 NOP", 4, 0, "0 1: 1 0", "", "", "at 3 and 4 of 8"},
		{bigCQEs | noArray, "8 NOP,9 NOP,5 NOP,7 NOP nop_flags=32", "1 NOP", 2, 0, "EOVERFLOW 1: 1 0", "", "", "5 of 4"},
		{bigCQEs | noArray, "8 NOP,7 NOP nop_flags=32", "1 NOP", 2, 2, "EOVERFLOW 1: 1 0", "", "", "3 of 2"},
		{0, "", "1 NOP", 0, 0, "EINVAL 1: 1 0", "", "", ""},
		{0, "", "1 NOP", 8, 4, "EINVAL 1: 1 0", "", "", "a CQ smaller than the SQ"},
	}
	for _, r := range rows {
		for _, k := range []kernel.Release{kernel.V7_1, kernel.V7_2, kernel.V7_3} {
			want := r.want
			if r.on72 != "" && k.Name != kernel.V7_3.Name {
				want = r.on72
			}
			if r.on71 != "" && k.Name == kernel.V7_1.Name {
				want = r.on71
			}
			d := drive(t, k)
			d.must(d.setup("init", "r", deferTW|submitAll|r.flags), 3)
			if r.cqes != "" {
				list := strings.Split(r.cqes, ",")
				d.enterWith("init", "r", list, trace.Enter{ToSubmit: uint32(len(list)), KeepCQEs: true})
			}
			list := strings.Split(r.sqes, ",")
			d.enterWith("init", "r", list, trace.Enter{KeepCQEs: true})
			got := d.resize("r", r.sq, r.cq) + " "
			got += d.enterWith("init", "r", nil, trace.Enter{ToSubmit: uint32(len(list))})
			if got != want {
				t.Errorf("%s, flags %#x, CQEs of %s, then %s, resized to %d and %d: %s, want %s (%s)", k.Name, r.flags, r.cqes,
					r.sqes, r.sq, r.cq, got, want, r.why)
			}
		}
	}
}

// TestResizeTornCQE: a CQE that a resize puts to both ends of the ring becomes two.
func TestResizeTornCQE(t *testing.T) {
	for k, want := range map[string]string{"7.2": "0 0: 2 0/CQE_F_32, 0 0", "7.3": "EOVERFLOW 0: 2 0/CQE_F_32"} {
		release, err := kernel.Parse(k)
		if err != nil {
			t.Fatal(err)
		}
		d := drive(t, release)
		d.must(d.setup("init", "r", deferTW|uapi.IORING_SETUP_CQE_MIXED), 3)
		d.enterWith("init", "r", []string{"1 NOP", "2 NOP nop_flags=32"}, trace.Enter{ToSubmit: 1})
		d.do("init", trace.Enter{FD: 3, ToSubmit: 1}) // without a look at the ring
		if got := d.resize("r", 1, 2) + " " + d.enter("init", "r", "", 0); got != want {
			t.Errorf("%s: %s, want %s", k, got, want)
		}
	}
}

// TestResizeUnknown: what depends on limits, or happens in place.
func TestResizeUnknown(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setupParams("init", "user", 8, uapi.Params{Flags: deferTW | uapi.IORING_SETUP_NO_MMAP,
		SQOff: uapi.SQRingOffsets{UserAddr: memAt + 0x5000}, CQOff: uapi.CQRingOffsets{UserAddr: memAt + 0x6000}}), 3)
	if got := d.resize("user", 4, 0); got != "EFAULT" {
		t.Errorf("a ring that gets no memory: %s", got)
	}
	p := uapi.Params{SQEntries: 8, SQOff: uapi.SQRingOffsets{UserAddr: memAt + 0x7000},
		CQOff: uapi.CQRingOffsets{UserAddr: memAt + 0x8000}}
	d.write("init", regAt, p.Append(nil))
	if r := d.register("init", "user", uapi.IORING_REGISTER_RESIZE_RINGS, regAt, 1); r.Ret != 0 || r.Unmodelled != "" {
		t.Errorf("a ring in memory of the program: %s, %s", uapi.FormatRet(r.Ret), r.Unmodelled)
	}
	d.write("init", regAt, p.Append(nil))
	if r := d.register("init", "user", uapi.IORING_REGISTER_RESIZE_RINGS, regAt, 1); r.Unmodelled == "" {
		t.Errorf("a ring that is resized into its own memory: %s", uapi.FormatRet(r.Ret))
	}
	d.do("init", trace.DropPrivileges{})
	d.must(d.setup("init", "limited", deferTW), 4)
	got := []string{d.resize("limited", 1024, 0), d.resize("limited", 32768, 65536)}
	if got[0] != "0" || got[1] != "unmodelled" {
		t.Errorf("1024 and 32768 entries with a limit of memory: %s", got)
	}
}
