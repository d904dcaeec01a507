package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"
)

// headerRoom is the length in bytes of the first line of a trace whose header is to be written again once the counts
// are known. It is filled up with spaces.
const headerRoom = 1024

// LineWriter writes a trace of any length as .jsonl, event by event. All that it has flushed can be read: whole lines,
// and whole frames if it compresses.
type LineWriter struct {
	file  *os.File
	room  bool  // whether the header is to be written again
	start int64 // offset of the header in the file; -1 if the file cannot seek
	buf   bytes.Buffer
	line  []byte        // reused for each event
	zstd  *zstd.Encoder // nil for plain text
}

// NewLineWriter writes the header to file. It compresses the trace if the file's name ends in .zst, and refuses .gz,
// which is only read. The header of a recording that is not complete can be written again by Finish. The caller closes
// the file.
func NewLineWriter(file *os.File, h Header) (*LineWriter, error) {
	if strings.HasSuffix(file.Name(), ".gz") {
		return nil, fmt.Errorf("%s: cannot write gzip, use .zst for a compressed trace", file.Name())
	}
	w := &LineWriter{file: file, room: h.Recording != nil && !h.Recording.Complete}
	if strings.HasSuffix(file.Name(), ".zst") {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, err
		}
		w.zstd = enc
	}
	text, err := w.headerText(h)
	if err != nil {
		return nil, err
	}
	if !w.room {
		w.buf.Write(text)
		return w, nil
	}
	w.start, err = file.Seek(0, io.SeekCurrent)
	if err != nil {
		w.start = -1 // a pipe
	}
	_, err = file.Write(text)
	return w, err
}

// headerText returns the first line, padded to headerRoom bytes if it is to be written again. In a compressed file it
// then has a frame of its own, stored without compression.
func (w *LineWriter) headerText(h Header) ([]byte, error) {
	h.Trace = Version
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if !w.room {
		return append(line, '\n'), nil
	}
	if len(line) >= headerRoom {
		return nil, fmt.Errorf("found a header of %d bytes, expected at most %d", len(line), headerRoom-1)
	}
	line = append(line, bytes.Repeat([]byte(" "), headerRoom-1-len(line))...)
	line = append(line, '\n')
	if w.zstd != nil {
		return append(storedFrame(len(line)), line...), nil
	}
	return line, nil
}

// storedFrame returns the bytes that make size bytes behind them a zstd frame of one raw block: the magic number, a
// descriptor (a single segment without checksum, its size in two bytes), the size less 256, and the header of a raw
// block that is the last.
func storedFrame(size int) []byte {
	block := uint32(size)<<3 | 1
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x60, byte(size - 256), byte((size - 256) >> 8),
		byte(block), byte(block >> 8), byte(block >> 16)}
}

// Event adds an event. It is kept in memory until Flush.
func (w *LineWriter) Event(e *Event) error {
	line, quick := appendEnter(w.line[:0], e)
	if quick {
		w.line = line
	} else {
		var err error
		if line, err = json.Marshal(e); err != nil {
			return err
		}
	}
	if len(line) >= maxLine {
		return fmt.Errorf("found an event of %d bytes, expected at most %d", len(line), maxLine-1)
	}
	w.buf.Write(line)
	w.buf.WriteByte('\n')
	return nil
}

// Buffered returns the number of bytes that wait for Flush.
func (w *LineWriter) Buffered() int { return w.buf.Len() }

// Flush writes the events that were added since the last Flush. In a compressed file they make up one frame.
func (w *LineWriter) Flush() error {
	if w.buf.Len() == 0 {
		return nil
	}
	text := w.buf.Bytes()
	if w.zstd != nil {
		text = w.zstd.EncodeAll(text, nil)
	}
	_, err := w.file.Write(text)
	w.buf.Reset()
	return err
}

// ErrNoSeek is returned by Finish if the output is a pipe, in which the header cannot be written again.
var ErrNoSeek = errors.New("the output is not a regular file, so the counts in its header could not be updated")

// Finish flushes, and writes the final header of a recording in place of its first one.
func (w *LineWriter) Finish(h Header) error {
	if err := w.Flush(); err != nil || !w.room {
		return err
	}
	if w.start < 0 {
		return ErrNoSeek
	}
	text, err := w.headerText(h)
	if err != nil {
		return err
	}
	_, err = w.file.WriteAt(text, w.start)
	return err
}

// WriteLine writes a header or an event as one line of a .jsonl stream. Unlike a LineWriter it works with any
// io.Writer, and without seeking.
func WriteLine[T Header | *Event](w io.Writer, v T) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
