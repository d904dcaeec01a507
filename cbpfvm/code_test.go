package cbpfvm

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

// allowed has the codes that io_uring_check_cbpf_filter lets through, in hexadecimal.
const allowed = "20 80 81 06 16 04 0c 14 1c 24 2c 34 3c 54 5c 44 4c a4 ac 64 6c 74 7c 84 00 01 07 87 60 61 02 03 " +
	"05 15 1d 35 3d 25 2d 45 4d"

// classic has the codes that bpf_check_classic lets through besides.
const classic = "28 30 40 48 50 b1 94 9c"

// survivors tries all 65536 codes in a program where nothing else is wrong.
func survivors(refused func([]uapi.SockFilter) bool) []string {
	var got []string
	for code := range 1 << 16 {
		in := uapi.SockFilter{Code: uint16(code)}
		// A cell must be written before it is read; a divisor must not be 0; a jump must stay inside.
		prog := []uapi.SockFilter{{Code: 0x02, K: 0}, in, {Code: 0x06}}
		if code == 0x34 || code == 0x94 {
			prog[1].K = 1
		}
		if !refused(prog) {
			got = append(got, fmt.Sprintf("%02x", code))
		}
	}
	return got
}

func sorted(lists ...string) []string {
	s := strings.Fields(strings.Join(lists, " "))
	slices.Sort(s)
	return s
}

func TestAllCodes(t *testing.T) {
	got := survivors(func(p []uapi.SockFilter) bool { _, err := Check(p, uapi.SizeofBPFCtx); return err != nil })
	if diff := cmp.Diff(sorted(allowed), got); diff != "" || len(got) != 41 {
		t.Errorf("Check accepts %d codes (-want +got):\n%s", len(got), diff)
	}
	got = survivors(func(p []uapi.SockFilter) bool { return CheckClassic(p) != nil })
	if diff := cmp.Diff(sorted(allowed, classic), got); diff != "" {
		t.Errorf("CheckClassic (-want +got):\n%s", diff)
	}
}

// TestCodeIsTheOnlyInsn needs no benign neighbours: of the one-instruction programs only the two returns pass.
func TestCodeIsTheOnlyInsn(t *testing.T) {
	for code := range 1 << 16 {
		_, err := Check([]uapi.SockFilter{{Code: uint16(code)}}, uapi.SizeofBPFCtx)
		if want := code == 0x06 || code == 0x16; (err == nil) != want {
			t.Errorf("code %#x alone: %v", code, err)
		}
	}
}
