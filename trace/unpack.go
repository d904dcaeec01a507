package trace

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// PackError is returned for a packed trace that cannot be read beyond some place.
type PackError struct {
	File   string
	Offset int64  // offset in bytes of the block that cannot be read
	Events uint64 // number of events before it, all of which can be read
	Torn   bool   // the file ends there, or goes on with other bytes: it was cut, or not written to its end
	Msg    string
}

// Error says where reading failed, what was found and what was expected.
func (e *PackError) Error() string {
	if e.Torn {
		return fmt.Sprintf("%s: torn behind event %d, at byte %d: %s", e.File, e.Events, e.Offset, e.Msg)
	}
	return fmt.Sprintf("%s: byte %d, behind event %d: %s", e.File, e.Offset, e.Events, e.Msg)
}

// unpacker reads a packed trace block by block.
type unpacker struct {
	file   string
	in     *bufio.Reader
	source io.Reader // what in reads from
	offset int64     // offset of the next block in bytes
	events uint64    // number of events before the next block
	ended  bool
	head   [sizeofFrame]byte
	stored []byte // the last block, whose memory the next one reuses
	uncompressor
	block unpacking
}

// packed tells whether the stream begins like a packed trace.
func packed(in *bufio.Reader) bool {
	start, _ := in.Peek(len(packMagic)) // an error will come again when it is read
	return string(start) == packMagic
}

// startPacked reads the header of a packed trace.
func (r *Reader) startPacked(in *bufio.Reader, source io.ReadCloser) error {
	u := &unpacker{file: r.file, in: in, source: source}
	close := r.close
	r.close = func() error {
		u.uncompressor.close()
		return close()
	}
	var start [sizeofPackStart]byte
	if _, err := io.ReadFull(in, start[:]); err != nil {
		return u.torn(err)
	}
	le := binary.LittleEndian
	if v := le.Uint32(start[len(packMagic):]); v != packVersion {
		return u.fail(fmt.Errorf("found version %d of packed traces, expected %d", v, packVersion))
	}
	if le.Uint32(start[12:]) != 0 {
		return u.fail(errors.New("found reserved bytes set, expected zero"))
	}
	u.offset = sizeofPackStart
	f, content, err := u.next()
	if err != nil {
		return err
	}
	if f.kind != headerBlock {
		return u.fail(fmt.Errorf("found a block of the kind %q first, expected %q", rune(f.kind), headerBlock))
	}
	if err := json.Unmarshal(content, &r.Header, json.RejectUnknownMembers(true)); err != nil {
		_, msg := locate(err)
		return u.fail(fmt.Errorf("the header: %w", msg))
	}
	if err := checkHeader(r.Header); err != nil {
		return u.fail(err)
	}
	r.packed, r.next = u, func() (Event, error) {
		e, err := u.event()
		if torn := (*PackError)(nil); errors.As(err, &torn) && torn.Torn && r.cutOff(io.EOF) {
			err = io.EOF
		}
		return e, err
	}
	return nil
}

// fail returns an error in the next block.
func (u *unpacker) fail(err error) error {
	return &PackError{File: u.file, Offset: u.offset, Events: u.events, Msg: err.Error()}
}

// torn returns the error for an incomplete block. Errors of the file itself stay as they are.
func (u *unpacker) torn(err error) error {
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	return &PackError{u.file, u.offset, u.events, true, "found the end of the file, expected more of it or the block that marks its end"}
}

// frame reads the frame of the next block.
func (u *unpacker) frame() (f frame, err error) {
	if _, err := io.ReadFull(u.in, u.head[:]); err != nil {
		return f, u.torn(err)
	}
	f, err = decodeFrame(u.head[:])
	switch {
	case err == errNoFrame:
		return f, &PackError{u.file, u.offset, u.events, true, err.Error()}
	case err != nil:
		return f, u.fail(err)
	case f.first != u.events:
		return f, u.fail(fmt.Errorf("found a block that comes behind event %d, expected the next one", f.first))
	}
	return f, nil
}

// next reads the next block. Its content is valid until next is called again.
func (u *unpacker) next() (frame, []byte, error) {
	f, err := u.frame()
	if err != nil {
		return f, nil, err
	}
	if cap(u.stored) < int(f.stored) {
		u.stored = make([]byte, f.stored)
	}
	u.stored = u.stored[:f.stored]
	if _, err := io.ReadFull(u.in, u.stored); err != nil {
		return f, nil, u.torn(err)
	}
	if err := f.check(u.head[:], u.stored); err != nil {
		return f, nil, u.fail(err)
	}
	content, err := u.content(&f, u.stored)
	if err != nil {
		return f, nil, u.fail(err)
	}
	u.offset += sizeofFrame + int64(f.stored)
	return f, content, nil
}

// event returns the next event.
func (u *unpacker) event() (Event, error) {
	for u.block.left == 0 {
		if err := u.nextEvents(); err != nil {
			return Event{}, err
		}
	}
	e, err := u.block.event()
	if err != nil {
		return e, u.failIn(err)
	}
	u.block.left--
	return e, nil
}

// failIn returns an error in the current block.
func (u *unpacker) failIn(err error) error {
	return &PackError{File: u.file, Offset: u.block.offset, Events: u.events - uint64(u.block.left), Msg: err.Error()}
}

// nextEvents reads the next block of events; io.EOF at the end.
func (u *unpacker) nextEvents() error {
	if u.ended {
		return io.EOF
	}
	offset := u.offset
	f, content, err := u.next()
	switch {
	case err != nil:
		return err
	case f.kind == endBlock:
		return u.end(&f)
	case f.kind != eventsBlock:
		return u.fail(fmt.Errorf("found a block of the kind %q, expected %q or %q", rune(f.kind), eventsBlock, endBlock))
	}
	u.events += uint64(f.events)
	if err := u.block.start(offset, f.events, content); err != nil {
		return u.failIn(err)
	}
	return nil
}

// end makes sure that nothing follows the last block.
func (u *unpacker) end(f *frame) error {
	if f.events != 0 || f.size != 0 {
		return u.fail(fmt.Errorf("found %d events and %d bytes in the last block, expected none", f.events, f.size))
	}
	if _, err := u.in.ReadByte(); err != io.EOF {
		if err != nil {
			return err
		}
		return u.fail(errors.New("found more bytes, expected the end of the file"))
	}
	u.ended = true
	return io.EOF
}

// skip skips n events. It does not read the blocks that have only such events.
func (u *unpacker) skip(n uint64) error {
	for u.events < n {
		before, err := u.in.Peek(sizeofFrame)
		if err != nil {
			return u.torn(err)
		}
		f, err := decodeFrame(before)
		if err != nil || f.kind != eventsBlock || f.first != u.events || u.events+uint64(f.events) > n {
			break // read it, or refuse it
		}
		if err := u.discard(sizeofFrame + int64(f.stored)); err != nil {
			return u.torn(err)
		}
		u.events += uint64(f.events)
		u.offset += sizeofFrame + int64(f.stored)
	}
	for done := u.events; done < n; done++ {
		if _, err := u.event(); err != nil {
			return err
		}
	}
	return nil
}

// discard skips n bytes, by seeking if the file can.
func (u *unpacker) discard(n int64) error {
	s, ok := u.source.(io.Seeker)
	if n <= int64(u.in.Buffered()) || !ok {
		_, err := io.CopyN(io.Discard, u.in, n)
		return err
	}
	if _, err := s.Seek(n-int64(u.in.Buffered()), io.SeekCurrent); err != nil {
		_, err := io.CopyN(io.Discard, u.in, n) // a pipe
		return err
	}
	u.in.Reset(u.source)
	return nil
}
