package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/uringsim/uringsim/uapi"
)

// pack is the events in packed form, so many in a block, or as many as fit if that is 0.
func pack(t testing.TB, h Header, events []Event, c Compression, inBlock int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewPackWriter(&out, h, c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := w.Event(&events[i]); err != nil {
			t.Fatalf("event %d: %v", i+1, err)
		}
		if inBlock > 0 && i%inBlock == inBlock-1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpack reads what pack wrote, as far as it can be read.
func unpack(text []byte, share, asBytes bool, visit func(*Event)) (Header, error) {
	r, err := NewReader(io.NopCloser(bytes.NewReader(text)), "t.pack")
	if err != nil {
		return Header{}, err
	}
	r.Share(share)
	r.AsBytes(asBytes)
	for {
		e, err := r.Next()
		if err == io.EOF {
			return r.Header, nil
		}
		if err != nil {
			return r.Header, err
		}
		visit(&e)
	}
}

// samePacked fails the test if the packed text does not have the events, exactly.
func samePacked(t testing.TB, h Header, want []Event, text []byte) {
	t.Helper()
	opts := cmp.Options{cmpopts.IgnoreFields(Event{}, "Line"), cmpopts.EquateEmpty()}
	for _, share := range []bool{false, true} {
		n := 0
		got, err := unpack(text, share, false, func(e *Event) {
			if n < len(want) && !reflect.DeepEqual(want[n], *e) { // which is quick
				if diff := cmp.Diff(want[n], *e, opts); diff != "" {
					t.Fatalf("event %d, shared %v (-packed +unpacked):\n%s", n+1, share, diff)
				}
			}
			n++
		})
		h.Trace = Version
		if diff := cmp.Diff(h, got); err != nil || n != len(want) || diff != "" {
			t.Fatalf("%d events of %d, %v; header (-packed +unpacked):\n%s", n, len(want), err, diff)
		}
	}
}

// someEvents are events of all kinds that traces have.
func someEvents(t testing.TB) (events []Event) {
	t.Helper()
	read := func(text []byte) {
		e, err := decodeEvent(text)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	for _, text := range goodEvents {
		read([]byte(text))
	}
	for text := range bytes.Lines(busy(3)) {
		read(text)
	}
	return events
}

// TestPack: what is packed is unpacked again, every call with all its arguments, in blocks of any size.
func TestPack(t *testing.T) {
	h := Header{Name: "n", Why: "w", Source: "s", Cause: "c", Schema: "x", Recording: &Recording{Release: "7.1", SQEs: 3}}
	events := someEvents(t)
	for _, c := range Compressions() {
		for _, inBlock := range []int{0, 1, 7} {
			samePacked(t, h, events, pack(t, h, events, c, inBlock))
		}
		samePacked(t, h, nil, pack(t, h, nil, c, 0))
	}
}

// TestPackStored: so is what the traces below testdata have, and what becomes of it by chance.
func TestPackStored(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var events []Event
	for _, text := range storedEvents(t) {
		for i := range 3 {
			if i > 0 {
				text = mutate(rng, text)
			}
			if e, err := decodeEvent(text); err == nil {
				events = append(events, e)
			}
		}
	}
	if len(events) < 1000 {
		t.Fatalf("only %d events", len(events))
	}
	samePacked(t, Header{}, events, pack(t, Header{}, events, S2, 0))
}

// TestPackFields: whatever field of an event is set is there again, so that none that is new is forgotten.
func TestPackFields(t *testing.T) {
	base := func() Event {
		return Event{Task: "t", Args: &EnterArgs{SQEs: []SQE{{Fields: []SQEField{{Name: "addr"}}}, {}}},
			Results: []Recorded{{CQEs: []CQEOut{{}}}}}
	}
	var events []Event
	each := func(of func(*Event) any) {
		e := base()
		for i := range reflect.TypeOf(of(&e)).Elem().NumField() {
			e := base()
			if setField(reflect.ValueOf(of(&e)).Elem().Field(i)) {
				events = append(events, e)
			}
		}
	}
	each(func(e *Event) any { return e })
	each(func(e *Event) any { return e.Args })
	each(func(e *Event) any { return &e.Args.(*EnterArgs).SQEs[1] })
	each(func(e *Event) any { return &e.Args.(*EnterArgs).SQEs[0].Fields[0].Value })
	each(func(e *Event) any { return &e.Results[0] })
	each(func(e *Event) any { return &e.Results[0].CQEs[0] })
	if len(events) < 25 {
		t.Errorf("only %d fields", len(events))
	}
	for i := range events { // each alone, and each behind all others
		samePacked(t, Header{}, events[i:i+1], pack(t, Header{}, events[i:i+1], Stored, 0))
	}
	samePacked(t, Header{}, events, pack(t, Header{}, events, Stored, 0))
}

// setField gives a field a value that is not zero; false for those that the other fields stand for.
func setField(v reflect.Value) bool {
	switch p := v.Addr().Interface().(type) {
	case *Args, *[]SQE, *[]Recorded, *[]CQEOut, *[]SQEField:
		return false
	case *Bytes:
		*p = make(Bytes, uapi.SizeofSQE)
		return true
	case **Object:
		*p = &Object{Path: new("p")}
		return true
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("s")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Struct:
		return setField(v.Field(0))
	default:
		panic(v.Type())
	}
	return true
}

// TestPackNumbers: numbers are what they were written as, at the limits of each size, also where fields have one place.
func TestPackNumbers(t *testing.T) {
	var events []Event
	for _, f := range uapi.SQEFields {
		bits := 8 * f.Size
		for _, v := range []uint64{0, 1, 1<<(bits-1) - 1, 1 << (bits - 1), 1<<(bits-1)<<1 - 1, ^uint64(0),
			^uint64(0) << (bits - 1), 1 << (bits % 64)} {
			events = append(events, Event{Task: InitTask, Args: &EnterArgs{SQEs: []SQE{
				{Fields: []SQEField{{f.Name, Pointer{Num: v}}}},
				{Fields: []SQEField{{"off", Pointer{Num: 7}}, {f.Name, Pointer{Num: v}}, {"addr2", Pointer{Num: 8}}}}}}})
		}
	}
	for i := range events { // the writer is given only what a reader lets in, but for names that come twice
		a := events[i].Args.(*EnterArgs)
		if name := a.SQEs[1].Fields[1].Name; name == "off" || name == "addr2" {
			a.SQEs = a.SQEs[:1]
		}
		f, v := &a.SQEs[0].Fields[0], a.SQEs[0].Fields[0].Value.Num
		if at, _ := uapi.SQEFieldByName(f.Name); at.Size < 8 && v>>(8*at.Size) != 0 && int64(v)>>(8*at.Size-1) != -1 {
			a.SQEs = nil
		}
	}
	samePacked(t, Header{}, events, pack(t, Header{}, events, Stored, 0))
}

// TestPackBytes: SQEs as bytes are those that the fields make.
func TestPackBytes(t *testing.T) {
	events := someEvents(t)
	n := 0
	_, err := unpack(pack(t, Header{}, events, S2, 0), true, true, func(e *Event) {
		want, ok := events[n].Args.(*EnterArgs)
		n++
		if !ok {
			return
		}
		got := e.Args.(*EnterArgs)
		a, b := &block{base: ScratchBase}, &block{base: ScratchBase}
		for i := range want.SQEs {
			w, err := want.SQEs[i].encode(a, new(uapi.SQE))
			if err != nil {
				t.Fatal(err)
			}
			g, err := got.SQEs[i].encode(b, new(uapi.SQE))
			if err != nil || !bytes.Equal(w, g) {
				t.Errorf("event %d, SQE %d: %x, %v, want %x", n, i, g, err, w)
			}
		}
	})
	if err != nil || n != len(events) {
		t.Errorf("%d events of %d, %v", n, len(events), err)
	}
}

// TestPackMuch: more shapes, results, SQEs and texts than a block has rows for.
func TestPackMuch(t *testing.T) {
	var events []Event
	for i := range 2 * maxShapes {
		var s SQE
		for bit := range 10 {
			if i>>bit&1 != 0 {
				s.Fields = append(s.Fields, SQEField{uapi.SQEFields[bit].Name, Pointer{}})
			}
		}
		events = append(events, Event{Task: fmt.Sprint("t", i), Args: &EnterArgs{SQEs: []SQE{s}}})
	}
	var long SQE
	for _, f := range uapi.SQEFields {
		long.Fields = append(long.Fields, SQEField{f.Name, Pointer{}})
	}
	events = append(events, Event{Task: InitTask, Args: &EnterArgs{SQEs: []SQE{long}}},
		Event{Task: InitTask, Args: &ExecArgs{}, Results: make([]Recorded, maxResults+1)},
		Event{Task: InitTask, Args: &ExecArgs{}, Results: []Recorded{{CQEs: make([]CQEOut, maxRows+1)}}},
		Event{Task: InitTask, Args: &EnterArgs{SQEs: make([]SQE, maxRows+1)}})
	samePacked(t, Header{}, events, pack(t, Header{}, events, Zstd, 0))
}

// TestPackWriterRefuses: what no reader lets in is not written.
func TestPackWriterRefuses(t *testing.T) {
	if _, err := NewPackWriter(io.Discard, Header{Name: "\xff"}, Stored); err == nil {
		t.Error("a header that is no text is taken")
	}
	w, err := NewPackWriter(io.Discard, Header{}, Stored)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Event{{Args: &EnterArgs{SQEs: []SQE{{Raw: make(Bytes, 63)}}}}, {Why: "\xff", Args: &ExecArgs{}},
		{Args: &WriteArgs{Data: make(Bytes, maxLine)}}} {
		if err := w.Event(&e); err == nil {
			t.Errorf("%+v is taken", e.Args.call())
		}
	}
}

// TestPackTorn: of a file that was cut behind any byte all blocks before are read, and the rest is told of.
func TestPackTorn(t *testing.T) {
	events := someEvents(t)[:20]
	text := pack(t, Header{}, events, S2, 3)
	last := 0
	for cut := range text {
		n := 0
		_, err := unpack(text[:cut], false, false, func(e *Event) { n++ })
		var torn *PackError
		if cut < len(packMagic) {
			if err == nil {
				t.Errorf("cut at %d: it is taken for a trace", cut)
			}
			continue // it is taken for a document
		}
		if !errors.As(err, &torn) || !torn.Torn || torn.Events != uint64(n) || n < last || n%3 != 0 && n != len(events) {
			t.Fatalf("cut at %d: %d events, and %d before: %v", cut, n, last, err)
		}
		if want := fmt.Sprintf("t.pack: torn behind event %d, at byte %d: ", n, torn.Offset); !strings.HasPrefix(err.Error(), want) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		last = n
	}
	if last != len(events) {
		t.Errorf("only %d events are read of what lacks its end", last)
	}
	h := Header{Recording: &Recording{Release: "7.3"}}
	text = pack(t, h, events, S2, 3)
	n := 0
	if _, err := unpack(text[:len(text)-1], false, false, func(*Event) { n++ }); err != nil || n != len(events) {
		t.Errorf("a recording whose recorder was killed: %d events, %v", n, err)
	}
}

// TestPackDamage: a byte that was changed is noticed, wherever it is.
func TestPackDamage(t *testing.T) {
	events := someEvents(t)[:20]
	text := pack(t, Header{}, events, Zstd, 3)
	for i := range text {
		damaged := bytes.Clone(text)
		damaged[i] ^= 0x10
		n := 0
		_, err := unpack(damaged, true, false, func(e *Event) { n++ })
		if err == nil || n > len(events) {
			t.Fatalf("byte %d: %d events, %v", i, n, err)
		}
	}
}

// TestPackRefuses: what else is no packed trace.
func TestPackRefuses(t *testing.T) {
	good := pack(t, Header{}, someEvents(t)[:2], Stored, 0)
	header := good[:sizeofPackStart+sizeofFrame+len(`{"trace":1}`)]
	file := func(blocks ...func(*blockWriter) error) []byte {
		out := bytes.NewBuffer(bytes.Clone(header))
		w, err := newBlockWriter(out, Stored)
		for _, b := range blocks {
			if err == nil {
				err = b(w)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	put := func(f frame, content string) func(*blockWriter) error {
		return func(w *blockWriter) error { return w.write(f, []byte(content)) }
	}
	version := bytes.Clone(good)
	version[len(packMagic)] = 2
	reserved := bytes.Clone(good)
	reserved[sizeofPackStart-1] = 1
	for want, text := range map[string][]byte{
		"byte 0, behind event 0: found version 2 of packed traces, expected 1": version,
		"found reserved bytes set, expected zero":                              reserved,
		"byte 59, behind event 0: found a block that comes behind event 3":     file(put(frame{kind: eventsBlock, first: 3, events: 1}, "")),
		"found a block of the kind 'Q', expected 'H', 'E' or 'Z'":              file(put(frame{kind: 'Q'}, "")),
		"found a block of the kind 'H', expected 'E' or 'Z'":                   file(put(frame{kind: headerBlock}, "{}")),
		"found a block that is too small for its sections":                     file(put(frame{kind: eventsBlock, events: 1}, "")),
		"found a block of events with no event, expected some":                 file(put(frame{kind: eventsBlock}, strings.Repeat("\x00", 24))),
		"found no valid number in the list of events, expected one":            file(put(frame{kind: eventsBlock, events: 1}, strings.Repeat("\x00", 24))),
		"found 1 events and 0 bytes in the last block, expected none":          file(put(frame{kind: endBlock, events: 1}, "")),
		"found more bytes, expected the end of the file":                       append(bytes.Clone(good), 0),
		"torn behind event 2, at byte":                                         good[:len(good)-1],
	} {
		_, err := unpack(text, false, false, func(*Event) {})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "t.pack: ") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestSkip: behind the first events come the same ones as without, in every form of traces.
func TestSkip(t *testing.T) {
	events := someEvents(t)
	lines := "{\"trace\":1}\n" + strings.Join(goodEvents, "\n") + "\n" + string(busy(3))
	forms := map[string][]byte{"t.pack": pack(t, Header{}, events, S2, 4), "t.jsonl": []byte(lines)}
	for file, text := range forms {
		for _, n := range []int{0, 1, 4, 5, len(events) - 1, len(events), len(events) + 1} {
			for _, in := range []io.ReadCloser{seekable{bytes.NewReader(text)}, io.NopCloser(bytes.NewBuffer(text))} {
				r, err := NewReader(in, file)
				if err != nil {
					t.Fatal(err)
				}
				err = r.Skip(uint64(n))
				if n > len(events) {
					if err != io.EOF {
						t.Errorf("%s: behind the end: %v", file, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %d: %v", file, n, err)
				}
				rest, err := r.All()
				if err != nil {
					t.Fatal(err)
				}
				opts := cmp.Options{cmpopts.IgnoreFields(Event{}, "Line"), cmpopts.EquateEmpty()}
				if diff := cmp.Diff(events[n:], rest.Events, opts); diff != "" {
					t.Fatalf("%s: behind %d (-want +got):\n%s", file, n, diff)
				}
			}
		}
	}
}

// seekable is a file in memory.
type seekable struct{ *bytes.Reader }

func (seekable) Close() error { return nil }

// FuzzUnpack: whatever a block has, reading it gives an error or events that are packed again as the same.
func FuzzUnpack(f *testing.F) {
	events := someEvents(f)
	for i := range events {
		var p packing
		p.reset()
		if err := p.add(&events[i]); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(p.content()), uint32(1), false)
	}
	f.Add(pack(f, Header{}, events, Zstd, 5), uint32(0), true)
	f.Fuzz(func(t *testing.T, content []byte, events uint32, whole bool) {
		text := content
		if !whole {
			var out bytes.Buffer
			w, err := NewPackWriter(&out, Header{}, Stored)
			if err != nil || len(content) > maxBlock {
				t.Skip(err)
			}
			err = w.blocks.write(frame{kind: eventsBlock, events: events}, content)
			if err == nil {
				err = w.blocks.write(frame{kind: endBlock, first: uint64(events)}, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			text = out.Bytes()
		}
		repacks(t, text)
	})
}

// repacks reads a text that may be a packed trace, packs what there is, and wants to read the same again.
func repacks(t *testing.T, text []byte) {
	var events []Event
	h, err := unpack(text, false, false, func(e *Event) { events = append(events, *e) })
	shared := 0
	_, sharedErr := unpack(text, true, true, func(*Event) { shared++ })
	if shared != len(events) || (err == nil) != (sharedErr == nil) {
		t.Fatalf("%d events, %v; if memory is shared %d, %v", len(events), err, shared, sharedErr)
	}
	if bytes.HasPrefix(text, []byte(packMagic)) && (err == nil || len(events) > 0) {
		samePacked(t, h, events, pack(t, h, events, S2, 0))
	}
}
