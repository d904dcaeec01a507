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

// Limits of what an event of a packed trace has in rows; what has more is written as JSON.
const (
	maxRows    = 32768 // SQEs, and CQEs of all results; a ring has no more SQEs
	maxResults = 64
)

// sizeofRow is the size of a CQE's row: struct io_uring_cqe.
const sizeofRow = 16

// PackWriter writes a packed trace, event by event, whatever its length (docs/pack.md).
type PackWriter struct {
	blocks *blockWriter
	block  packing
	events uint64 // before the block
}

// NewPackWriter writes the header to w.
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

// Event adds an event. It stands in memory until its block is full.
func (p *PackWriter) Event(e *Event) error {
	if err := p.block.add(e); err != nil {
		return err
	}
	if p.block.size() < fullBlock {
		return nil
	}
	return p.Flush()
}

// Flush writes the events that there are as a block.
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

// Finish writes what there is, and the end, without which the trace counts as torn.
func (p *PackWriter) Finish() error {
	if err := p.Flush(); err != nil {
		return err
	}
	return p.blocks.write(frame{kind: endBlock, first: p.events}, nil)
}

// packing is a block of events that is being made.
type packing struct {
	sections [sectionCount][]byte
	count    uint32 // events

	shapes map[string]byte   // that the block has, by what encodeShape gives
	texts  map[string]uint64 // by themselves
	head   Event             // the last one, without SQEs and results, if it points to nothing that may change,
	headAt uint64            // and where its text is
	on     []string          // the releases of the last result that had no more than rows have,
	onAt   uint64            // and where its text is
	rows   int               // CQEs of the event
	out    []byte            // of the last block
}

// The sections of a block, in their order. Before them stand their sizes.
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

// size is how many bytes the block has so far.
func (p *packing) size() int {
	n := 4 * sectionCount
	for _, s := range p.sections {
		n += len(s)
	}
	return n
}

// content is the block, in memory that the next one uses.
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

// add adds an event: its head, which is all but SQEs and results, the SQEs in rows, and the results.
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

// headText is where the head of an event is, which is often that of the last one.
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

// flat tells whether the value points to nothing but strings.
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

// text is where the JSON of v is in the list of texts, which has each only once.
func (p *packing) text(v any) (uint64, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return 0, err
	}
	if len(text) >= maxLine {
		return 0, fmt.Errorf("an event of %d bytes; at most %d", len(text), maxLine-1)
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

// sqe adds the row of an SQE, and how it was written.
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
		return fmt.Errorf("an SQE has 64 or 128 bytes, not %d", len(s.Raw))
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

// shape is the kind of an SQE that was written as fields, which go into the row; rowText if they do not, or there are too
// many shapes.
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

// result adds what a kernel gave: the text of it without what the numbers behind it say, the return value, the SQ head and
// how many CQEs there are in rows.
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

// resultText is where the text of a result is. Most say no more than the releases, often the same.
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

// plainCQE tells whether a row says all of the CQE.
func plainCQE(c *CQEOut) bool {
	return c.Big == nil && c.Res >= math.MinInt32 && c.Res <= math.MaxInt32 && c.Flags <= math.MaxUint32
}
