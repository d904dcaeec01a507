// Package stream opens input as it comes: files, standard input, and either compressed with zstd.
package stream

import (
	"bufio"
	"bytes"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Stdin is the name of standard input.
const Stdin = "-"

// Suffix is that of compressed files.
const Suffix = ".zst"

// maxWindow is how far back a compressed stream may refer, in bytes, all of which have to be kept. Level 19 of zstd
// needs a quarter of it.
const maxWindow = 32 << 20

// magic is what compressed streams begin with.
var magic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// Open opens a file for reading. A name that ends in Suffix is that of a compressed one; Stdin is stdin, which may be
// compressed, too. Errors are *fs.PathError, also those of reading what is not, or no longer, compressed.
func Open(file string, stdin io.Reader) (io.ReadCloser, error) {
	if file == Stdin {
		in := bufio.NewReaderSize(stdin, 64<<10)
		if head, _ := in.Peek(len(magic)); !bytes.Equal(head, magic) { // an error comes again when it is read
			return io.NopCloser(in), nil
		}
		return uncompress(file, io.NopCloser(in))
	}
	f, err := os.Open(file)
	if err != nil || !strings.HasSuffix(file, Suffix) {
		return f, err
	}
	return uncompress(file, f)
}

// Plain is the file's name without Suffix: it ends in what the content is.
func Plain(file string) string { return strings.TrimSuffix(file, Suffix) }

func uncompress(file string, in io.ReadCloser) (io.ReadCloser, error) {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		_ = in.Close() // the first error counts
		return nil, &fs.PathError{Op: "uncompress", Path: file, Err: err}
	}
	return &compressed{file, z, in}, nil
}

// compressed is a stream that is uncompressed as it is read.
type compressed struct {
	file string
	z    *zstd.Decoder
	in   io.Closer
}

func (c *compressed) Read(p []byte) (int, error) {
	n, err := c.z.Read(p)
	if err != nil && err != io.EOF {
		err = &fs.PathError{Op: "uncompress", Path: c.file, Err: err}
	}
	return n, err
}

func (c *compressed) Close() error {
	c.z.Close()
	return c.in.Close()
}
