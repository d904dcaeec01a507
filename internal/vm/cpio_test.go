package vm

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestCPIO(t *testing.T) {
	archive, err := cpioArchive(map[string][]byte{"init": []byte("hello"), "a/b/c": nil, "a/d": []byte("1234")})
	if err != nil {
		t.Fatal(err)
	}
	if len(archive)%4 != 0 || !strings.HasPrefix(string(archive), "070701") {
		t.Errorf("%d bytes that start with %q", len(archive), archive[:6])
	}
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio here to compare with")
	}
	cmd := exec.Command(tool, "-t", "--quiet")
	cmd.Stdin = strings.NewReader(string(archive))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "a/b", "a/b/c", "a/d", "init", "dev", "proc", "sys", "tmp"}
	if got := strings.Fields(string(out)); !slices.Equal(got, want) {
		t.Errorf("cpio lists %q, want %q", got, want)
	}
}

// TestCPIOEntry spells out one entry.
func TestCPIOEntry(t *testing.T) {
	archive, err := cpioArchive(map[string][]byte{"init": []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	want := "070701" + "00000001" + "000081ED" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" + "init\x00" + "\x00" +
		"hello" + "\x00\x00\x00"
	if got := string(archive[:len(want)]); got != want {
		t.Errorf("entry is\n%q, want\n%q", got, want)
	}
}

func TestCPIOBadName(t *testing.T) {
	for _, name := range []string{"", ".", "/init", "../x", "a//b"} {
		if _, err := cpioArchive(map[string][]byte{name: nil}); err == nil {
			t.Errorf("%q is taken for a good name", name)
		}
	}
}
