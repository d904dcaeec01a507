package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// flagFilter denies a NOP whose flags, as filters see them, have any of the bits.
func flagFilter(bits uint8) string {
	return fmt.Sprintf("ld [8]\n jset #%#x, +0, +1\n ret #0\n ret #1", uint32(bits)<<8)
}

// TestDrainFlags: what draining adds to the flags that a filter sees. The filter denies NOPs with ASYNC.
func TestDrainFlags(t *testing.T) {
	rows := []struct {
		sqes string
		want string // user_data of the denied
		why  string
	}{
		{"1 NOP,2 NOP+A", "2", "ASYNC of the program"}, {"1 NOP+D", "1", "the draining request itself"},
		{"1 NOP+D,2 NOP,3 NOP", "1 2 3", "and those behind it: being denied does not end the drain"},
		{"1 NOP+L,2 NOP+D,3 NOP", "3 2", "the head of a chain gets its flags only after its filter ran"},
		{"1 200+D,2 NOP", "", "an opcode that does not exist does not drain"}, {"1 NOP+DX,2 NOP", "", "nor an unknown flag"},
		{"1 NOP+DB,2 NOP", "", "nor a flag that is refused before"},
		{"1 NOP+D ioprio=1,2 NOP", "2", "a later failure leaves the drain on"},
		{"1 NOP+S,2 NOP+D,3 NOP", "", "CQE_SKIP rules drains out"},
	}
	for _, k := range kernel.Measured()[1:] {
		for _, r := range rows {
			d := drive(t, k)
			d.must(d.setup("init", "r", submitAll), 3)
			d.must(d.filter("init", "r", uapi.IORING_OP_NOP, flagFilter(0x10), 0), 0)
			var got []string
			for _, f := range strings.Split(d.enter("init", "r", r.sqes, 0), ",") {
				if name, ok := strings.CutSuffix(strings.TrimSuffix(f, "~"), " EACCES"); ok {
					got = append(got, name[strings.LastIndex(name, " ")+1:])
				}
			}
			if diff := cmp.Diff(strings.Fields(r.want), got); diff != "" && len(got)+len(r.want) > 0 {
				t.Errorf("%s: [%s] %s (-want +got):\n%s", k.Name, r.sqes, r.why, diff)
			}
		}
	}
}

// TestDrainNext: after a chain with a drain in its middle, the next request drains as well.
func TestDrainNext(t *testing.T) {
	for _, k := range kernel.Measured()[1:] {
		d := drive(t, k)
		d.must(d.setup("init", "r", submitAll), 3)
		d.must(d.filter("init", "r", uapi.IORING_OP_NOP, flagFilter(2), 0), 0)
		got := d.enter("init", "r", "1 NOP+L,2 MADVISE+D,3 NOP,4 NOP", 0)
		if !strings.Contains(got, "3 EACCES") || strings.Contains(got, "4 EACCES") || strings.Contains(got, "1 EACCES") {
			t.Errorf("%s: %s, want DRAIN in the flags of 3 alone", k.Name, got)
		}
	}
}

// TestDrainResults: requests that drain complete, in order, and later ones behind them.
func TestDrainResults(t *testing.T) {
	rows := []enterRow{
		{0, "1 NOP,2 NOP+D,3 NOP", "3: 1 0, 2 0~, 3 0~", "a drain waits for what is before it"},
		{0, "1 NOP+D", "1: 1 0~", ""}, {0, "1 NOP+S,2 NOP+D", "2: 2 EOPNOTSUPP", "CQE_SKIP rules drains out"},
		{0, "1 200+S,2 NOP", "1: 1 EINVAL", ""},
		{submitAll, "1 200+S,2 NOP+D", "2: 1 EINVAL, 2 0~", "flags of what does not exist do not count"},
		{submitAll, "1 NOP+S ioprio=1,2 NOP+D", "2: 1 EINVAL, 2 EOPNOTSUPP", "those of what fails later do"},
		{submitAll, "1 NOP+D ioprio=1,2 NOP", "2: 1 EINVAL, 2 0~", ""},
		{0, "1 NOP+L,2 NOP+D,3 NOP", "3: 1 0~, 2 0~, 3 0~", "a drain in a chain makes its head wait"},
	}
	checkEnters(t, rows)
}

// TestDrainDisabledForGood: one CQE_SKIP rules drains out on the ring for ever.
func TestDrainDisabledForGood(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	got := []string{d.enter("init", "r", "1 NOP+S", 0), d.enter("init", "r", "2 NOP", 0), d.enter("init", "r", "3 NOP+D",
		0)}
	if diff := cmp.Diff([]string{"1:", "1: 2 0", "1: 3 EOPNOTSUPP"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOverflow: what does not fit in the CQ ring waits behind it, in order, until an enter asks for events.
func TestOverflow(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setupParams("init", "r", 8, uapi.Params{Flags: uapi.IORING_SETUP_CQSIZE, CQEntries: 8}), 3)
	keep := func(sqes string, flags, wait uint32) string {
		list := strings.Split(sqes, ",")
		if sqes == "" {
			list = nil
		}
		return d.enterWith("init", "r", list, trace.Enter{ToSubmit: uint32(len(list)), Flags: flags, MinComplete: wait,
			KeepCQEs: true})
	}
	got := []string{
		keep("1 NOP,2 NOP,3 NOP,4 NOP,5 NOP,6 NOP", 0, 0), keep("7 NOP,8 NOP,9 NOP,10 NOP", 0, 0), keep("", getEvents, 8),
		d.enter("init", "r", "", 0), d.enter("init", "r", "11 NOP", 0), d.enter("init", "r", "", getEvents),
	}
	want := []string{"6: 1 0, 2 0, 3 0, 4 0, 5 0, 6 0", "4: 7 0, 8 0", "0:", "0:", "1:", "0: 9 0, 10 0, 11 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a look that keeps the CQEs makes no room; a later CQE stays behind those that wait (-want +got):\n%s", diff)
	}
}

// TestMixedCQEs: a 32-byte CQE takes two entries, and does not wrap around.
func TestMixedCQEs(t *testing.T) {
	const mixed = uapi.IORING_SETUP_CQE_MIXED
	big := func(n int) string { return fmt.Sprintf("%d NOP nop_flags=0x20 off=%d addr=9", n, n) }
	for _, first := range []string{"1 NOP", big(1)} {
		d := drive(t, kernel.V7_3)
		d.must(d.setupParams("init", "r", 8, uapi.Params{Flags: mixed | uapi.IORING_SETUP_CQSIZE, CQEntries: 8}), 3)
		list := strings.Join([]string{first, big(2), big(3), big(4), big(5)}, ",")
		got := d.enter("init", "r", list, 0) + " then" + strings.TrimPrefix(d.enter("init", "r", "", getEvents), "0:")
		want := "5: 1 0, 2 0/CQE_F_32, 3 0/CQE_F_32, 4 0/CQE_F_32 then 5 0/CQE_F_32" // 1 and 6 entries, one left
		if first != "1 NOP" {
			want = "5: 1 0/CQE_F_32, 2 0/CQE_F_32, 3 0/CQE_F_32, 4 0/CQE_F_32 then 5 0/CQE_F_32"
		}
		if got != want {
			t.Errorf("[%s]\n got %s\nwant %s", list, got, want)
		}
	}
}

// TestZeroCopyNotifications: a zero-copy send that is refused posts two CQEs.
func TestZeroCopyNotifications(t *testing.T) {
	checkEnters(t, []enterRow{
		{0, "1 SEND_ZC ioprio=2", "1: 1 EINVAL/MORE, 1 0/NOTIF", "refused after the notification was made"},
		{0, "1 SEND_ZC+S", "1: 1 EINVAL", "refused before"}, {0, "1 SEND_ZC __pad2=1", "1: 1 EINVAL", ""},
	})
	for _, k := range kernel.Measured()[1:] {
		d := drive(t, k)
		d.must(d.setup("init", "r", 0), 3)
		d.must(d.filter("init", "r", uapi.IORING_OP_SEND_ZC, "ret #0", 0), 0)
		want := "1: 1 EACCES/MORE, 9 0/NOTIF"
		if k.Name == "7.0" {
			want = "1: 1 EINVAL"
		}
		if got := d.enter("init", "r", "1 SEND_ZC addr3=9", 0); got != want {
			t.Errorf("%s: denied with a user_data for the notification: %s, want %s", k.Name, got, want)
		}
	}
}
