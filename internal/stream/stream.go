// Package stream opens input: files and standard input, either of which may be compressed with zstd or gzip.
package stream

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Stdin is the name of standard input.
const Stdin = "-"

// maxWindow is the largest window of a zstd stream, in bytes. A reader has to keep a whole window in memory. Level 19
// of zstd needs a quarter of this, and gzip only 32 KiB.
const maxWindow = 32 << 20

// form is a form of compression.
type form struct {
	suffix string
	magic  []byte // the bytes that a stream begins with
	open   func(in io.Reader) (io.ReadCloser, error)
}

var forms = []form{
	{".zst", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
	{".gz", []byte{0x1f, 0x8b}, openGzip},
}

// ofFile returns the form of compression that the file's name says, or nil.
func ofFile(file string) *form {
	for i := range forms {
		if strings.HasSuffix(file, forms[i].suffix) {
			return &forms[i]
		}
	}
	return nil
}

// Open opens a file for reading. It uncompresses a file whose name ends in .zst or .gz, and standard input, whose name
// is Stdin, by its content. Errors are *fs.PathError, including those while reading.
func Open(file string, stdin io.Reader) (io.ReadCloser, error) {
	if file == Stdin {
		in := bufio.NewReaderSize(stdin, 64<<10)
		for i := range forms {
			f := &forms[i]
			if head, _ := in.Peek(len(f.magic)); bytes.Equal(head, f.magic) { // an error will come again when it is read
				return uncompress(f, file, io.NopCloser(in))
			}
		}
		return io.NopCloser(in), nil
	}
	in, err := os.Open(file)
	f := ofFile(file)
	if err != nil || f == nil {
		return in, err
	}
	return uncompress(f, file, in)
}

// Plain returns the file's name without .zst or .gz, so that its suffix is that of the content.
func Plain(file string) string {
	if f := ofFile(file); f != nil {
		return strings.TrimSuffix(file, f.suffix)
	}
	return file
}

func openZstd(in io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

func openGzip(in io.Reader) (io.ReadCloser, error) {
	z, err := gzip.NewReader(in)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // no bytes at all are not a valid gzip file
	}
	return z, err
}

func uncompress(f *form, file string, in io.ReadCloser) (io.ReadCloser, error) {
	z, err := f.open(in)
	if err != nil {
		_ = in.Close() // the first error counts
		return nil, &fs.PathError{Op: "uncompress", Path: file, Err: err}
	}
	return &compressed{file, z, in}, nil
}

// compressed is a stream that is uncompressed while it is read.
type compressed struct {
	file string
	z    io.ReadCloser
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
	_ = c.z.Close() // its errors were returned by Read
	return c.in.Close()
}
