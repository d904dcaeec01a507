package trace

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/uapi"
)

// An event of a packed trace with more than these is written as JSON, and not in rows.
const (
	maxRows    = 32768 // SQEs, and also CQEs of all results; no ring has more SQEs
	maxResults = 64
)

// sizeofRow is the size of the row of a CQE: that of struct io_uring_cqe.
const sizeofRow = 16

// PackWriter writes a packed trace of any length, event by event. docs/pack.md describes the format.
type PackWriter struct {
	blocks *blockWriter
	block  packing
	events uint64 // events before the current block
}

// NewPackWriter writes the header to w and returns a writer for the events.
func NewPackWriter(w io.Writer, h Header, c Compression) (*PackWriter, error) {
	blocks, err := newBlockWriter(w, c)
	if err != nil {
		return nil, err
	}
	p := &PackWriter{blocks: blocks}
	h.Trace = Version
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	start := binary.LittleEndian.AppendUint32([]byte(packMagic), packVersion)
	if _, err := w.Write(append(start, 0, 0, 0, 0)); err != nil {
		return nil, err
	}
	p.block.reset()
	return p, blocks.write(frame{kind: headerBlock}, text)
}

// Event adds an event. It is kept in memory until its block is full.
func (p *PackWriter) Event(e *Event) error {
	if err := p.block.add(e); err != nil {
		return err
	}
	if p.block.size() < fullBlock {
		return nil
	}
	return p.Flush()
}

// Flush writes the events that were added since the last block as a block.
func (p *PackWriter) Flush() error {
	if p.block.count == 0 {
		return nil
	}
	f := frame{kind: eventsBlock, first: p.events, events: p.block.count}
	p.events += uint64(p.block.count)
	content := p.block.content()
	p.block.reset()
	return p.blocks.write(f, content)
}

// Finish writes the remaining events and the end mark, without which a reader takes the trace for torn.
func (p *PackWriter) Finish() error {
	if err := p.Flush(); err != nil {
		return err
	}
	return p.blocks.write(frame{kind: endBlock, first: p.events}, nil)
}

// packing is a block of events while it is being written.
type packing struct {
	sections [sectionCount][]byte
	count    uint32 // events

	shapes map[string]byte   // the number of each shape in the block, by its encoding
	texts  map[string]uint64 // the number of each text in the block
	head   Event             // the last event without SQEs and results, unless it holds pointers,
	headAt uint64            // and the number of its text
	on     []string          // the releases of the last result that consisted of rows only,
	onAt   uint64            // and the number of its text
	rows   int               // CQEs of the event
	out    []byte            // the last block, whose memory the next one reuses
}

// The sections of a block, in their order. Their sizes come before the first.
const (
	sqeRows      = iota // 64 bytes each
	cqeRows             // 16 bytes each
	rowKinds            // a byte for each SQE: rowBytes and so on
	shapeList           // each the number of its fields, and their names
	textList            // each its size and its bytes
	eventList           // the events, as numbers of variable length
	sectionCount        // the number of sections
)

func (p *packing) reset() {
	for i := range p.sections {
		p.sections[i] = p.sections[i][:0]
	}
	p.count, p.head, p.on = 0, Event{}, nil
	p.shapes, p.texts = map[string]byte{}, map[string]uint64{}
}

// size is the size of the block so far, in bytes.
func (p *packing) size() int {
	n := 4 * sectionCount
	for _, s := range p.sections {
		n += len(s)
	}
	return n
}

// content returns the block, in memory that the next block reuses.
func (p *packing) content() []byte {
	p.out = p.out[:0]
	for _, s := range p.sections {
		p.out = binary.LittleEndian.AppendUint32(p.out, uint32(len(s)))
	}
	for _, s := range p.sections {
		p.out = append(p.out, s...)
	}
	return p.out
}

// number appends a number to the list of events.
func (p *packing) number(v uint64) {
	p.sections[eventList] = binary.AppendUvarint(p.sections[eventList], v)
}

// add adds an event: its head, which is all but SQEs and results, then the SQEs as rows, then the results.
func (p *packing) add(e *Event) error {
	head := *e
	var sqes []SQE
	if a, ok := e.Args.(*EnterArgs); ok && len(a.SQEs) <= maxRows {
		own := *a
		sqes, own.SQEs = a.SQEs, nil
		if len(sqes) == 0 {
			own.SQEs = a.SQEs // none, or an empty list
		}
		head.Args = &own
	}
	var results []Recorded
	p.rows = 0
	if cqes := countCQEs(e.Results); len(e.Results) > 0 && len(e.Results) <= maxResults && cqes <= maxRows {
		results, head.Results = e.Results, nil
	}
	at, err := p.headText(&head)
	if err != nil {
		return err
	}
	for i := range sqes {
		if err := p.sqe(&sqes[i]); err != nil {
			return err
		}
	}
	p.number(at)
	p.number(uint64(len(sqes)))
	p.number(uint64(len(results)))
	for i := range results {
		if err := p.result(&results[i]); err != nil {
			return err
		}
	}
	p.count++
	return nil
}

func countCQEs(results []Recorded) (n int) {
	for i := range results {
		n += len(results[i].CQEs)
	}
	return n
}

// headText returns the number of the text of an event's head, which is often the same as that of the event before.
func (p *packing) headText(head *Event) (uint64, error) {
	head.Line = 0
	if p.head.Args != nil && reflect.DeepEqual(*head, p.head) {
		return p.headAt, nil
	}
	at, err := p.text(head)
	if p.head, p.headAt = *head, at; !flat(reflect.ValueOf(head.Args).Elem()) {
		p.head = Event{}
	}
	return at, err
}

// flat tells whether a value holds no pointers, except those within strings.
func flat(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			if !flat(f) {
				return false
			}
		}
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	}
	return true
}

// text returns the number of the text that v has in JSON. The list of texts has each only once.
func (p *packing) text(v any) (uint64, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	if len(text) >= maxLine {
		return 0, fmt.Errorf("found an event of %d bytes, expected at most %d", len(text), maxLine-1)
	}
	at, ok := p.texts[string(text)]
	if !ok {
		at = uint64(len(p.texts))
		p.texts[string(text)] = at
		list := &p.sections[textList]
		*list = append(binary.AppendUvarint(*list, uint64(len(text))), text...)
	}
	return at, nil
}

// sqe adds an SQE: its row, and the form in which it was written.
func (p *packing) sqe(s *SQE) error {
	var row uapi.SQE
	kind, bytes := byte(rowText), row[:]
	switch {
	case s.Cmd != nil, s.Slot != nil:
	case len(s.Raw) == uapi.SizeofSQE:
		kind, bytes = rowBytes, s.Raw
	case len(s.Raw) == 2*uapi.SizeofSQE:
		kind, bytes = rowBytes2, s.Raw
	case s.Raw != nil:
		return fmt.Errorf("found %d bytes, expected the 64 or 128 of an SQE", len(s.Raw))
	default:
		kind = p.shape(s, &row)
	}
	if kind == rowText {
		at, err := p.text(s)
		if err != nil {
			return err
		}
		clear(row[:])
		binary.LittleEndian.PutUint64(row[:], at)
	}
	p.sections[rowKinds] = append(p.sections[rowKinds], kind)
	p.sections[sqeRows] = append(p.sections[sqeRows], bytes...)
	return nil
}

// shape puts an SQE that was written as fields into the row and returns the kind of its shape. It returns rowText if a
// row cannot express the SQE, or if there are too many shapes.
func (p *packing) shape(s *SQE, row *uapi.SQE) byte {
	var room [maxShapeFields]byte
	b, ok := encodeShape(room[:0], s, row)
	if !ok {
		return rowText
	}
	kind, ok := p.shapes[string(b)]
	if !ok {
		if len(p.shapes) == maxShapes {
			return rowText
		}
		kind = byte(rowShape + len(p.shapes))
		p.shapes[string(b)] = kind
		p.sections[shapeList] = appendShape(p.sections[shapeList], b)
	}
	return kind
}

// result adds what a kernel gave: the return value, the SQ head and the number of CQEs as numbers, the CQEs as rows,
// and all else as a text.
func (p *packing) result(r *Recorded) error {
	head, cqes := *r, r.CQEs
	head.Ret, head.SQHead, head.CQEs = 0, nil, nil
	start := len(p.sections[cqeRows])
	for i := range cqes {
		c := &cqes[i]
		if !plainCQE(c) {
			p.sections[cqeRows] = p.sections[cqeRows][:start]
			head.CQEs, cqes = r.CQEs, nil
			break
		}
		le, rows := binary.LittleEndian, &p.sections[cqeRows]
		*rows = le.AppendUint64(*rows, uint64(c.UserData))
		*rows = le.AppendUint32(*rows, uint32(c.Res))
		*rows = le.AppendUint32(*rows, uint32(c.Flags))
	}
	if len(r.CQEs) == 0 {
		head.CQEs = r.CQEs // none, or an empty list
	}
	at, err := p.resultText(&head)
	if err != nil {
		return err
	}
	p.number(at)
	p.sections[eventList] = binary.AppendVarint(p.sections[eventList], int64(r.Ret))
	if r.SQHead == nil {
		p.number(0)
	} else {
		p.number(1 + uint64(*r.SQHead))
	}
	p.number(uint64(len(cqes)))
	return nil
}

// resultText returns the number of the text of a result. Most texts say only the releases, which are often those of the
// result before.
func (p *packing) resultText(head *Recorded) (uint64, error) {
	plain := reflect.DeepEqual(*head, Recorded{On: head.On})
	if plain && p.on != nil && slices.Equal(head.On, p.on) {
		return p.onAt, nil
	}
	at, err := p.text(head)
	if plain && head.On != nil {
		p.on, p.onAt = slices.Clone(head.On), at
	}
	return at, err
}

// plainCQE tells whether a row can express the CQE.
func plainCQE(c *CQEOut) bool {
	return c.Big == nil && c.Res >= math.MinInt32 && c.Res <= math.MaxInt32 && c.Flags <= math.MaxUint32
}
