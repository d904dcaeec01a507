package verdict

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

func TestRefusalText(t *testing.T) {
	prep := Refuse(Prep, uapi.EINVAL, "io_uring/fs.c:io_unlinkat_prep", "addr3 must be 0")
	quirk := Refuse(Init, uapi.EINVAL, "a.c:b", "why")
	quirk.Quirk = "no-sq-rewind"
	filter := Refuse(Filter, uapi.EACCES, "io_uring/bpf_filter.c:__io_uring_run_bpf_filters", "unused")
	filter.Filter = &FilterStep{Index: 0, Of: 2, Origin: "registered by task init in event 2", PC: 3}
	marker := Refuse(Filter, uapi.EACCES, "a.c:b", "unused")
	marker.Filter = &FilterStep{Index: 1, Of: 2, Marker: true, PC: -1}
	rows := []struct {
		r         *Refusal
		want, why string
	}{
		{prep, "EINVAL: prep: addr3 must be 0 [Linux: io_uring/fs.c:io_unlinkat_prep]", "the check in words and its place"},
		{quirk, "EINVAL: init: why [Linux: a.c:b] (quirk: no-sq-rewind)", "what makes the difference between releases"},
		{filter, "EACCES: filter: denied by filter 1 of 2 (registered by task init in event 2), instruction 3 " +
			"[Linux: io_uring/bpf_filter.c:__io_uring_run_bpf_filters]", "people count from 1"},
		{marker, "EACCES: filter: filter 2 of 2 is the deny that DENY_REST left for opcodes without a filter [Linux: a.c:b]",
			""},
	}
	for _, r := range rows {
		if diff := cmp.Diff(r.want, r.r.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.why, diff)
		}
	}
}

func TestRefusalIs(t *testing.T) {
	var err error = Refuse(Register, uapi.EMSGSIZE, "a.c:b", "c")
	if !errors.Is(err, uapi.EMSGSIZE) || errors.Is(err, uapi.EINVAL) || errors.Is(err, errors.New("EMSGSIZE")) {
		t.Errorf("%v is not EMSGSIZE alone", err)
	}
}
