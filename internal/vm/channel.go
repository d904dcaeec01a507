package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uringsim/uringsim/internal/sysuring"
)

// The shared memory starts with a page of words, followed by two ring buffers of equal size: what goes to the guest,
// and what comes from it. A position counts the bytes of all time; a ring buffer holds those from taken to put.
//
//	  0  magic        8  version       12  1 when the guest has opened the channel
//	 64  to the guest: put u64, closed u32 at +8       128  its reader's: taken u64, closed u32 at +8
//	192  from the guest: the same                      256  its reader's
const (
	channelMagic   = 0x316d76676e697275 // "uringvm1"
	channelVersion = 1
	channelHeader  = 4096
	channelSize    = 16 << 20

	offMagic, offVersion, offHello = 0, 8, 12
	offToGuest, offFromGuest       = 64, 192
	offReader, offClosed           = 64, 8 // relative to the above
)

// initChannel readies shared memory, which is zero, for the two ends.
func initChannel(mem []byte) {
	binary.LittleEndian.PutUint32(mem[offVersion:], channelVersion)
	sysuring.Word64(mem, offMagic).Store(channelMagic)
}

// end is one of the two ends of a channel.
type end struct {
	in, out pipe
	stop    chan struct{} // closed when the other end can no longer answer
	once    sync.Once
	err     error // why, set before stop is closed
}

var _ io.ReadWriteCloser = (*end)(nil)

// pipe is one direction.
type pipe struct {
	buf                      []byte
	put, taken               *atomic.Uint64
	writerClosed, readClosed *atomic.Uint32
}

func newPipe(mem []byte, words int, second bool) pipe {
	size := (len(mem) - channelHeader) / 2
	buf := mem[channelHeader:][:size]
	if second {
		buf = mem[channelHeader+size:][:size]
	}
	return pipe{
		buf: buf,
		put: sysuring.Word64(mem, words), writerClosed: sysuring.Word32(mem, words+offClosed),
		taken:      sysuring.Word64(mem, words+offReader),
		readClosed: sysuring.Word32(mem, words+offReader+offClosed),
	}
}

// newEnd is the host's or the guest's end of the channel in mem.
func newEnd(mem []byte, guest bool) (*end, error) {
	if len(mem) <= channelHeader || sysuring.Word64(mem, offMagic).Load() != channelMagic {
		return nil, errors.New("the shared memory holds no channel")
	}
	if v := binary.LittleEndian.Uint32(mem[offVersion:]); v != channelVersion {
		return nil, fmt.Errorf("the channel has version %d, this program %d", v, channelVersion)
	}
	toGuest, fromGuest := newPipe(mem, offToGuest, false), newPipe(mem, offFromGuest, true)
	e := &end{in: fromGuest, out: toGuest, stop: make(chan struct{})}
	if guest {
		e.in, e.out = toGuest, fromGuest
		sysuring.Word32(mem, offHello).Store(1)
	}
	return e, nil
}

// Read gives what the other end wrote, and io.EOF when it has closed its side.
func (e *end) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for p := (pause{}); ; {
		closed := e.in.writerClosed.Load() != 0 // before the look at what it wrote
		if n := e.in.read(b); n > 0 {
			return n, nil
		}
		if closed {
			return 0, io.EOF
		}
		if err := e.wait(&p); err != nil {
			return 0, err
		}
	}
}

// Write waits until the other end has room for all bytes.
func (e *end) Write(b []byte) (int, error) {
	done := 0
	for p := (pause{}); done < len(b); {
		if e.out.readClosed.Load() != 0 {
			return done, io.ErrClosedPipe
		}
		n := e.out.write(b[done:])
		if done += n; n > 0 {
			p = pause{}
			continue
		}
		if err := e.wait(&p); err != nil {
			return done, err
		}
	}
	return done, nil
}

// CloseWrite tells the other end that no more comes; this end can still read.
func (e *end) CloseWrite() error {
	e.out.writerClosed.Store(1)
	return nil
}

// Close ends both directions.
func (e *end) Close() error {
	e.in.readClosed.Store(1)
	e.out.writerClosed.Store(1)
	return nil
}

// abort makes the reads and writes that wait, and later ones that would, fail.
func (e *end) abort(err error) {
	e.once.Do(func() {
		e.err = err
		close(e.stop)
	})
}

func (e *end) wait(p *pause) error {
	select {
	case <-e.stop:
		return e.err
	default:
		p.sleep()
		return nil
	}
}

// moved counts the bytes that ever passed either way.
func (e *end) moved() uint64 {
	return e.in.put.Load() + e.in.taken.Load() + e.out.put.Load() + e.out.taken.Load()
}

func (p *pipe) read(b []byte) int {
	taken := p.taken.Load()
	n := min(uint64(len(b)), p.put.Load()-taken)
	at := taken % uint64(len(p.buf))
	n = min(n, uint64(len(p.buf))-at)
	copy(b[:n], p.buf[at:])
	p.taken.Store(taken + n)
	return int(n)
}

func (p *pipe) write(b []byte) int {
	put := p.put.Load()
	n := min(uint64(len(b)), uint64(len(p.buf))-(put-p.taken.Load()))
	at := put % uint64(len(p.buf))
	n = min(n, uint64(len(p.buf))-at)
	copy(p.buf[at:], b[:n])
	p.put.Store(put + n)
	return int(n)
}

// pause is how an end waits: nobody wakes it, so that it sleeps for longer the longer nothing happens.
type pause struct{ d time.Duration }

func (p *pause) sleep() {
	p.d = min(max(2*p.d, 20*time.Microsecond), time.Millisecond)
	time.Sleep(p.d)
}
