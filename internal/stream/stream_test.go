package stream_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/uringsim/uringsim/internal/stream"
)

// TestOpen: what is compressed is read as what was compressed.
func TestOpen(t *testing.T) {
	text := strings.Repeat("one line of many\n", 100_000)
	packed := compress(t, text)
	gzipped := gzipOf(t, text)
	rows := []struct{ why, file, content, stdin, want, err string }{
		{why: "a plain file", file: "a", content: "x", want: "x"},
		{why: "a compressed one", file: "a.zst", content: packed, want: text},
		{why: "only the suffix tells of a file", file: "b", content: packed, want: packed},
		{why: "two streams are one", file: "two.zst", content: packed + packed, want: text + text},
		{why: "nothing compressed is nothing", file: "none.zst"},
		{why: "standard input", file: stream.Stdin, stdin: "x", want: "x"},
		{why: "it may be empty", file: stream.Stdin},
		{why: "it may be compressed", file: stream.Stdin, stdin: packed, want: text},
		{why: "what is not compressed", file: "c.zst", content: "plain text", err: "uncompress FILE: "},
		{why: "a torn end", file: "d.zst", content: packed[:len(packed)-6], err: "uncompress FILE: unexpected EOF"},
		{why: "a changed byte", file: "e.zst", content: packed[:len(packed)-1] + "!", err: "uncompress FILE: "},
		{why: "gzip", file: "a.gz", content: gzipped, want: text},
		{why: "a name with more suffixes", file: "a.jsonl.gz", content: gzipped, want: text},
		{why: "two streams of gzip are one", file: "two.gz", content: gzipped + gzipped, want: text + text},
		{why: "standard input may be of gzip", file: stream.Stdin, stdin: gzipped, want: text},
		{why: "one byte is no stream of gzip", file: stream.Stdin, stdin: gzipped[:1], want: gzipped[:1]},
		{why: "nothing is not what gzip writes of nothing", file: "none.gz", err: "uncompress FILE: unexpected EOF"},
		{why: "what is not of gzip", file: "f.gz", content: "plain text, a line of it", err: "uncompress FILE: gzip: invalid header"},
		{why: "a torn end of gzip", file: "g.gz", content: gzipped[:len(gzipped)-6], err: "uncompress FILE: unexpected EOF"},
		{why: "a changed byte of gzip", file: "h.gz", content: gzipped[:len(gzipped)-8] + "!!!!!!!!",
			err: "uncompress FILE: gzip: invalid checksum"},
	}
	for _, r := range rows {
		file := r.file
		if file != stream.Stdin {
			file = filepath.Join(t.TempDir(), r.file)
			if err := os.WriteFile(file, []byte(r.content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readAll(file, strings.NewReader(r.stdin))
		var path *fs.PathError
		switch {
		case r.err == "" && (err != nil || got != r.want):
			t.Errorf("%s: %d bytes, %v; want %d", r.why, len(got), err, len(r.want))
		case r.err != "" && !errors.As(err, &path),
			r.err != "" && !strings.HasPrefix(err.Error(), strings.Replace(r.err, "FILE", file, 1)):
			t.Errorf("%s: %v, want %s", r.why, err, r.err)
		}
	}
	if _, err := stream.Open(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestWindow: a stream that would have more kept than a program should is refused.
func TestWindow(t *testing.T) {
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	for range 70 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(stream.Stdin, &out); err == nil || !strings.Contains(err.Error(), "window size") {
		t.Errorf("%v, want a word about the window", err)
	}
}

func TestPlain(t *testing.T) {
	for file, want := range map[string]string{"a.jsonl.zst": "a.jsonl", "a.json.gz": "a.json",
		"a.json": "a.json", "-": "-"} {
		if got := stream.Plain(file); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

func readAll(file string, stdin io.Reader) (string, error) {
	in, err := stream.Open(file, stdin)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(in)
	if err == nil {
		err = in.Close()
	}
	return string(b), err
}

func compress(t *testing.T, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

func gzipOf(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write([]byte(text))
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
