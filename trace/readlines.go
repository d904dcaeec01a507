package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// lineReader reads a trace with one event per line.
type lineReader struct {
	file  string
	in    *bufio.Reader
	line  int                  // number of the last line, from 1
	buf   []byte               // for a line that is longer than the buffer of in
	isEnd func(err error) bool // whether the error is just the end of a recording that was cut off
}

// startLines reads the header and then an event per line.
func (r *Reader) startLines(in *bufio.Reader) error {
	l := &lineReader{file: r.file, in: in, isEnd: r.cutOff}
	text, err := l.next()
	if err == io.EOF {
		return &SyntaxError{r.file, 1, 1, fmt.Sprintf("found nothing, expected {\"trace\": %d}", Version)}
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &r.Header, json.RejectUnknownMembers(true)); err != nil {
		return l.fail(text, err)
	}
	if err := checkHeader(r.Header); err != nil {
		return l.fail(text, err)
	}
	r.lines, r.next = l, func() (Event, error) {
		e, _, err := l.event(&r.quick)
		return e, err
	}
	return nil
}

// event reads the next event, and returns the length of its line in bytes.
func (l *lineReader) event(q *quick) (Event, int, error) {
	text, err := l.next()
	if err != nil {
		return Event{}, 0, err
	}
	e, err := q.read(text)
	if err != nil {
		return e, 0, l.fail(text, err)
	}
	e.Line = l.line
	return e, len(text), nil
}

// next returns the next line that is not empty. It is valid until next is called again.
func (l *lineReader) next() ([]byte, error) {
	for {
		text, err := l.read()
		switch {
		case l.isEnd(err) && len(text) > 0, l.isEnd(err) && err != io.EOF:
			return nil, io.EOF
		case err == errLongLine:
			return nil, &SyntaxError{l.file, l.line + 1, 1, err.Error()}
		case err != nil && err != io.EOF:
			return nil, err
		}
		if l.line++; len(bytes.TrimSpace(text)) > 0 {
			return text, nil
		}
		if err == io.EOF {
			return nil, io.EOF
		}
	}
}

// fail returns an error in the last line.
func (l *lineReader) fail(text []byte, err error) error {
	off, msg := locate(err)
	return &SyntaxError{l.file, l.line, int(min(off, int64(len(text)))) + 1, msg.Error()}
}

var errLongLine = fmt.Errorf("the line has more than %d bytes", maxLine)

// read reads a line, most often without copying it. It does not keep the text of lines that are too long.
func (l *lineReader) read() ([]byte, error) {
	text, err := l.in.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return text, err
	}
	l.buf = append(l.buf[:0], text...)
	for err == bufio.ErrBufferFull {
		text, err = l.in.ReadSlice('\n')
		if len(l.buf)+len(text) > maxLine {
			return nil, errLongLine
		}
		l.buf = append(l.buf, text...)
	}
	return l.buf, err
}

// cutOff tells whether err is the end of a recording whose recorder was killed, so that its last line may be
// incomplete.
func (r *Reader) cutOff(err error) bool {
	ended := err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
	return ended && r.Header.Recording != nil && !r.Header.Recording.Complete
}
