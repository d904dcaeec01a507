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

// headerRoom is how many bytes the first line of a LineWriter has, so that it can be written again when counts are
// known; spaces fill it.
const headerRoom = 1024

// LineWriter writes a trace as .jsonl, event by event, whatever its length. What it has flushed is readable: whole
// lines, and with compression whole frames.
type LineWriter struct {
	file  *os.File
	room  bool  // for another header
	start int64 // where it stands; -1 if the file cannot be written there again
	buf   bytes.Buffer
	line  []byte        // room for the next
	zstd  *zstd.Encoder // nil for plain text
}

// NewLineWriter writes the header to file, compressed if its name ends in .zst. That of a recording which is not complete
// has room to be written again. The caller closes the file. A name that ends in .gz is an error: such files are only
// read.
func NewLineWriter(file *os.File, h Header) (*LineWriter, error) {
	if strings.HasSuffix(file.Name(), ".gz") {
		return nil, fmt.Errorf("%s: a compressed trace is written as .zst", file.Name())
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

// headerText is the first line, at its fixed length if it has room. Compressed files have it in a frame of its own then,
// uncompressed.
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
		return nil, fmt.Errorf("the header has %d bytes; at most %d", len(line), headerRoom-1)
	}
	line = append(line, bytes.Repeat([]byte(" "), headerRoom-1-len(line))...)
	line = append(line, '\n')
	if w.zstd != nil {
		return append(storedFrame(len(line)), line...), nil
	}
	return line, nil
}

// storedFrame is what stands before size bytes that make a zstd frame with one block as it is: the magic number, a
// descriptor for a size of two bytes in a single segment without checksum, the size less 256, and the last raw block.
func storedFrame(size int) []byte {
	block := uint32(size)<<3 | 1
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x60, byte(size - 256), byte((size - 256) >> 8),
		byte(block), byte(block >> 8), byte(block >> 16)}
}

// Event adds an event. It stands in memory until Flush.
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
		return fmt.Errorf("an event of %d bytes; at most %d", len(line), maxLine-1)
	}
	w.buf.Write(line)
	w.buf.WriteByte('\n')
	return nil
}

// Buffered is the number of bytes that wait for Flush.
func (w *LineWriter) Buffered() int { return w.buf.Len() }

// Flush writes the lines that there are. Compressed files get a frame of their own for them.
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

// ErrNoSeek is what Finish gives for a pipe: the header cannot be written again.
var ErrNoSeek = errors.New("the output is no file; its header keeps the counts of the start")

// Finish flushes, and writes the header again if it has room for that.
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

// WriteLine writes a header or an event as a line of a .jsonl file that nobody can write to again, such as a pipe.
func WriteLine[T Header | *Event](w io.Writer, v T) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
