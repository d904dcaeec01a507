package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/internal/stream"
	"github.com/uringsim/uringsim/srcpos"
)

// Limits that keep memory bounded. Larger traces have to be written as .jsonl.
const (
	maxDocument = 64 << 20 // most bytes of a .json file
	maxLine     = 8 << 20  // most bytes of a line of a .jsonl file
)

// MaxEvents is the most events that a .json file may have.
const MaxEvents = 1 << 20

// SyntaxError is returned for input that is not a valid trace.
type SyntaxError struct {
	File      string
	Line, Col int // from 1
	Msg       string
}

// Error returns "file:line:column: message".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
}

// offsetError is an error at an offset of the text that is being read.
type offsetError struct {
	err    error
	offset int64
}

func (e *offsetError) Error() string { return e.err.Error() }
func (e *offsetError) Unwrap() error { return e.err }

// at adds to err the offset at which the text begins that err is about.
func at(err error, start int64) error {
	off, msg := locate(err)
	return &offsetError{msg, start + off}
}

// locate splits an error into its offset and its message.
func locate(err error) (offset int64, msg error) {
	var own *offsetError
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &own):
		return own.offset, own.err
	case errors.As(err, &semantic):
		return semantic.ByteOffset, describe(semantic)
	case errors.As(err, &syntactic):
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return syntactic.ByteOffset, errors.New("the text ends in the middle of a value")
		}
		return syntactic.ByteOffset, errors.New("not JSON: " + syntactic.Err.Error())
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return 0, errors.New("the text ends in the middle of a value")
	}
	return 0, err
}

// describe says in the words of the trace format what is wrong with a value.
func describe(e *json.SemanticError) error {
	where := strings.TrimPrefix(string(e.JSONPointer), "/")
	if where != "" {
		where += ": "
	}
	switch {
	case errors.Is(e.Err, json.ErrUnknownName):
		return fmt.Errorf("%sunknown key%s", where, knownKeys(e.GoType))
	case e.Err != nil:
		return fmt.Errorf("%s%w", where, e.Err)
	case e.GoType != nil:
		return fmt.Errorf("%sfound %s, expected %s", where, kindName(e.JSONKind), goKind(e.GoType.String()))
	}
	return errors.New(where + "wrong value")
}

// knownKeys says which keys an object has, if it is a struct of ours.
func knownKeys(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return ""
	}
	var keys []string
	for _, f := range reflect.VisibleFields(t) {
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	if keys == nil {
		return ""
	}
	return "; known are " + strings.Join(keys, ", ")
}

// goKind returns the JSON name for a Go type.
func goKind(t string) string {
	switch {
	case t == "string", strings.HasSuffix(t, "Sockaddr"), strings.HasSuffix(t, "Prot"):
		return "a string"
	case strings.HasSuffix(t, "Bytes"):
		return "bytes in hexadecimal"
	case t == "bool":
		return "true or false"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"), strings.HasPrefix(t, "*int"), strings.HasPrefix(t, "*uint"):
		return "a number"
	case strings.HasPrefix(t, "[]"), strings.HasPrefix(t, "*[]"):
		return "an array"
	}
	return "an object"
}

// Decode reads another kind of document that consists of the objects of traces, as strictly as traces are read. Its
// errors are *SyntaxError.
func Decode(file string, text []byte, v any) error {
	err := json.Unmarshal(text, v, json.RejectUnknownMembers(true))
	if err == nil {
		err = checkPresent(text, reflect.TypeOf(v), "the document")
	}
	if err == nil {
		err = checkFits(reflect.ValueOf(v), "", "the document")
	}
	if err != nil {
		return syntaxError(file, text, err)
	}
	return nil
}

// Reader reads a trace event by event.
type Reader struct {
	Header Header
	file   string
	next   func() (Event, error)
	close  func() error
	quick  quick
	packed *unpacker   // nil unless the trace is packed
	lines  *lineReader // nil unless the trace has one event per line
}

// Share says whether events may share memory, which is faster: each event is then valid only until the next one is
// read.
func (r *Reader) Share(share bool) {
	r.quick.share = share
	if r.packed != nil {
		r.packed.block.share = share
	}
}

// AsBytes says whether SQEs that were written as fields may be returned as their bytes, which is faster. It only has an
// effect on SQEs that point to no objects, and together with Share.
func (r *Reader) AsBytes(bytes bool) {
	r.quick.asBytes = bytes
	if r.packed != nil {
		r.packed.block.asBytes = bytes
	}
}

// Packed tells whether the trace is packed.
func (r *Reader) Packed() bool { return r.packed != nil }

// Skip skips n events. It returns io.EOF if there are fewer. In a packed trace it jumps over whole blocks and does not
// check them.
func (r *Reader) Skip(n uint64) error {
	if r.packed != nil {
		return r.packed.skip(n)
	}
	for range n {
		if _, err := r.Next(); err != nil {
			return err
		}
	}
	return nil
}

// Next returns the next event, or io.EOF at the end. Other errors are a *SyntaxError, for packed traces a *PackError,
// or from the file.
func (r *Reader) Next() (Event, error) { return r.next() }

// Close closes the file.
func (r *Reader) Close() error { return r.close() }

// OpenFile opens a trace file. Its name says how it is written, as for NewReader, and whether it is compressed (.zst or
// .gz).
func OpenFile(file string) (*Reader, error) {
	f, err := stream.Open(file, strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	return NewReader(f, file)
}

// NewReader reads a trace from a stream, which it closes on an error, and Close does otherwise. A stream that begins
// like a packed trace is one, whatever its name. Else a file whose name, without .zst or .gz, ends in .jsonl has one
// event per line, and any other is one JSON document. For standard input, which is called "-", the first line tells
// which of the two it is.
func NewReader(in io.ReadCloser, file string) (*Reader, error) {
	r := &Reader{file: file, close: in.Close}
	var err error
	switch text := bufio.NewReaderSize(in, 64<<10); {
	case packed(text):
		err = r.startPacked(text, in)
	case hasLines(text, file):
		err = r.startLines(text)
	default:
		err = r.startDocument(text)
	}
	if err != nil {
		_ = r.close() // the first error counts
		return nil, err
	}
	return r, nil
}

// hasLines tells whether the trace has one event per line.
func hasLines(in *bufio.Reader, file string) bool {
	if file != "-" {
		return filepath.Ext(stream.Plain(file)) == ".jsonl"
	}
	for n := 1; n <= in.Size(); n = in.Buffered() + 1 { // waits for no more than one line
		_, err := in.Peek(n)
		text, _ := in.Peek(in.Buffered())
		line, _, whole := bytes.Cut(bytes.TrimLeft(text, " \t\r\n"), []byte("\n"))
		if whole || err != nil { // the error will come again when the line is read
			var h Header
			return json.Unmarshal(line, &h, json.RejectUnknownMembers(true)) == nil // fails for a document, as a header has no "events"
		}
	}
	return false // no header is that long
}

// startDocument reads the whole document. Its events are decoded one by one.
func (r *Reader) startDocument(in io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(in, maxDocument+1))
	if err != nil {
		return err
	}
	if len(text) > maxDocument {
		return &SyntaxError{r.file, 1, 1, fmt.Sprintf("the document has more than %d bytes; write it as .jsonl", maxDocument)}
	}
	fail := func(err error) error { return syntaxError(r.file, text, err) }
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	if kind := dec.PeekKind(); kind != '{' {
		if _, err := dec.ReadToken(); err != nil && kind == 0 {
			return fail(err)
		}
		return fail(fmt.Errorf("found %s, expected a trace: {\"trace\": %d, \"events\": [...]}", kindName(kind), Version))
	}
	var doc struct {
		Header
		Events spans `json:"events"`
	}
	if err := json.UnmarshalDecode(dec, &doc, json.RejectUnknownMembers(true)); err != nil {
		return fail(err)
	}
	if rest := bytes.TrimLeft(text[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return fail(at(errors.New("found more text, expected the end of the file behind the trace"), int64(len(text)-len(rest))))
	}
	if err := checkHeader(doc.Header); err != nil {
		return fail(err)
	}
	if len(doc.Events) > MaxEvents {
		return fail(fmt.Errorf("the document has more than %d events; write it as .jsonl", MaxEvents))
	}
	r.Header = doc.Header
	r.next = r.documentEvents(text, doc.Events)
	return nil
}

// spans are the start and end offsets of the elements of an array.
type spans [][2]int64

// UnmarshalJSONFrom notes where the elements are, without decoding them.
func (s *spans) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if kind := dec.PeekKind(); kind != '[' && kind != 0 {
		return fmt.Errorf("found %s, expected an array", kindName(kind))
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := dec.InputOffset()
		*s = append(*s, [2]int64{end - int64(len(raw)), end})
	}
	_, err := dec.ReadToken()
	return err
}

// documentEvents returns a function that decodes the next event of a document.
func (r *Reader) documentEvents(text []byte, events spans) func() (Event, error) {
	return func() (Event, error) {
		if len(events) == 0 {
			return Event{}, io.EOF
		}
		start, end := events[0][0], events[0][1]
		events = events[1:]
		e, err := r.quick.read(text[start:end])
		if err != nil {
			return e, syntaxError(r.file, text, at(err, start))
		}
		e.Line = srcpos.Of(text, int(start)).Line
		return e, nil
	}
}

func checkHeader(h Header) error {
	if h.Trace != Version {
		return fmt.Errorf("found trace version %d, expected \"trace\": %d", h.Trace, Version)
	}
	return nil
}

func syntaxError(file string, text []byte, err error) error {
	off, msg := locate(err)
	at := srcpos.Of(text, int(off))
	return &SyntaxError{file, at.Line, at.Col, msg.Error()}
}

// Read reads a whole trace. File is its name, for messages and as for NewReader.
func Read(in io.Reader, file string) (*Trace, error) {
	r, err := NewReader(io.NopCloser(in), file)
	if err != nil {
		return nil, err
	}
	return r.All()
}

// ReadFile reads a whole trace file.
func ReadFile(file string) (*Trace, error) {
	r, err := OpenFile(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.All()
}

// All returns the trace with all events that Next has not returned yet.
func (r *Reader) All() (*Trace, error) {
	t := &Trace{Header: r.Header}
	for {
		e, err := r.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		t.Events = append(t.Events, e)
	}
}
