package sim

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestSetupFlags: rules about single flags and pairs.
func TestSetupFlags(t *testing.T) {
	rows := []struct{ flags, want, why string }{
		{"0", "0", ""}, {"0x200000", "EINVAL", "the first unknown bit"},
		{"SQ_REWIND|NO_SQARRAY", "EINVAL <7.0 0", "no-sq-rewind"},
		{"SQ_REWIND", "EINVAL", "needs NO_SQARRAY"}, {"SQ_REWIND|NO_SQARRAY|SQPOLL", "EINVAL", ""},
		{"REGISTERED_FD_ONLY", "EINVAL", "needs NO_MMAP"},
		{"REGISTERED_FD_ONLY|NO_MMAP", "EFAULT", "with it, memory is missing"},
		{"SQPOLL|COOP_TASKRUN", "EINVAL", ""}, {"SQPOLL|SINGLE_ISSUER|DEFER_TASKRUN", "EINVAL", ""},
		{"TASKRUN_FLAG", "EINVAL", ""},
		{"TASKRUN_FLAG|COOP_TASKRUN", "0", ""}, {"TASKRUN_FLAG|DEFER_TASKRUN|SINGLE_ISSUER", "0", ""},
		{"HYBRID_IOPOLL", "EINVAL", ""},
		{"HYBRID_IOPOLL|IOPOLL", "0", ""}, {"DEFER_TASKRUN", "EINVAL", ""}, {"DEFER_TASKRUN|SINGLE_ISSUER", "0", ""},
		{"CQE32|CQE_MIXED", "EINVAL", ""}, {"SQE128|SQE_MIXED", "EINVAL", ""}, {"CQE32|SQE_MIXED", "0", ""},
		{"NO_MMAP", "EFAULT", ""},
		{"SQ_AFF", "EINVAL", "needs SQPOLL"}, {"SQPOLL|SQ_AFF", "0", ""}, {"ATTACH_WQ", "EINVAL", "descriptor 0 is no ring"},
		{"CQSIZE", "EINVAL", "of 0 entries"},
	}
	for _, k := range kernel.Measured() {
		for _, r := range rows {
			flags, err := uapi.SetupFlags.ParseFlags(r.flags)
			if err != nil {
				t.Fatal(err)
			}
			res := drive(t, k).setup("init", "r", uint32(flags))
			got, want := uapi.FormatRet(min(res.Ret, 0)), r.want
			if want == "EINVAL <7.0 0" {
				want = map[bool]string{true: "EINVAL", false: "0"}[k.Name == "6.19"]
			}
			if got != want {
				t.Errorf("%s: %s = %s, want %s (%s): %v", k.Name, r.flags, got, want, r.why, res.Why)
			}
		}
	}
}

// TestSetupSizes: entries are rounded and bounded, and the offsets follow from them.
func TestSetupSizes(t *testing.T) {
	const clamp, cqsize, cqe32 = uapi.IORING_SETUP_CLAMP, uapi.IORING_SETUP_CQSIZE, uapi.IORING_SETUP_CQE32
	rows := []struct {
		entries, flags, cq uint32
		want               string // an errno, or "sq cq array"
	}{
		{0, 0, 0, "EINVAL"}, {1, 0, 0, "1 2 128"}, {3, 0, 0, "4 8 192"}, {8, 0, 0, "8 16 320"}, {8, cqe32, 0, "8 16 640"},
		{32768, 0, 0, "32768 65536 1048640"}, {32769, 0, 0, "EINVAL"}, {32769, clamp, 0, "32768 65536 1048640"},
		{1 << 31, 0, 0, "EINVAL"},
		{0, clamp, 0, "EINVAL"}, {8, cqsize, 0, "EINVAL"}, {8, cqsize, 9, "8 16 320"}, {8, cqsize, 8, "8 8 192"},
		{8, cqsize, 7, "8 8 192"},
		{8, cqsize, 4, "EINVAL"}, {8, cqsize, 65536, "8 65536 1048640"}, {8, cqsize, 65537, "EINVAL"},
		{8, cqsize | clamp, 1 << 31, "8 65536 1048640"},
		{8, 0, 999, "8 16 320"}, {8, uapi.IORING_SETUP_NO_SQARRAY, 0, "8 16 0"},
		{1, uapi.IORING_SETUP_SQE_MIXED, 0, "EOVERFLOW"}, {1, uapi.IORING_SETUP_CQE_MIXED | cqsize, 1, "EOVERFLOW"},
		{1, uapi.IORING_SETUP_CQE_MIXED, 0, "1 2 128"},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		res := d.setupParams("init", "r", r.entries, uapi.Params{Flags: r.flags, CQEntries: r.cq})
		got := uapi.FormatRet(res.Ret)
		if res.Ret >= 0 {
			raw, err := d.k.Read("init", paramsAt, uapi.SizeofParams)
			if err != nil {
				t.Fatal(err)
			}
			p := uapi.DecodeParams(raw)
			got = fmt.Sprint(p.SQEntries, p.CQEntries, p.SQOff.Array)
		}
		if got != r.want {
			t.Errorf("entries %d, flags %s, cq_entries %d: %s, want %s", r.entries,
				uapi.SetupFlags.FormatFlags(uint64(r.flags)), r.cq, got, r.want)
		}
	}
}

// TestSetupWritesBack: the parameters of a plain ring, as all kernels give them.
func TestSetupWritesBack(t *testing.T) {
	for _, k := range kernel.Measured() {
		d := drive(t, k)
		d.must(d.setupParams("init", "r", 8, uapi.Params{SQThreadCPU: 5, SQThreadIdle: 6, WQFD: 7,
			SQOff: uapi.SQRingOffsets{UserAddr: 9}}), 3)
		raw, _ := d.k.Read("init", paramsAt, uapi.SizeofParams)
		want := uapi.Params{SQEntries: 8, CQEntries: 16, SQThreadCPU: 5, SQThreadIdle: 6, WQFD: 7, Features: 0x3ffff,
			SQOff: uapi.SQRingOffsets{Head: 0, Tail: 4, RingMask: 16, RingEntries: 24, Flags: 36, Dropped: 32, Array: 320},
			CQOff: uapi.CQRingOffsets{Head: 8, Tail: 12, RingMask: 20, RingEntries: 28, Overflow: 44, CQEs: 64, Flags: 40}}
		if diff := cmp.Diff(want, uapi.DecodeParams(raw)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", k.Name, diff)
		}
	}
}

// TestSetupOrder: of two things that are wrong, the first in the kernel's order speaks.
func TestSetupOrder(t *testing.T) {
	resv := [3]uint32{0, 0, 1}
	rows := []struct {
		entries uint32
		p       uapi.Params
		want    string
		why     string
	}{
		{0, uapi.Params{Resv: resv}, "EINVAL resv must be 0", ""},
		{0, uapi.Params{Flags: 1 << 21}, "EINVAL unknown flags 0x200000", "flags before entries"},
		{8, uapi.Params{Flags: 1<<21 | uapi.IORING_SETUP_TASKRUN_FLAG}, "EINVAL unknown flags 0x200000",
			"unknown flags before pairs"},
		{0, uapi.Params{Flags: uapi.IORING_SETUP_NO_MMAP}, "EINVAL entries must be 1 to 32768", "sizes before memory"},
		{8, uapi.Params{Flags: uapi.IORING_SETUP_NO_MMAP | uapi.IORING_SETUP_ATTACH_WQ, WQFD: 99},
			"EFAULT cq_off.user_addr must be given", "memory before the thread"},
		{8, uapi.Params{Flags: uapi.IORING_SETUP_ATTACH_WQ, WQFD: 99}, "ENXIO wq_fd must be open", ""},
	}
	for _, r := range rows {
		res := drive(t, kernel.V7_3).setupParams("init", "r", r.entries, r.p)
		if res.Why == nil {
			t.Errorf("%+v: accepted", r.p)
		} else if got := uapi.FormatRet(res.Ret) + " " + res.Why.Why; got != r.want {
			t.Errorf("%+v: %s, want %s (%s)", r.p, got, r.want, r.why)
		}
	}
}

// TestSetupMemory: parameters that cannot be read or written, and rings in user memory.
func TestSetupMemory(t *testing.T) {
	d := drive(t, kernel.V7_3)
	call := func(at uint64) string {
		return uapi.FormatRet(d.do("init", trace.Setup{Ring: "x", Entries: 8, Params: at}).Ret)
	}
	d.do("init", trace.Protect{Addr: memAt + 0x4000, Size: 0x1000, Prot: trace.ProtRead})
	got := []string{call(0), call(0x7000_0000), call(memAt + memSize - 119), call(memAt + 0x4000)}
	if diff := cmp.Diff([]string{"EFAULT", "EFAULT", "EFAULT", "EFAULT"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, ok := d.k.Ring("x"); ok {
		t.Error("a ring that failed must not be there")
	}
	rows := []struct {
		cq, sq uint64
		want   string
	}{
		{memAt + 0x5000, memAt + 0x6000, "3"}, {0, memAt + 0x6000, "EFAULT"}, {memAt + 0x5000, 0, "EFAULT"},
		{memAt + 0x5008, memAt + 0x6000, "EINVAL"},
		{memAt + 0x4000, memAt + 0x6000, "EFAULT"}, {memAt + 0x5000, 0x7000_0000, "EFAULT"},
	}
	for _, r := range rows {
		d := drive(t, kernel.V7_3)
		d.do("init", trace.Protect{Addr: memAt + 0x4000, Size: 0x1000, Prot: trace.ProtRead})
		p := uapi.Params{Flags: uapi.IORING_SETUP_NO_MMAP}
		p.CQOff.UserAddr, p.SQOff.UserAddr = r.cq, r.sq
		if got := uapi.FormatRet(d.setupParams("init", "r", 8, p).Ret); got != r.want {
			t.Errorf("cq %#x, sq %#x: %s, want %s", r.cq, r.sq, got, r.want)
		}
	}
}

// TestRegisteredFDOnly: a ring without a descriptor, of which a task has 16.
func TestRegisteredFDOnly(t *testing.T) {
	d := drive(t, kernel.V7_3)
	p := uapi.Params{Flags: uapi.IORING_SETUP_NO_MMAP | uapi.IORING_SETUP_REGISTERED_FD_ONLY}
	p.CQOff.UserAddr, p.SQOff.UserAddr = memAt+0x5000, memAt+0x6000
	for i := range int64(16) {
		d.must(d.setupParams("init", fmt.Sprint("r", i), 8, p), i)
	}
	d.must(d.setupParams("init", "r16", 8, p), uapi.EBUSY.Ret())
	r := d.do("init", trace.Enter{FD: 2, Ring: "r2", Flags: uapi.IORING_ENTER_REGISTERED_RING, ToSubmit: 1, Tail: 1})
	if got := show(r); got != "1: 0 0" {
		t.Errorf("enter by index: %s", got)
	}
}
