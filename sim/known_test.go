package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestKnownAbout: recorded CQEs go to the requests that they are of, whatever a call does to those in flight. Each row
// submits first, of which nothing is known, and then a call with the known CQEs.
func TestKnownAbout(t *testing.T) {
	const ecanceled = -125
	rows := []struct {
		why         string
		first, then string
		known       []uapi.CQE
		want        string
	}{
		{"a request is there to be cancelled in the call that shows its end", "1 POLL_ADD fd=0", "2 ASYNC_CANCEL addr=1",
			[]uapi.CQE{{UserData: 2}, {UserData: 1, Res: ecanceled}}, "1: 2 0~, 1 ECANCELED~"},
		{"also if that call submitted it", "", "1 POLL_ADD fd=0,2 ASYNC_CANCEL addr=1",
			[]uapi.CQE{{UserData: 2}, {UserData: 1, Res: ecanceled}}, "2: 2 0~, 1 ECANCELED~"},
		{"a poll is there to be updated", "1 POLL_ADD fd=0", "2 POLL_REMOVE addr=1 len=2",
			[]uapi.CQE{{UserData: 2}, {UserData: 1, Res: 4}}, "1: 2 0~, 1 4~"},
		{"a request in flight does not take the CQE of a new one", "1 POLL_ADD fd=0", "1 NOP", []uapi.CQE{{UserData: 1}}, "1: 1 0"},
		{"a chain goes on behind a request that posts no CQE for success", "", "1 READ+L+S fd=0 len=7,2 NOP",
			[]uapi.CQE{{UserData: 2}}, "2: 2 0~"},
		{"and waits if there is nothing behind it", "", "1 READ+L+S fd=0 len=7,2 NOP", []uapi.CQE{}, "2:"},
		{"and takes what is left", "1 POLL_ADD fd=0", "1 NOP", []uapi.CQE{{UserData: 1}, {UserData: 1, Res: 4}}, "1: 1 0, 1 4~"},
	}
	for _, r := range rows {
		for _, k := range kernel.Measured() {
			d := drive(t, k)
			d.must(d.setup("init", "r", 0), 3)
			if r.first != "" {
				d.enterWith("init", "r", []string{r.first}, trace.Enter{ToSubmit: 1, Known: []uapi.CQE{}})
			}
			then := strings.Split(r.then, ",")
			got := d.enterWith("init", "r", then, trace.Enter{ToSubmit: uint32(len(then)), Known: r.known})
			if got != r.want {
				t.Errorf("%s on %s: %s, want %s", r.why, k.Name, got, r.want)
			}
		}
	}
}

// TestKnownNotification: that of a zero-copy send comes when the other side has the data, which may be calls later.
func TestKnownNotification(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	d.do("init", trace.Socket{Domain: 2, Type: 1})
	sent := []uapi.CQE{{UserData: 1, Res: 5, Flags: uapi.IORING_CQE_F_MORE}}
	if got, want := d.enterWith("init", "r", []string{"1 SEND_ZC fd=4 len=5"}, trace.Enter{ToSubmit: 1, Known: sent}), "1: 1 5/MORE~"; got != want {
		t.Errorf("sent: %s, want %s", got, want)
	}
	for _, r := range []struct {
		known []uapi.CQE
		want  string
	}{{[]uapi.CQE{}, "0:"}, {[]uapi.CQE{{UserData: 1, Flags: uapi.IORING_CQE_F_NOTIF}}, "0: 1 0/NOTIF~"}} {
		if got := show(d.do("init", trace.Reap{Ring: "r", Known: r.known})); got != r.want {
			t.Errorf("looking with %v: %s, want %s", r.known, got, r.want)
		}
	}
}

// TestKnownLinkTimeout: a timeout that fires before its request is done may show in a call before that one, and lets the
// chain behind it go on with the request.
func TestKnownLinkTimeout(t *testing.T) {
	const etime, ecanceled = -62, -125
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	chain := []string{"1 READ+L fd=0 len=7", fmt.Sprintf("2 LINK_TIMEOUT+L addr=%d len=1", timeAt), "3 NOP"}
	if got, want := d.enterWith("init", "r", chain, trace.Enter{ToSubmit: 3, Known: []uapi.CQE{}}), "3:"; got != want {
		t.Errorf("under way: %s, want %s", got, want)
	}
	for _, r := range []struct {
		known []uapi.CQE
		want  string
	}{
		{[]uapi.CQE{}, "0:"},
		{[]uapi.CQE{{UserData: 2, Res: etime}}, "0: 2 ETIME~"},
		{[]uapi.CQE{{UserData: 1, Res: ecanceled}, {UserData: 3, Res: ecanceled}}, "0: 1 ECANCELED~, 3 ECANCELED~"},
	} {
		if got := show(d.do("init", trace.Reap{Ring: "r", Known: r.known})); got != r.want {
			t.Errorf("looking with %v: %s, want %s", r.known, got, r.want)
		}
	}
}

// TestKnownSilent: requests that post no CQE for success do not stay in flight for ever.
func TestKnownSilent(t *testing.T) {
	d := drive(t, kernel.V7_3)
	d.must(d.setup("init", "r", 0), 3)
	for range 2 * mostSilent {
		d.enterWith("init", "r", []string{"1 READ+S fd=0 len=7"}, trace.Enter{ToSubmit: 1, Known: []uapi.CQE{}})
	}
	if r, _ := d.k.Ring("r"); len(r.unresolved) > mostSilent+1 {
		t.Errorf("%d requests are in flight", len(r.unresolved))
	}
}
