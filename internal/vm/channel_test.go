package vm

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// ends are both ends of a channel in plain memory with ring buffers of size bytes.
func ends(t *testing.T, size int) (host, guest *end) {
	mem := make([]byte, channelHeader+2*size)
	initChannel(mem)
	host, err := newEnd(mem, false)
	if err != nil {
		t.Fatal(err)
	}
	if guest, err = newEnd(mem, true); err != nil {
		t.Fatal(err)
	}
	return host, guest
}

// TestChannelEcho sends much more than fits at once, in odd pieces, there and back.
func TestChannelEcho(t *testing.T) {
	host, guest := ends(t, 4096)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{guest}, struct{ io.Reader }{guest}, make([]byte, 777))
		if err = errors.Join(err, guest.Close()); err != nil {
			t.Error(err)
		}
	}()
	sent := make([]byte, 1<<20)
	for i := range sent {
		sent[i] = byte(rand.Uint32())
	}
	go func() {
		for b := sent; len(b) > 0; {
			n := min(len(b), 1+rand.IntN(9000))
			if _, err := host.Write(b[:n]); err != nil {
				t.Error(err)
			}
			b = b[n:]
		}
		host.CloseWrite()
	}()
	got, err := io.ReadAll(host)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, equal: %v, error: %v", len(got), bytes.Equal(got, sent), err)
	}
}

func TestChannelClose(t *testing.T) {
	host, guest := ends(t, 64)
	if _, err := guest.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	guest.Close()
	if got, err := io.ReadAll(host); string(got) != "last words" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := host.Write([]byte("too late")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write to a closed channel: %v", err)
	}
}

func TestChannelAbort(t *testing.T) {
	host, guest := ends(t, 64)
	if _, err := guest.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the guest died")
	go host.abort(why)
	if got, err := io.ReadAll(host); string(got) != "before" || !errors.Is(err, why) {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := host.Write(make([]byte, 65)); !errors.Is(err, why) {
		t.Errorf("write: %v", err)
	}
}

func TestChannelVersion(t *testing.T) {
	mem := make([]byte, 2*channelHeader)
	if _, err := newEnd(mem, true); err == nil {
		t.Error("empty memory is taken for a channel")
	}
	initChannel(mem)
	mem[offVersion]++
	if _, err := newEnd(mem, true); err == nil {
		t.Error("another version is taken for ours")
	}
}
