package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// keptTexts is how many texts of a block are kept in decoded form, if events may share memory.
const keptTexts = 256

// unpacking is a block of events while it is being read.
type unpacking struct {
	share    bool   // memory, as in quick
	asBytes  bool   // SQEs may come as their bytes, if memory is shared
	offset   int64  // of the block
	left     uint32 // events that were not read yet
	sections [sectionCount][]byte
	shapes   []*shape
	texts    []uint32 // offset of each text in its section
	// decoded texts of events
	heads [keptTexts]*Event
	// decoded texts of results
	answers [keptTexts]*Recorded
	quick   quick // decodes texts; what it returns shares no memory
	enter   EnterArgs

	// The memory for the lists of an event, if events share memory.
	sqes    []SQE
	fields  []SQEField
	cqes    []CQEOut
	results []Recorded
}

// start splits a block into its sections.
func (b *unpacking) start(offset int64, events uint32, content []byte) error {
	b.offset, b.left = offset, events
	clear(b.heads[:])
	clear(b.answers[:])
	if len(content) < 4*sectionCount {
		return errors.New("found a block that is too small for its sections")
	}
	sizes, rest := content[:4*sectionCount], content[4*sectionCount:]
	for i := range b.sections {
		n := binary.LittleEndian.Uint32(sizes[4*i:])
		if uint64(n) > uint64(len(rest)) {
			return fmt.Errorf("found a section of %d bytes where the block has %d", n, len(rest))
		}
		b.sections[i], rest = rest[:n:n], rest[n:]
	}
	if len(rest) > 0 {
		return errors.New("found bytes behind the last section of a block, expected none")
	}
	if events == 0 {
		return errors.New("found a block of events with no event, expected some")
	}
	if err := b.readShapes(); err != nil {
		return err
	}
	return b.readTexts()
}

func (b *unpacking) readShapes() error {
	b.shapes = b.shapes[:0]
	for list := b.sections[shapeList]; len(list) > 0; {
		s, rest := decodeShape(list)
		if s == nil || len(b.shapes) == maxShapes {
			return errors.New("found an invalid list of shapes, expected names of fields of SQEs")
		}
		b.shapes, list = append(b.shapes, s), rest
	}
	return nil
}

func (b *unpacking) readTexts() error {
	b.texts = b.texts[:0]
	list := b.sections[textList]
	for at := 0; at < len(list); {
		size, n := binary.Uvarint(list[at:])
		switch {
		case n <= 0 || size < minText || size > uint64(len(list)-at-n):
			return errors.New("found a text that goes beyond its section")
		case size >= maxLine:
			return fmt.Errorf("found a text of %d bytes, expected at most %d", size, maxLine-1)
		}
		b.texts = append(b.texts, uint32(at))
		at += n + int(size)
	}
	return nil
}

// minText is the size of the smallest JSON object.
const minText = 2

// errNumber says that the list of events ends too early, or has a number that is too large.
var errNumber = errors.New("found no valid number in the list of events, expected one")

// number reads a number of at most max.
func (b *unpacking) number(max uint64) (uint64, error) {
	list := b.sections[eventList]
	v, n := binary.Uvarint(list)
	if n <= 0 || v > max {
		return 0, errNumber
	}
	b.sections[eventList] = list[n:]
	return v, nil
}

// text reads the number of a text, and returns it and the text.
func (b *unpacking) text() (at uint64, text []byte, err error) {
	at, err = b.number(math.MaxUint64)
	if err == nil {
		text, err = b.textAt(at)
	}
	return at, text, err
}

func (b *unpacking) textAt(at uint64) ([]byte, error) {
	if at >= uint64(len(b.texts)) {
		return nil, fmt.Errorf("found text %d, expected one of %d", at, len(b.texts))
	}
	list := b.sections[textList][b.texts[at]:]
	size, n := binary.Uvarint(list)
	return list[n:][:size], nil
}

// event reads the next event.
func (b *unpacking) event() (e Event, err error) {
	b.fields, b.cqes = b.fields[:0], b.cqes[:0]
	if err = b.readHead(&e); err != nil {
		return e, err
	}
	sqes, err := b.number(maxRows)
	if err != nil {
		return e, err
	}
	results, err := b.number(maxResults)
	if err != nil {
		return e, err
	}
	if sqes > 0 {
		if err := b.readSQEs(&e, int(sqes)); err != nil {
			return e, err
		}
	}
	if results > 0 {
		if err := b.readResults(&e, int(results)); err != nil {
			return e, err
		}
	}
	if b.left == 1 {
		return e, b.end()
	}
	return e, nil
}

// end makes sure that the events used all of the block.
func (b *unpacking) end() error {
	for _, section := range []int{sqeRows, cqeRows, rowKinds, eventList} {
		if len(b.sections[section]) > 0 {
			return errors.New("found rows behind the last event of a block, expected none")
		}
	}
	return nil
}

// readHead reads the text of an event, which has all of it but the SQEs and results that are in rows.
func (b *unpacking) readHead(e *Event) error {
	at, text, err := b.text()
	if err != nil {
		return err
	}
	if at < keptTexts && b.heads[at] != nil {
		*e = *b.heads[at]
		return nil
	}
	if *e, err = b.quick.read(text); err != nil {
		_, msg := locate(err)
		return fmt.Errorf("text %d: %w", at, msg)
	}
	if b.share && at < keptTexts {
		kept := *e
		b.heads[at] = &kept
	}
	return nil
}

// readSQEs reads the SQEs of an enter.
func (b *unpacking) readSQEs(e *Event, n int) error {
	head, ok := e.Args.(*EnterArgs)
	if !ok || head.SQEs != nil {
		return errors.New("found rows of SQEs for an event that takes none, or has SQEs in its text")
	}
	if n > len(b.sections[rowKinds]) {
		return fmt.Errorf("found an event with %d SQEs, expected at most the %d that are left", n, len(b.sections[rowKinds]))
	}
	kinds := b.sections[rowKinds][:n]
	b.sections[rowKinds] = b.sections[rowKinds][n:]
	list := &b.sqes
	if !b.share {
		list = new([]SQE)
	}
	*list = slices.Grow(*list, n)[:n]
	for i, kind := range kinds {
		if err := b.readSQE(&(*list)[i], kind); err != nil {
			return err
		}
	}
	args := &b.enter
	if !b.share {
		args = new(EnterArgs)
	}
	*args = *head
	args.SQEs = *list
	e.Args = args
	return nil
}

// row takes the next n bytes of the rows of SQEs, or returns nil if there are fewer.
func (b *unpacking) row(n int) []byte {
	rows := b.sections[sqeRows]
	if len(rows) < n {
		return nil
	}
	b.sections[sqeRows] = rows[n:]
	return rows[:n:n]
}

// readSQE reads an SQE of the kind.
func (b *unpacking) readSQE(s *SQE, kind byte) error {
	size := uapi.SizeofSQE
	if kind == rowBytes2 {
		size *= 2
	}
	row := b.row(size)
	if row == nil {
		return errors.New("found the end of the rows, expected one for an SQE")
	}
	switch kind {
	case rowBytes, rowBytes2:
		if !b.share {
			row = bytes.Clone(row)
		}
		*s = SQE{Raw: row}
		return nil
	case rowText:
		return b.readSQEText(s, binary.LittleEndian.Uint64(row), row[8:])
	}
	if int(kind)-rowShape >= len(b.shapes) {
		return fmt.Errorf("found an SQE of shape %d, expected one of %d", kind-rowShape, len(b.shapes))
	}
	shape := b.shapes[kind-rowShape]
	if !shape.covers((*uapi.SQE)(row)) {
		return errors.New("found bytes set in the row of an SQE outside of its fields, expected zero")
	}
	if b.asBytes && b.share {
		*s = SQE{Raw: row}
		return nil
	}
	*s = SQE{Fields: b.readFields(shape, (*uapi.SQE)(row))}
	return nil
}

// readFields returns the fields of a shape with their values; nil if it has none.
func (b *unpacking) readFields(shape *shape, row *uapi.SQE) []SQEField {
	if len(shape.fields) == 0 {
		return nil
	}
	list := &b.fields
	if !b.share {
		list = &[]SQEField{}
		*list = slices.Grow(*list, len(shape.fields))
	}
	start := len(*list)
	for i := range shape.fields {
		f := &shape.fields[i]
		*list = append(*list, SQEField{f.Name, Pointer{Num: f.get(row)}})
	}
	return (*list)[start:len(*list):len(*list)]
}

// readSQEText reads an SQE that was written as a text. The text is decoded as part of an event that is made up for it.
func (b *unpacking) readSQEText(s *SQE, at uint64, rest []byte) error {
	text, err := b.textAt(at)
	if err != nil {
		return err
	}
	for _, c := range rest {
		if c != 0 {
			return errors.New("found more in the row of an SQE than the number of its text")
		}
	}
	e, err := b.quick.read(slices.Concat([]byte(`{"call":"enter","fd":0,"sqes":[`), text, []byte("]}")))
	if err != nil {
		_, msg := locate(err)
		return fmt.Errorf("text %d: %w", at, msg)
	}
	if sqes := e.Args.(*EnterArgs).SQEs; len(sqes) == 1 {
		*s = sqes[0]
		return nil
	}
	return fmt.Errorf("text %d: found no SQE, expected one", at)
}

// readResults reads what kernels gave.
func (b *unpacking) readResults(e *Event, n int) error {
	if e.Results != nil {
		return errors.New("found results in rows for an event that has results in its text")
	}
	list := &b.results
	if !b.share {
		list = new([]Recorded)
	}
	*list = slices.Grow(*list, n)[:n]
	for i := range *list {
		if err := b.readResult(&(*list)[i]); err != nil {
			return err
		}
	}
	e.Results = *list
	return nil
}

// readResult reads what a kernel gave: a text, and numbers that complete it.
func (b *unpacking) readResult(r *Recorded) error {
	at, text, err := b.text()
	if err != nil {
		return err
	}
	if at < keptTexts && b.answers[at] != nil {
		*r = *b.answers[at]
	} else if err := b.readResultText(r, at, text); err != nil {
		return err
	}
	list := b.sections[eventList]
	ret, size := binary.Varint(list)
	if size <= 0 {
		return errNumber
	}
	b.sections[eventList] = list[size:]
	head, err := b.number(1 + math.MaxUint32)
	if err != nil {
		return err
	}
	cqes, err := b.number(maxRows)
	if err != nil {
		return err
	}
	if r.Ret != 0 || r.SQHead != nil || cqes > 0 && r.CQEs != nil {
		return errors.New("found part of a result both in numbers and in its text")
	}
	if r.Ret = Ret(ret); head > 0 {
		r.SQHead = new(uint32(head - 1))
	}
	if cqes > 0 {
		return b.readCQEs(r, int(cqes))
	}
	return nil
}

// readResultText reads the text of a result. It is decoded as part of an event that is made up for it.
func (b *unpacking) readResultText(r *Recorded, at uint64, text []byte) error {
	e, err := b.quick.read(slices.Concat([]byte(`{"call":"exec","results":[`), text, []byte("]}")))
	switch {
	case err != nil:
		_, msg := locate(err)
		return fmt.Errorf("text %d: %w", at, msg)
	case len(e.Results) != 1:
		return fmt.Errorf("text %d: found no result, expected one", at)
	}
	*r = e.Results[0]
	if b.share && at < keptTexts {
		kept := *r
		b.answers[at] = &kept
	}
	return nil
}

// readCQEs reads rows of CQEs.
func (b *unpacking) readCQEs(r *Recorded, n int) error {
	rows := b.sections[cqeRows]
	if len(rows) < n*sizeofRow {
		return fmt.Errorf("found a result with %d CQEs, expected at most the %d that are left", n, len(rows)/sizeofRow)
	}
	b.sections[cqeRows] = rows[n*sizeofRow:]
	list := &b.cqes
	if !b.share {
		list = new([]CQEOut)
	}
	start := len(*list)
	*list = slices.Grow(*list, n)[:start+n]
	le := binary.LittleEndian
	r.CQEs = (*list)[start : start+n : start+n]
	for i := range r.CQEs {
		row := rows[i*sizeofRow:][:sizeofRow]
		r.CQEs[i] = CQEOut{UserData: Number(le.Uint64(row)), Res: Ret(int32(le.Uint32(row[8:]))),
			Flags: Num[cqeFlagsTag](le.Uint32(row[12:]))}
	}
	return nil
}
