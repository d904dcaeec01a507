package uapi

import (
	"errors"
	"testing"
)

// TestErrnoNames: every number from 1 to 133 but the two that Linux leaves out has a name, and reads back from it.
func TestErrnoNames(t *testing.T) {
	for n := Errno(1); n <= 133; n++ {
		name := n.String()
		if n == 41 || n == 58 { // EWOULDBLOCK and EDEADLOCK are other names of EAGAIN and EDEADLK
			if name != map[Errno]string{41: "41", 58: "58"}[n] {
				t.Errorf("%d is %q, want no name", uint16(n), name)
			}
			continue
		}
		if got, err := ParseErrno(name); err != nil || got != n || name[0] != 'E' {
			t.Errorf("ParseErrno(%q) = %d, %v, want %d", name, uint16(got), err, uint16(n))
		}
	}
}

// TestErrnoNumbers repeats the numbers that the model gives most.
func TestErrnoNumbers(t *testing.T) {
	for e, want := range map[Errno]uint16{EPERM: 1, ENOENT: 2, ENXIO: 6, E2BIG: 7, EBADF: 9, EAGAIN: 11, ENOMEM: 12,
		EACCES: 13,
		EFAULT: 14, EBUSY: 16, EEXIST: 17, EINVAL: 22, ENFILE: 23, EMFILE: 24, ERANGE: 34, ENAMETOOLONG: 36, ETIME: 62,
		EOVERFLOW: 75, EBADFD: 77, ENOTSOCK: 88, EMSGSIZE: 90, EOPNOTSUPP: 95, ENOBUFS: 105, EALREADY: 114, ECANCELED: 125,
		EOWNERDEAD: 130} {
		if uint16(e) != want {
			t.Errorf("%s = %d, want %d", e, uint16(e), want)
		}
	}
}

func TestParseErrno(t *testing.T) {
	rows := []struct {
		s    string
		want Errno
		ok   bool
		why  string
	}{
		{"EINVAL", EINVAL, true, ""}, {"EHWPOISON", 133, true, "the last one"},
		{"", 0, false, ""}, {"0", 0, false, "no error is no error's name"}, {"einval", 0, false, "case counts"},
		{"13", 0, false, "a number in quotes would read as the negative of what it says"},
		{"EINVALX", 0, false, ""}, {"EWOULDBLOCK", 0, false, "one name for each number"},
	}
	for _, r := range rows {
		if got, err := ParseErrno(r.s); (err == nil) != r.ok || got != r.want {
			t.Errorf("ParseErrno(%q) = %v, %v, want %v (%s)", r.s, got, err, r.want, r.why)
		}
	}
}

func TestErrnoOf(t *testing.T) {
	rows := []struct {
		ret  int64
		want Errno
		ok   bool
		text string
	}{
		{0, 0, false, "0"}, {1, 0, false, "1"}, {-1, EPERM, true, "EPERM"}, {-22, EINVAL, true, "EINVAL"},
		{-512, 512, true, "-512"}, {-4095, 4095, true, "-4095"}, {-4096, 0, false, "-4096"},
		{-1 << 63, 0, false, "-9223372036854775808"},
		{1 << 62, 0, false, "4611686018427387904"},
	}
	for _, r := range rows {
		if got, ok := ErrnoOf(r.ret); got != r.want || ok != r.ok {
			t.Errorf("ErrnoOf(%d) = %d, %v, want %d, %v", r.ret, uint16(got), ok, uint16(r.want), r.ok)
		}
		if got := FormatRet(r.ret); got != r.text {
			t.Errorf("FormatRet(%d) = %q, want %q: an error without a name must not look like a success", r.ret, got, r.text)
		}
		if r.ok && r.want.Ret() != r.ret {
			t.Errorf("Errno(%d).Ret() = %d, want %d", r.want, r.want.Ret(), r.ret)
		}
	}
}

func TestErrnoIsAnError(t *testing.T) {
	var err error = EACCES
	if err.Error() != "EACCES" || !errors.Is(err, EACCES) || errors.Is(err, EPERM) {
		t.Errorf("%v is not EACCES alone", err)
	}
	if got := Errno(0).String(); got != "0" {
		t.Errorf("no error = %q, want 0", got)
	}
}
