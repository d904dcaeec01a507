package trace

import (
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/uapi"
)

// maxDepth is how deeply objects may be nested for quick to read them.
const maxDepth = 32

// quick reads the events that programs write, fast: in one pass, with readers that are made once for each type, and
// with hand-written ones for SQEs and CQEs, of which there are most. It gives up on any byte that it does not expect
// and leaves such events to UnmarshalJSONFrom, which alone reports errors.
type quick struct {
	scan
	depth int
	share bool              // the next event may overwrite the lists of this one
	names map[string]string // of tasks, rings and releases, which recur all the time
	words [128]word         // names and strings that stood for numbers
	list  lists
	after [maxOps][64]uint8 // by opcode and field: the field that came next in the last SQE

	memos [memos]sqeMemo // SQEs that were read

	asBytes bool // SQEs may be returned as their bytes, if share is set
	gather  bool // lists grow over several events, and are only overwritten after a reset
}

// maxOps is how many opcodes are told apart in after.
const maxOps = 128

// lists holds the memory of the lists of events.
type lists struct {
	sqes    []SQE
	rows    []uapi.SQE
	fields  []SQEField
	cqes    []CQEOut
	results []Recorded
	on      []string
}

func (l *lists) reset() {
	*l = lists{l.sqes[:0], l.rows[:0], l.fields[:0], l.cqes[:0], l.results[:0], l.on[:0]}
}

// maxNames bounds the memory for names.
const maxNames = 1024

// read reads an event, fast or else strictly.
func (q *quick) read(text []byte) (Event, error) {
	e, ok := q.event(text)
	if ok {
		return e, nil
	}
	return decodeEvent(text)
}

// decodeEvent reads any event strictly, and reports what is wrong with it.
func decodeEvent(text []byte) (e Event, err error) {
	err = json.Unmarshal(text, &e, json.RejectUnknownMembers(true))
	return e, err
}

// event reads an event fast. It returns false if the event has to be read strictly.
func (q *quick) event(text []byte) (e Event, ok bool) {
	q.scan, q.depth = scan{text: text}, 0
	if q.names == nil || len(q.names) > maxNames {
		q.names = map[string]string{}
	}
	if !q.gather {
		q.list.reset()
	}
	e.Task = InitTask
	var args reflect.Value
	var of *structReader
	var seen members
	q.want('{')
	for first := true; q.more(first, '}'); first = false {
		switch name := q.key(); {
		case string(name) == "call" && e.Args == nil:
			e.Args, args, of = q.call()
		case string(name) == "task" && seen.add(0):
			if task := q.name(); task != "" {
				e.Task = task
			}
		case string(name) == "why" && seen.add(1):
			e.Why = string(q.str())
		case string(name) == "results" && seen.add(2):
			e.Results = q.results()
		case of != nil:
			of.member(q, name, args, &seen)
		default:
			q.bad = true
		}
	}
	if !q.ends() || of == nil || !seen.has(of.required) {
		return Event{}, false
	}
	return e, true
}

// call reads the name of a call and makes its arguments.
func (q *quick) call() (Args, reflect.Value, *structReader) {
	t, ok := argsTypes[string(q.str())]
	if !ok || q.bad {
		q.bad = true
		return nil, reflect.Value{}, nil
	}
	v := reflect.New(t)
	return v.Interface().(Args), v.Elem(), structReaderOf(t)
}

// name reads a string that is likely to recur.
func (q *quick) name() string {
	b := q.str()
	s, ok := q.names[string(b)]
	if !ok {
		s = string(b)
		q.names[s] = s
	}
	return s
}

// members is the set of an object's members that were seen, as bits.
type members uint64

// add adds a member. It returns false if the set has it already.
func (m *members) add(bit int) bool {
	is := members(1) << bit
	was := *m & is
	*m |= is
	return was == 0
}

func (m members) has(all members) bool { return m&all == all }

// firstField is the bit of a struct's first field. The bits below are for members of an event that are not arguments.
const firstField = 3

// structReader reads the members of a struct.
type structReader struct {
	fields   []fieldReader
	required members
}

// fieldReader reads a field of a struct.
type fieldReader struct {
	name string
	read valueReader
}

// valueReader reads a value into v.
type valueReader func(q *quick, v reflect.Value)

// structReaders are the structReaders that were made so far, by type.
var structReaders sync.Map

// structReaderOf returns the reader of a struct, which it makes if this is the first time.
func structReaderOf(t reflect.Type) *structReader {
	if r, ok := structReaders.Load(t); ok {
		return r.(*structReader)
	}
	r := &structReader{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "" { // as checkPresent has it
			// as in lacks
			r.required.add(firstField + i)
		}
		r.fields = append(r.fields, fieldReader{name, readerOf(f.Type, f.Tag)})
	}
	got, _ := structReaders.LoadOrStore(t, r)
	return got.(*structReader)
}

// object reads a whole struct.
func (r *structReader) object(q *quick, v reflect.Value) {
	var seen members
	if q.depth++; q.depth > maxDepth {
		q.bad = true
	}
	q.want('{')
	for first := true; q.more(first, '}'); first = false {
		r.member(q, q.key(), v, &seen)
	}
	q.depth--
	q.bad = q.bad || !seen.has(r.required)
}

// member reads the value of the named member, which must not have been seen before.
func (r *structReader) member(q *quick, name []byte, v reflect.Value, seen *members) {
	for i := range r.fields {
		if f := &r.fields[i]; f.name == string(name) {
			if q.bad = q.bad || !seen.add(firstField+i); !q.bad {
				f.read(q, v.Field(i))
			}
			return
		}
	}
	q.bad = true
}

// limits returns the limits that the tag of a field states, or 0 where it states none: the width of numbers in bits,
// and the most bytes.
func limits(tag reflect.StructTag) (bits uint, most int) {
	b, _ := strconv.Atoi(tag.Get("bits")) // no tag is no limit
	most, _ = strconv.Atoi(tag.Get("max"))
	return uint(b), most
}

// namer is implemented by Num for any tag.
type namer interface{ naming() naming }

func (Num[T]) naming() naming {
	var t T
	return t.naming()
}

// readerOf makes the reader for a type, for a field with the given tag.
func readerOf(t reflect.Type, tag reflect.StructTag) valueReader {
	bits, most := limits(tag)
	if n, ok := reflect.Zero(t).Interface().(namer); ok && t.Kind() == reflect.Uint64 { // and no pointer to a Num
		naming := n.naming()
		return func(q *quick, v reflect.Value) {
			n := q.number(naming)
			q.fit(n, bits)
			v.SetUint(n)
		}
	}
	switch t {
	case reflect.TypeFor[[]SQE]():
		return func(q *quick, v reflect.Value) { *v.Addr().Interface().(*[]SQE) = q.sqes() }
	case reflect.TypeFor[SQE]():
		return func(q *quick, v reflect.Value) { q.sqe(v.Addr().Interface().(*SQE)) }
	case reflect.TypeFor[Pointer]():
		return func(q *quick, v reflect.Value) { q.pointer(v.Addr().Interface().(*Pointer)) }
	case reflect.TypeFor[Bytes]():
		return func(q *quick, v reflect.Value) {
			b := q.bytes()
			q.bad = q.bad || most != 0 && len(b) > most
			v.SetBytes(b)
		}
	}
	switch t.Kind() {
	case reflect.String:
		return func(q *quick, v reflect.Value) { v.SetString(q.name()) }
	case reflect.Bool:
		return func(q *quick, v reflect.Value) { v.SetBool(q.boolean()) }
	case reflect.Struct:
		return func(q *quick, v reflect.Value) { structReaderOf(t).object(q, v) } // looked up late, as some types contain themselves
	case reflect.Pointer:
		return pointerReader(readerOf(t.Elem(), tag))
	case reflect.Slice:
		return sliceReader(t, readerOf(t.Elem(), tag))
	}
	return func(q *quick, _ reflect.Value) { q.bad = true } // too rare to be worth it
}

func pointerReader(elem valueReader) valueReader {
	return func(q *quick, v reflect.Value) {
		v.Set(reflect.New(v.Type().Elem()))
		elem(q, v.Elem())
	}
}

func sliceReader(t reflect.Type, elem valueReader) valueReader {
	return func(q *quick, v reflect.Value) {
		list := reflect.MakeSlice(t, 0, 0)
		q.want('[')
		for q.more(list.Len() == 0, ']') {
			list = reflect.Append(list, reflect.Zero(t.Elem()))
			elem(q, list.Index(list.Len()-1))
		}
		v.Set(list)
	}
}

// pointer reads an address or an object.
func (q *quick) pointer(p *Pointer) {
	if q.peek() != '{' {
		p.Num = q.number(naming{})
		return
	}
	p.Object = &Object{}
	share := q.share
	q.share = false // the fields of an SQE in it must not mix with those of the SQE around it
	structReaderOf(reflect.TypeFor[Object]()).object(q, reflect.ValueOf(p.Object).Elem())
	q.share = share
}
