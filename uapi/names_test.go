package uapi

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// families are all families, with the number of bits that their flags have; 0 for numbers that are no flags.
var families = map[string]struct {
	f     *Family
	flags bool
}{
	"Ops": {Ops, false}, "RegisterOps": {RegisterOps, false}, "Restrictions": {Restrictions, false},
	"AddressFamilies": {AddressFamilies, false}, "Protocols": {Protocols, false}, "errnos": {errnos, false},
	"SQEFlags": {SQEFlags, true}, "SetupFlags": {SetupFlags, true}, "EnterFlags": {EnterFlags, true},
	"Features": {Features, true},
	"CQEFlags": {CQEFlags, true}, "NopFlags": {NopFlags, true}, "TimeoutFlags": {TimeoutFlags, true},
	"CancelFlags": {CancelFlags, true}, "BufRingFlags": {BufRingFlags, true}, "RecvSendFlags": {RecvSendFlags, true}, "BPFFilterFlags": {BPFFilterFlags, true},
	"OpenFlags": {OpenFlags, true}, "ResolveFlags": {ResolveFlags, true}, "SocketTypes": {SocketTypes, true},
	"RsrcFlags": {RsrcFlags, true}, "CloneFlags": {CloneFlags, true},
}

// TestFamilyRows: every row reads back under its full name, its short name and its number, and no two rows share one.
func TestFamilyRows(t *testing.T) {
	for name, fam := range families {
		seenName, seenValue := map[string]bool{}, map[uint64]bool{}
		for i, r := range fam.f.Rows {
			short := fam.f.Format(r.Value)
			if seenName[r.Name] || seenName[short] || seenValue[r.Value] {
				t.Errorf("%s: %s = %d is not the only one of its name or number", name, r.Name, r.Value)
			}
			seenName[r.Name], seenName[short], seenValue[r.Value] = true, true, true
			if !strings.HasSuffix(r.Name, short) {
				t.Errorf("%s: %s is short for %s", name, short, r.Name)
			}
			for _, form := range []string{r.Name, short, strconv.FormatUint(r.Value, 10), "0x" + strconv.FormatUint(r.Value,
				16)} {
				if v, err := fam.f.Parse(form); err != nil || v != r.Value {
					t.Errorf("%s.Parse(%q) = %d, %v, want %d", name, form, v, err, r.Value)
				}
			}
			if i > 0 && r.Value < fam.f.Rows[i-1].Value {
				t.Errorf("%s: %s is out of order", name, r.Name)
			}
		}
		if len(fam.f.Rows) < 2 && name != "RsrcFlags" {
			t.Errorf("%s has only %d rows", name, len(fam.f.Rows))
		}
	}
}

// TestFlagsRoundTrip: any bits, named or not, survive being written and read.
func TestFlagsRoundTrip(t *testing.T) {
	for name, fam := range families {
		if !fam.flags {
			continue
		}
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			v := rapid.Uint64().Draw(t, "v") & rapid.SampledFrom([]uint64{0xff, 0xffff, 1<<27 - 1, ^uint64(0)}).Draw(t, "mask")
			s := fam.f.FormatFlags(v)
			if got, err := fam.f.ParseFlags(s); err != nil || got != v {
				t.Fatalf("ParseFlags(%q) = %#x, %v, want %#x", s, got, err, v)
			}
		}))
	}
}

func TestFormatFlags(t *testing.T) {
	rows := []struct {
		f    *Family
		v    uint64
		want string
		why  string
	}{
		{SQEFlags, 0, "0", "no flags"},
		{SQEFlags, 0x14, "IO_LINK|ASYNC", "in the order of the bits"},
		{SQEFlags, 0x80, "0x80", "a bit without a name"},
		{SQEFlags, 0x81, "FIXED_FILE|0x80", "bits without a name come last"},
		{SQEFlags, 0x7f, "FIXED_FILE|IO_DRAIN|IO_LINK|IO_HARDLINK|ASYNC|BUFFER_SELECT|CQE_SKIP_SUCCESS", "all"},
		{TimeoutFlags, 0x10, "LINK_TIMEOUT_UPDATE", "without the family's prefix, IORING_ goes"},
		{OpenFlags, O_TMPFILE_ | O_DIRECTORY, "DIRECTORY|__O_TMPFILE", "__O_TMPFILE does not begin with O_"},
		{OpenFlags, O_SYNC_ | O_DSYNC, "DSYNC|__O_SYNC", ""},
		{SocketTypes, SOCK_RAW, "RAW", "3 is RAW and not STREAM|DGRAM"},
		{SocketTypes, SOCK_SEQPACKET | SOCK_CLOEXEC, "SEQPACKET|CLOEXEC", "5 is SEQPACKET and not STREAM|0x4"},
		{SocketTypes, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, "STREAM|NONBLOCK|CLOEXEC", ""},
		{CQEFlags, IORING_CQE_F_MORE | IORING_CQE_F_32, "MORE|CQE_F_32", "short of IORING_CQE_F_ it would be the number 32"},
		{ResolveFlags, 1 << 40, "0x10000000000", "beyond 32 bits"},
	}
	for _, r := range rows {
		if got := r.f.FormatFlags(r.v); got != r.want {
			t.Errorf("FormatFlags(%#x) = %q, want %q (%s)", r.v, got, r.want, r.why)
		}
	}
}

func TestParseFlags(t *testing.T) {
	rows := []struct {
		s    string
		want uint64
		ok   bool
		why  string
	}{
		{"IO_LINK", 4, true, "short"}, {"IOSQE_IO_LINK", 4, true, "full"}, {"4", 4, true, "a number"},
		{"0x4", 4, true, "hexadecimal"},
		{"IO_LINK|ASYNC", 0x14, true, "two"}, {" IO_LINK | ASYNC ", 0x14, true, "spaces around"},
		{"IO_LINK|0x80", 0x84, true, "mixed"},
		{"IO_LINK|IO_LINK", 4, true, "twice is once"}, {"0", 0, true, "none"},
		{"", 0, false, "nothing is not none"}, {"IO_LINK|", 0, false, "an empty part"},
		{"io_link", 0, false, "names are case-sensitive"},
		{"LINK", 0, false, "not a name"}, {"IO_LINK,ASYNC", 0, false, "another separator"},
		{"-1", 0, false, "no negative flags"},
		{"18446744073709551616", 0, false, "more than 64 bits"},
	}
	for _, r := range rows {
		if got, err := SQEFlags.ParseFlags(r.s); (err == nil) != r.ok || got != r.want {
			t.Errorf("ParseFlags(%q) = %#x, %v, want %#x, %v (%s)", r.s, got, err, r.want, r.ok, r.why)
		}
	}
}

func TestParseError(t *testing.T) {
	_, err := Ops.Parse("SOKET")
	if diff := cmp.Diff(`found "SOKET", expected a number or a name such as IORING_OP_URING_CMD128`, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// numberRows are the rows of TestNumbers.
var numberRows = []struct {
	f    *Family
	name string
	want uint64
}{
	{Ops, "NOP", 0}, {Ops, "TIMEOUT", 11}, {Ops, "CONNECT", 16}, {Ops, "OPENAT", 18}, {Ops, "SEND", 26},
	{Ops, "OPENAT2", 28},
	{Ops, "MSG_RING", 40}, {Ops, "SOCKET", 45}, {Ops, "URING_CMD", 46}, {Ops, "WAITID", 50}, {Ops, "BIND", 56},
	{Ops, "RECV_ZC", 58},
	{Ops, "PIPE", 62}, {Ops, "NOP128", 63}, {Ops, "URING_CMD128", 64},
	{RegisterOps, "PROBE", 8}, {RegisterOps, "RESTRICTIONS", 11}, {RegisterOps, "ENABLE_RINGS", 12},
	{RegisterOps, "RING_FDS", 20},
	{RegisterOps, "UNREGISTER_RING_FDS", 21}, {RegisterOps, "SEND_MSG_RING", 31}, {RegisterOps, "QUERY", 35},
	{RegisterOps, "BPF_FILTER", 37},
	{SetupFlags, "R_DISABLED", 1 << 6}, {SetupFlags, "SUBMIT_ALL", 1 << 7}, {SetupFlags, "SINGLE_ISSUER", 1 << 12},
	{SetupFlags, "DEFER_TASKRUN", 1 << 13}, {SetupFlags, "NO_SQARRAY", 1 << 16}, {SetupFlags, "SQ_REWIND", 1 << 20},
	{EnterFlags, "GETEVENTS", 1}, {EnterFlags, "REGISTERED_RING", 16}, {EnterFlags, "NO_IOWAIT", 128},
	{OpenFlags, "O_CREAT", 0o100}, {OpenFlags, "O_TRUNC", 0o1000}, {OpenFlags, "O_CLOEXEC", 0o2000000},
	{OpenFlags, "O_PATH", 0o10000000}, {OpenFlags, "__O_TMPFILE", 0o20000000}, {OpenFlags, "O_EMPTYPATH", 0x4000000},
	{AddressFamilies, "INET6", 10}, {SocketTypes, "SEQPACKET", 5}, {Protocols, "UDP", 17},
}

// TestNumbers repeats numbers of the headers that programs have compiled in.
func TestNumbers(t *testing.T) {
	if len(Ops.Rows) != IORING_OP_LAST || IORING_OP_LAST != 65 {
		t.Errorf("%d opcodes, IORING_OP_LAST %d, want 65 of both", len(Ops.Rows), IORING_OP_LAST)
	}
	if len(RegisterOps.Rows) != 38 {
		t.Errorf("%d register opcodes, want 38", len(RegisterOps.Rows))
	}
	for i := range Ops.Rows {
		if Ops.Rows[i].Value != uint64(i) {
			t.Errorf("opcode %d is missing", i)
		}
	}
	for i := range RegisterOps.Rows {
		if RegisterOps.Rows[i].Value != uint64(i) {
			t.Errorf("register opcode %d is missing", i)
		}
	}
	for _, r := range numberRows {
		if got, err := r.f.Parse(r.name); err != nil || got != r.want {
			t.Errorf("%s = %d, %v, want %d", r.name, got, err, r.want)
		}
	}
}

func TestOpString(t *testing.T) {
	for v, want := range map[Op]string{0: "NOP", 45: "SOCKET", 64: "URING_CMD128", 65: "65", 255: "255"} {
		if got := v.String(); got != want {
			t.Errorf("Op(%d) = %q, want %q", uint8(v), got, want)
		}
	}
	for v, want := range map[RegisterOp]string{2: "FILES", 3: "UNREGISTER_FILES", 37: "BPF_FILTER", 38: "38"} {
		if got := v.String(); got != want {
			t.Errorf("RegisterOp(%d) = %q, want %q", uint32(v), got, want)
		}
	}
}
