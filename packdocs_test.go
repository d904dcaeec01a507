package uringsim_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/trace"
)

// TestPackDump keeps the bytes of the example, taken apart by what docs/pack.md says and nothing else.
func TestPackDump(t *testing.T) {
	d := &dump{t: t, text: packExample(t)}
	d.out.WriteString("| at | bytes | |\n|---|---|---|\n")
	d.bytes(8, "what all packed traces begin with")
	d.bytes(4, "version 1")
	d.bytes(4, "")
	for kind := byte('H'); kind != 'Z'; {
		var size int
		kind, size = d.frame()
		switch kind {
		case 'H':
			d.bytes(size, "the header of the trace")
		case 'E':
			d.events()
		}
	}
	if d.at != len(d.text) {
		t.Errorf("%d bytes are left", len(d.text)-d.at)
	}
	generated(t, "docs/pack.md", "dump", d.out.String())
}

// packExample is the trace of docs/pack.md in packed form.
func packExample(t *testing.T) []byte {
	t.Helper()
	examples := blocks(t, "docs/pack.md", "json")
	if len(examples) != 1 {
		t.Fatalf("%d examples", len(examples))
	}
	tr, err := trace.Read(strings.NewReader(examples[0]), "docs/pack.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := trace.NewPackWriter(&out, tr.Header, trace.Stored)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tr.Events {
		if err := w.Event(&tr.Events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// dump takes a packed trace apart, and writes down what it is made of.
type dump struct {
	t    *testing.T
	text []byte
	at   int
	out  strings.Builder
}

// bytes takes n bytes.
func (d *dump) bytes(n int, what string) []byte {
	b := d.text[d.at:][:n]
	shown := fmt.Sprintf("`% x`", b)
	if text := string(b); n > 8 && !slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c > '~' }) {
		shown = "`" + text + "`"
	} else if n > 16 {
		shown = fmt.Sprintf("`% x` ...", b[:16])
	}
	fmt.Fprintf(&d.out, "| %d | %s | %s |\n", d.at, shown, what)
	d.at += n
	return b
}

// frame takes a frame, and checks its sum.
func (d *dump) frame() (kind byte, size int) {
	le, f := binary.LittleEndian, d.text[d.at:]
	kind, size = f[4], int(le.Uint32(f[8:]))
	d.bytes(4, "a block")
	d.bytes(1, fmt.Sprintf("its kind: %c", kind))
	d.bytes(1, "it is not compressed")
	d.bytes(2, "")
	d.bytes(4, fmt.Sprintf("%d bytes in the file", size))
	d.bytes(4, "so many without compression")
	d.bytes(8, fmt.Sprintf("events before it: %d", le.Uint64(f[16:])))
	d.bytes(4, fmt.Sprintf("events in it: %d", le.Uint32(f[24:])))
	table := crc32.MakeTable(crc32.Castagnoli)
	if sum := crc32.Update(crc32.Checksum(f[:28], table), table, f[32:][:size]); sum != le.Uint32(f[28:]) {
		d.t.Errorf("the checksum at %d is %08x, want %08x", d.at, f[28:32], sum)
	}
	d.bytes(4, "CRC-32C")
	return kind, size
}

// events takes the content of a block with events.
func (d *dump) events() {
	var sizes [6]int
	for i := range sizes {
		sizes[i] = int(binary.LittleEndian.Uint32(d.text[d.at+4*i:]))
	}
	d.bytes(24, "the sizes of the six sections: "+strings.Trim(fmt.Sprint(sizes), "[]"))
	for range sizes[0] / 64 {
		d.bytes(64, "an SQE")
	}
	for range sizes[1] / 16 {
		d.bytes(16, "a CQE")
	}
	for range sizes[2] {
		d.bytes(1, fmt.Sprintf("how an SQE was written: shape %d", d.text[d.at]-3))
	}
	for end := d.at + sizes[3]; d.at < end; {
		n := d.text[d.at]
		d.bytes(1, fmt.Sprintf("a shape with %d fields", n))
		for range n {
			d.bytes(1, fmt.Sprintf("the next name has %d bytes", d.text[d.at]))
			d.bytes(int(d.text[d.at-1]), "")
		}
	}
	for n, end := 0, d.at+sizes[4]; d.at < end; n++ {
		d.bytes(1, fmt.Sprintf("text %d has %d bytes", n, d.text[d.at]))
		d.bytes(int(d.text[d.at-1]), "")
	}
	for end := d.at + sizes[5]; d.at < end; {
		results := d.text[d.at+2]
		d.bytes(3, fmt.Sprintf("an event: text %d, SQEs %d, results %d", d.text[d.at], d.text[d.at+1], results))
		for range results {
			d.bytes(4, fmt.Sprintf("a result: text %d, `ret` %d, `sq_head` %d, CQEs %d", d.text[d.at], d.text[d.at+1]/2,
				d.text[d.at+2]-1, d.text[d.at+3]))
		}
	}
}
