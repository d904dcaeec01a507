// Package stream opens input as it comes: files, standard input, and either compressed with zstd or gzip.
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

// maxWindow is how far back a stream of zstd may refer, in bytes, all of which have to be kept. Level 19 of zstd needs a
// quarter of it; gzip knows no more than 32 KiB.
const maxWindow = 32 << 20

// form is a way to compress.
type form struct {
	suffix string
	magic  []byte // what streams begin with
	open   func(in io.Reader) (io.ReadCloser, error)
}

var forms = []form{
	{".zst", []byte{0x28, 0xb5, 0x2f, 0xfd}, openZstd},
	{".gz", []byte{0x1f, 0x8b}, openGzip},
}

// ofFile is the form that a file's name tells; nil if that is none.
func ofFile(file string) *form {
	for i := range forms {
		if strings.HasSuffix(file, forms[i].suffix) {
			return &forms[i]
		}
	}
	return nil
}

// Open opens a file for reading. A name that ends in .zst or .gz is that of a compressed one; Stdin is stdin, which may
// be compressed, too. Errors are *fs.PathError, also those of reading what is not, or no longer, compressed.
func Open(file string, stdin io.Reader) (io.ReadCloser, error) {
	if file == Stdin {
		in := bufio.NewReaderSize(stdin, 64<<10)
		for i := range forms {
			f := &forms[i]
			if head, _ := in.Peek(len(f.magic)); bytes.Equal(head, f.magic) { // an error comes again when it is read
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

// Plain is the file's name without the suffix of what is compressed: it ends in what the content is.
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
		err = io.ErrUnexpectedEOF // not even nothing is an empty file
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

// compressed is a stream that is uncompressed as it is read.
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
	_ = c.z.Close() // it was only read, and told of its errors then
	return c.in.Close()
}
