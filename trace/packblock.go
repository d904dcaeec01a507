package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// A packed trace consists of packMagic, the version of the format, and blocks: one with the header, those with events, and
// one that marks the end (docs/pack.md).
const (
	packMagic   = "\x89uSQE\r\n\x1a"
	packVersion = 1

	sizeofPackStart = 16      // the magic, the version as u32, and a u32 of zero
	sizeofFrame     = 32      // size of the frame in front of each block
	frameMagic      = "blk\n" // the start of each frame

	maxBlock  = 16 << 20  // most bytes of content of a block
	fullBlock = 512 << 10 // bytes after which a block is written
)

// Compression is the way in which the blocks of a packed trace are compressed.
type Compression uint8

// The compressions. Their values are those in files.
const (
	Stored Compression = iota // not at all
	S2                        // github.com/klauspost/compress/s2: one block, without its framing
	Zstd                      // RFC 8878, one frame
)

// compressionNames are the names of the compressions, by value.
var compressionNames = []string{"none", "s2", "zstd"}

// String returns the name of the compression.
func (c Compression) String() string {
	if int(c) < len(compressionNames) {
		return compressionNames[c]
	}
	return fmt.Sprintf("compression %d", uint8(c))
}

// Compressions returns all compressions.
func Compressions() []Compression { return []Compression{Stored, S2, Zstd} }

// blockKind is what a block holds.
type blockKind uint8

const (
	headerBlock blockKind = 'H' // the header of the trace, as JSON
	eventsBlock blockKind = 'E'
	endBlock    blockKind = 'Z' // nothing
)

// frame is the header of a block: how the block is stored, and which events it has.
type frame struct {
	kind        blockKind
	compression Compression
	stored      uint32 // size in the file, in bytes
	size        uint32 // size of the content, in bytes
	first       uint64 // number of events before the block
	events      uint32 // number of events in the block
	sum         uint32 // CRC-32C of the frame up to here and of the stored bytes
}

// castagnoli is the polynomial of CRC-32C, for which processors have an instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// append appends the bytes of the frame, with the checksum that covers the stored bytes.
func (f *frame) append(b, stored []byte) []byte {
	le, start := binary.LittleEndian, len(b)
	b = append(b, frameMagic...)
	b = append(b, byte(f.kind), byte(f.compression), 0, 0)
	b = le.AppendUint32(b, f.stored)
	b = le.AppendUint32(b, f.size)
	b = le.AppendUint64(b, f.first)
	b = le.AppendUint32(b, f.events)
	return le.AppendUint32(b, crc32.Update(crc32.Checksum(b[start:], castagnoli), castagnoli, stored))
}

// errNoFrame says that no block begins where one should.
var errNoFrame = errors.New("found no block, expected one to begin here")

// decodeFrame decodes a frame, without looking at its checksum.
func decodeFrame(b []byte) (frame, error) {
	le := binary.LittleEndian
	f := frame{blockKind(b[4]), Compression(b[5]), le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint64(b[16:]),
		le.Uint32(b[24:]), le.Uint32(b[28:])}
	switch {
	case string(b[:4]) != frameMagic:
		return f, errNoFrame
	case f.stored > maxBlock, f.size > maxBlock:
		return f, fmt.Errorf("found a block of %d bytes that takes %d in the file, expected at most %d each", f.size, f.stored, maxBlock)
	}
	return f, nil
}

// check verifies the checksum, and refuses what this version of the format does not have.
func (f *frame) check(head, stored []byte) error {
	sum := crc32.Update(crc32.Checksum(head[:sizeofFrame-4], castagnoli), castagnoli, stored)
	switch {
	case sum != f.sum:
		return fmt.Errorf("found a block whose checksum is %08x, expected %08x", sum, f.sum)
	case f.kind != headerBlock && f.kind != eventsBlock && f.kind != endBlock:
		return fmt.Errorf("found a block of the kind %q, expected %q, %q or %q", rune(f.kind), headerBlock, eventsBlock, endBlock)
	case int(f.compression) >= len(compressionNames):
		return fmt.Errorf("found a block with compression %d, expected 0 to %d", f.compression, len(compressionNames)-1)
	case head[6]|head[7] != 0:
		return errors.New("found reserved bytes set in the frame of a block, expected zero")
	case f.compression == Stored && f.stored != f.size:
		return fmt.Errorf("found a block of %d bytes stored as %d, expected the same", f.size, f.stored)
	}
	return nil
}

// blockWriter writes blocks, compressed.
type blockWriter struct {
	w           io.Writer
	compression Compression
	zstd        *zstd.Encoder
	out         []byte // the last block, whose memory the next one reuses
	squeezed    []byte
}

func newBlockWriter(w io.Writer, c Compression) (*blockWriter, error) {
	bw := &blockWriter{w: w, compression: c}
	var err error
	if c == Zstd {
		bw.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false)) // the frame has a checksum
	}
	return bw, err
}

// write writes a block, compressed unless that would make it larger.
func (w *blockWriter) write(f frame, content []byte) error {
	stored := content
	switch w.compression {
	case S2:
		w.squeezed = s2.Encode(w.squeezed[:cap(w.squeezed)], content)
		stored = w.squeezed
	case Zstd:
		w.squeezed = w.zstd.EncodeAll(content, w.squeezed[:0])
		stored = w.squeezed
	}
	f.compression = w.compression
	if len(stored) >= len(content) {
		stored, f.compression = content, Stored
	}
	f.stored, f.size = uint32(len(stored)), uint32(len(content))
	w.out = append(f.append(w.out[:0], stored), stored...)
	_, err := w.w.Write(w.out)
	return err
}

// uncompressor uncompresses blocks.
type uncompressor struct {
	zstd *zstd.Decoder // made for the first block that needs it
	room []byte        // the last block, whose memory the next one reuses
}

// content returns the content of a block: the stored bytes themselves, or memory that the next block reuses.
func (u *uncompressor) content(f *frame, stored []byte) (content []byte, err error) {
	if f.compression == Stored {
		return stored, nil
	}
	if cap(u.room) < int(f.size) {
		u.room = make([]byte, f.size)
	}
	switch f.compression {
	case S2:
		n, sizeErr := s2.DecodedLen(stored)
		if err = sizeErr; err == nil && n == int(f.size) {
			content, err = s2.Decode(u.room[:f.size], stored)
		}
	case Zstd:
		if u.zstd == nil {
			u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxMemory(maxBlock), zstd.WithDecoderMaxWindow(maxBlock))
			if err != nil {
				return nil, err
			}
		}
		content, err = u.zstd.DecodeAll(stored, u.room[:0])
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot decompress a block: %w", err)
	case len(content) != int(f.size):
		return nil, fmt.Errorf("found a block with %d bytes of content, expected %d", len(content), f.size)
	}
	return content, nil
}

func (u *uncompressor) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}
