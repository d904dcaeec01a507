package sim

import (
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestBuffers: groups that come with the first buffers, and stay when these are gone.
func TestBuffers(t *testing.T) {
	rows := []struct{ sqes, want, why string }{
		{"1 REMOVE_BUFFERS fd=1 buf_group=1", "1: 1 ENOENT", ""},
		{"1 PROVIDE_BUFFERS fd=5 len=1 buf_group=1", "1: 1 0", ""},
		{"1 REMOVE_BUFFERS fd=3 buf_group=2", "1: 1 ENOENT", "another group"},
		{"1 REMOVE_BUFFERS fd=3 buf_group=1,2 REMOVE_BUFFERS fd=3 buf_group=1", "2: 1 3, 2 2", ""},
		{"1 REMOVE_BUFFERS fd=3 buf_group=1", "1: 1 0", "an empty group is one"},
		{"1 PROVIDE_BUFFERS+L fd=1 len=1 buf_group=9,2 NOP", "2: 1 EINVAL, 2 ECANCELED", "a ring"},
		{"1 REMOVE_BUFFERS fd=1 buf_group=9", "1: 1 EINVAL", ""},
		{"1 PROVIDE_BUFFERS+A fd=1 len=1 buf_group=3", "1: 1 0~", "by a worker"},
	}
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	r, _ := d.k.Ring("r")
	r.AddGroup(9, &register.BufferGroup{Ring: true})
	for _, row := range rows {
		if got := d.enter("init", "r", row.sqes, 0); got != row.want {
			t.Errorf("[%s] %s, want %s (%s)", row.sqes, got, row.want, row.why)
		}
	}
}

// TestFullGroup: a group has an end, which a request reaches, and the next does not pass.
func TestFullGroup(t *testing.T) {
	for _, k := range kernel.Measured() {
		want := "3: 1 0, 2 0, 3 EOVERFLOW"
		if k.Has(kernel.BufferGroup65535) {
			want = "3: 1 0, 2 EOVERFLOW, 3 EOVERFLOW"
		}
		d := drive(t, k)
		d.must(d.setup("init", "r", 0), 3)
		const sqes = "1 PROVIDE_BUFFERS fd=65535 len=1,2 PROVIDE_BUFFERS fd=2 len=1,3 PROVIDE_BUFFERS fd=1 len=1"
		got := d.enter("init", "r", sqes, 0)
		if got != want {
			t.Errorf("%s: %s, want %s", k, got, want)
		}
	}
}

// TestSelectedBuffers: what is left in a group is not known when requests have selected from it.
func TestSelectedBuffers(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	known := func(n uint32, cqes ...uapi.CQE) trace.Enter { return trace.Enter{ToSubmit: n, Known: cqes} }
	got := d.enterWith("init", "r", []string{"1 PROVIDE_BUFFERS fd=2 len=1", "2 READ+B fd=0 len=1"},
		known(2, uapi.CQE{UserData: 2, Res: 1}))
	if want := "2: 1 0, 2 1~"; got != want {
		t.Errorf("read: %s, want %s", got, want)
	}
	if got := d.enter("init", "r", "3 REMOVE_BUFFERS fd=2", 0); got != "1:" {
		t.Errorf("remove without a recording: %s", got)
	}
	got = d.enterWith("init", "r", []string{"4 REMOVE_BUFFERS fd=2", "5 PROVIDE_BUFFERS fd=1 len=1"},
		known(2, uapi.CQE{UserData: 4, Res: 1}))
	if want := "2: 4 1~, 5 0"; got != want {
		t.Errorf("remove as recorded: %s, want %s", got, want)
	}
}
