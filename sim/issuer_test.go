package sim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// play plays a trace without recorded results, and returns the CQEs of each event after the setup.
func play(t *testing.T, k *sim.Kernel, events ...string) []string {
	t.Helper()
	doc := `{"trace":1,"events":[{"call":"setup","ring":"r","entries":8},` + strings.Join(events, ",") + `]}`
	tr, err := trace.Read(strings.NewReader(doc), "test")
	if err != nil {
		t.Fatal(err)
	}
	p := trace.NewPlayer(k, k.Release().Name)
	var out []string
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			t.Fatal(err)
		}
		var cqes []string
		for _, c := range o.CQEs {
			cqes = append(cqes, fmt.Sprintf("%d:%s", c.UserData, uapi.FormatRet(int64(c.Res))))
		}
		if o.Unmodelled != "" {
			cqes = append(cqes, "not modelled: "+o.Unmodelled)
		}
		out = append(out, strings.Join(cqes, " "))
	}
	return out[1:]
}

// enter is an event that submits SQEs.
func enter(sqes string) string {
	return `{"call":"enter","fd":3,"ring":"r","sqes":[` + sqes + `]}`
}

// TestMemory: what the small Issuer does.
func TestMemory(t *testing.T) {
	const open, write = `{"opcode":"OPENAT","user_data":1,"addr":{"path":"/a"},"open_flags":"CREAT|RDWR"}`,
		`{"opcode":"WRITE","user_data":2,"fd":4,"addr":{"bytes":"68656c6c6f"},"len":5}`
	rows := []struct {
		events []string
		want   []string
		why    string
	}{
		{[]string{enter(`{"opcode":"OPENAT","user_data":1,"addr":{"path":"/b"}}`)}, []string{"1:ENOENT"}, "no such file"},
		{[]string{enter(open), enter(write), enter(`{"opcode":"READ","user_data":3,"fd":4,"addr":{"bytes":"000000000000"},"len":6}`)},
			[]string{"1:4", "2:5", "3:5"}, "the lowest descriptor; a read ends at the end of the file"},
		{[]string{enter(open), enter(`{"opcode":"READ","user_data":3,"flags":"IO_LINK","fd":4,"addr":{"bytes":"00"},"len":1},{"user_data":4}`)},
			[]string{"1:4", "3:0 4:ECANCELED"}, "a short read breaks its chain"},
		{[]string{enter(open), enter(`{"opcode":"OPENAT","user_data":5,"addr":{"path":"/a"},"open_flags":"CREAT|EXCL"}`)},
			[]string{"1:4", "5:EEXIST"}, ""},
		{[]string{enter(`{"opcode":"OPENAT","user_data":1,"addr":{"path":"/a"},"open_flags":"CREAT","file_index":1}`)},
			[]string{"1:ENXIO"}, "a slot needs registered files"},
		{[]string{`{"call":"register","fd":3,"op":"FILES","arg":{"fds":[-1,-1]},"nr":2}`,
			enter(`{"opcode":"OPENAT","user_data":1,"addr":{"path":"/a"},"open_flags":"CREAT","file_index":2}`),
			enter(`{"opcode":"WRITE","user_data":2,"flags":"FIXED_FILE","fd":1,"addr":{"bytes":"68"},"len":1}`)},
			[]string{"", "1:0", "2:1"}, "into a slot"},
		{[]string{enter(`{"opcode":"STATX","user_data":1,"addr":{"path":"/a"}}`)}, []string{""}, "what it does not know stays unknown"},
	}
	for _, r := range rows {
		k := sim.New(kernel.V7_3)
		k.SetIssuer(&sim.Memory{})
		if diff := cmp.Diff(r.want, play(t, k, r.events...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.why, diff)
		}
	}
}

// TestPending: requests in flight are io_uring's to cancel.
func TestPending(t *testing.T) {
	const socket = `{"opcode":"SOCKET","user_data":1,"fd":2,"off":1}`
	const recv = `{"opcode":"RECV","user_data":2,"fd":4,"addr":{"bytes":"00"},"len":1}`
	rows := []struct {
		events []string
		want   []string
		why    string
	}{
		{[]string{enter(socket), enter(recv), enter(`{"opcode":"ASYNC_CANCEL","user_data":3,"addr":2}`)},
			[]string{"1:4", "", "3:0 2:ECANCELED"}, "by user_data"},
		{[]string{enter(socket), enter(recv), enter(`{"opcode":"ASYNC_CANCEL","user_data":3,"fd":0,"cancel_flags":"FD"},{"opcode":"ASYNC_CANCEL","user_data":4,"fd":4,"cancel_flags":"FD|ALL"}`)},
			[]string{"1:4", "", "3:ENOENT 4:1 2:ECANCELED"}, "by file"},
		{[]string{enter(socket), enter(`{"opcode":"RECV","user_data":2,"flags":"IO_LINK","fd":4,"addr":{"bytes":"00"},"len":1},{"opcode":"LINK_TIMEOUT","user_data":3,"addr":{"timespec":{"sec":5}},"len":1}`),
			`{"call":"enter","fd":3,"ring":"r","min_complete":2,"flags":"GETEVENTS"}`},
			[]string{"1:4", "", "3:ETIME 2:ECANCELED"}, "by its timeout, when the program waits long enough"},
		{[]string{enter(socket), enter(`{"opcode":"POLL_ADD","user_data":2,"fd":4,"poll32_events":1}`), enter(`{"opcode":"POLL_REMOVE","user_data":3,"addr":9},{"opcode":"POLL_REMOVE","user_data":4,"addr":2}`)},
			[]string{"1:4", "", "3:ENOENT 4:0 2:ECANCELED"}, "a poll"},
	}
	for _, r := range rows {
		k := sim.New(kernel.V7_3)
		k.SetIssuer(&sim.Memory{})
		if diff := cmp.Diff(r.want, play(t, k, r.events...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.why, diff)
		}
	}
}

// TestComplete: a test ends a request when it likes.
func TestComplete(t *testing.T) {
	k := sim.New(kernel.V7_3)
	k.SetIssuer(sim.IssuerFunc(func(*sim.Issue) sim.Completion { return sim.Completion{State: sim.Pending} }))
	play(t, k, enter(`{"opcode":"READ","user_data":1,"flags":"IO_LINK","addr":{"bytes":"00"},"len":1},{"user_data":2}`))
	if err := k.Complete("r", 1, 1, 0); err != nil {
		t.Fatal(err)
	}
	r := k.Do(trace.InitTask, trace.Reap{Ring: "r"})
	if r.Err != nil || len(r.Ring.CQEs) != 2 || r.Ring.CQEs[0].Res != 1 || r.Ring.CQEs[1].UserData != 2 {
		t.Errorf("CQEs %+v, %v; want 1 of user_data 1, and the next of the chain", r.Ring, r.Err)
	}
	for ring, want := range map[string]string{"r": "no pending request", "x": "no ring"} {
		if err := k.Complete(ring, 1, 1, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Complete of %s again: %v, want %q", ring, err, want)
		}
	}
}

// TestMemoryAsKernels: open files have positions as on kernels, which recorded this trace.
func TestMemoryAsKernels(t *testing.T) {
	tr, err := trace.ReadFile("../testdata/kernel/file-position.json")
	if err != nil {
		t.Fatal(err)
	}
	k := sim.New(kernel.V7_3)
	k.SetIssuer(&sim.Memory{})
	p := trace.NewPlayer(k, k.Release().Name)
	compared := 0
	for i := range tr.Events {
		e := tr.Events[i]
		recorded := e.Results
		e.Results = nil
		o, err := p.Play(&e)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range o.CQEs {
			if want := recorded[0].CQEs[0].Res; int64(c.Res) != int64(want) {
				t.Errorf("user_data %d: %d, recorded %d", c.UserData, c.Res, want)
			}
			compared++
		}
	}
	if compared != 9 {
		t.Errorf("%d results compared, want all 9 but that of UNLINKAT, which Memory does not know", compared)
	}
}
