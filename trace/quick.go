package trace

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/uringsim/uringsim/uapi"
)

// maxDepth is how deep objects are nested that quick reads.
const maxDepth = 32

// quick reads events of which it understands every byte, and leaves all others to UnmarshalJSONFrom, which alone decides
// what is wrong with them. It makes one pass, with readers that are made once for each type, and reads what there is
// most of, SQEs and CQEs, by hand.
type quick struct {
	scan
	depth int
	share bool              // lists may be overwritten by the next event
	names map[string]string // of tasks, rings and releases, which come again and again
	list  lists
}

// lists are what the lists of an event are collected in.
type lists struct {
	sqes    []SQE
	fields  []SQEField
	cqes    []CQEOut
	results []Recorded
	on      []string
}

// maxNames keeps memory bounded where there is no end of names.
const maxNames = 1024

// read reads an event, in one way or the other.
func (q *quick) read(text []byte) (Event, error) {
	e, ok := q.event(text)
	if ok {
		return e, nil
	}
	return decodeEvent(text)
}

// decodeEvent reads any event, and tells what is wrong with what is none.
func decodeEvent(text []byte) (e Event, err error) {
	err = json.Unmarshal(text, &e, json.RejectUnknownMembers(true))
	return e, err
}

// event reads an event; ok is false if it has to be read in the other way.
func (q *quick) event(text []byte) (e Event, ok bool) {
	q.scan, q.depth = scan{text: text}, 0
	if q.names == nil || len(q.names) > maxNames {
		q.names = map[string]string{}
	}
	q.list = lists{q.list.sqes[:0], q.list.fields[:0], q.list.cqes[:0], q.list.results[:0], q.list.on[:0]}
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

// call makes the arguments of the call that comes next.
func (q *quick) call() (Args, reflect.Value, *structReader) {
	t, ok := argsTypes[string(q.str())]
	if !ok || q.bad {
		q.bad = true
		return nil, reflect.Value{}, nil
	}
	v := reflect.New(t)
	return v.Interface().(Args), v.Elem(), structReaderOf(t)
}

// name is a string that comes again.
func (q *quick) name() string {
	b := q.str()
	s, ok := q.names[string(b)]
	if !ok {
		s = string(b)
		q.names[s] = s
	}
	return s
}

// ret is a number, or the name of an errno.
func (q *quick) ret() Ret {
	if q.peek() != '"' {
		return Ret(q.integer())
	}
	e, err := uapi.ParseErrno(q.name())
	q.bad = q.bad || err != nil
	return Ret(e.Ret())
}

// members are those of an object that were seen, by their bits.
type members uint64

// add is false if the member was there before.
func (m *members) add(bit int) bool {
	is := members(1) << bit
	was := *m & is
	*m |= is
	return was == 0
}

func (m members) has(all members) bool { return m&all == all }

// firstField is the bit of a struct's first field. Those below are for the members of an event that are no arguments.
const firstField = 3

// structReader reads the members of a struct.
type structReader struct {
	fields   []fieldReader
	required members
}

// fieldReader reads a field.
type fieldReader struct {
	name string
	read valueReader
}

// valueReader reads a value.
type valueReader func(q *quick, v reflect.Value)

// structReaders has those of the types that were needed so far.
var structReaders sync.Map

// structReaderOf makes the reader of a struct when it is first needed.
func structReaderOf(t reflect.Type) *structReader {
	if r, ok := structReaders.Load(t); ok {
		return r.(*structReader)
	}
	r := &structReader{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options == "" { // as checkPresent has it
			r.required.add(firstField + i)
		}
		r.fields = append(r.fields, fieldReader{name, readerOf(f.Type, f.Tag)})
	}
	got, _ := structReaders.LoadOrStore(t, r)
	return got.(*structReader)
}

// object reads all of a struct.
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

// member reads the member of the name, which was not seen before.
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

// limits are those that the tag of a field states; 0 is none.
func limits(tag reflect.StructTag) (bits uint, most int) {
	b, _ := strconv.Atoi(tag.Get("bits")) // no tag is no limit
	most, _ = strconv.Atoi(tag.Get("max"))
	return uint(b), most
}

// namer is a Num, whatever its tag is.
type namer interface{ naming() naming }

func (Num[T]) naming() naming {
	var t T
	return t.naming()
}

// readerOf makes a reader of a type. The tag is that of the field which holds it.
func readerOf(t reflect.Type, tag reflect.StructTag) valueReader {
	bits, most := limits(tag)
	if n, ok := reflect.Zero(t).Interface().(namer); ok && t.Kind() == reflect.Uint64 { // not a pointer to one
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
		return func(q *quick, v reflect.Value) { structReaderOf(t).object(q, v) } // only now: some hold their own type
	case reflect.Pointer:
		return pointerReader(readerOf(t.Elem(), tag))
	case reflect.Slice:
		return sliceReader(t, readerOf(t.Elem(), tag))
	}
	return func(q *quick, _ reflect.Value) { q.bad = true } // nothing that an event has much of
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

// pointer reads a number, or an object.
func (q *quick) pointer(p *Pointer) {
	if q.peek() != '{' {
		p.Num = q.number(naming{})
		return
	}
	p.Object = &Object{}
	structReaderOf(reflect.TypeFor[Object]()).object(q, reflect.ValueOf(p.Object).Elem())
}

// part is what was appended to one of the lists behind the start. It is a copy, unless the lists are shared.
func part[T any](q *quick, list *[]T, start int) []T {
	got := (*list)[start:len(*list):len(*list)]
	if q.share {
		return got
	}
	*list = (*list)[:start]
	return append(make([]T, 0, len(got)), got...)
}

// sqes reads SQEs.
func (q *quick) sqes() []SQE {
	start := len(q.list.sqes)
	q.want('[')
	for q.more(len(q.list.sqes) == start, ']') {
		var s SQE
		q.sqe(&s)
		q.list.sqes = append(q.list.sqes, s)
	}
	return part(q, &q.list.sqes, start)
}

// sqe reads an SQE: an object, or bytes.
func (q *quick) sqe(s *SQE) {
	if q.peek() == '"' {
		s.Raw = q.bytes()
		q.bad = q.bad || len(s.Raw) != uapi.SizeofSQE && len(s.Raw) != 2*uapi.SizeofSQE
		return
	}
	start := len(q.list.fields)
	var seen members
	namings, cmd := fieldNamings[0], false
	q.want('{')
	first := true
	for ; q.more(first, '}'); first = false {
		name := q.key()
		if i, ok := uapi.SQEFieldIndex(name); ok && seen.add(i) {
			q.list.fields = append(q.list.fields, SQEField{Name: uapi.SQEFields[i].Name})
			v := &q.list.fields[len(q.list.fields)-1].Value
			q.sqeField(&uapi.SQEFields[i], namings[i], v)
			if i == 0 && v.Num == uint64(uapi.IORING_OP_SOCKET) { // the opcode
				namings = fieldNamings[1]
			}
			continue
		}
		switch {
		case string(name) == "cmd" && !cmd:
			cmd = true
			s.Cmd = q.bytes()
			q.bad = q.bad || len(s.Cmd) > uapi.SizeofSQE
		case string(name) == "slot" && s.Slot == nil:
			s.Slot = new(Num32(q.number(naming{})))
			q.fit(uint64(*s.Slot), 32)
		default:
			q.bad = true
		}
	}
	if len(q.list.fields) > start {
		s.Fields = part(q, &q.list.fields, start)
	}
}

// fieldNamings are the namings of the fields of an SQE, in their order: first of those of SQEs as they are, then of those
// of SOCKET.
var fieldNamings = func() (namings [2][]naming) {
	for _, f := range uapi.SQEFields {
		of, own := socketNamings[f.Name]
		if !own {
			of = sqeNamings[f.Name]
		}
		namings[0] = append(namings[0], sqeNamings[f.Name])
		namings[1] = append(namings[1], of)
	}
	return namings
}()

// sqeField reads the value of a field of an SQE.
func (q *quick) sqeField(f *uapi.SQEField, n naming, v *Pointer) {
	switch q.peek() {
	case '{':
		q.bad = q.bad || f.Size != 8
		q.pointer(v)
	case '"':
		v.Num = q.number(n)
	default:
		v.Num = uint64(q.integer())
	}
	if f.Size < 8 {
		q.fit(v.Num, uint(8*f.Size))
	}
}

// results reads what kernels gave.
func (q *quick) results() []Recorded {
	start := len(q.list.results)
	q.want('[')
	for q.more(len(q.list.results) == start, ']') {
		var r Recorded
		q.recorded(&r)
		q.list.results = append(q.list.results, r)
	}
	return part(q, &q.list.results, start)
}

// recorded reads what a kernel gave.
func (q *quick) recorded(r *Recorded) {
	var seen members
	q.want('{')
	for first := true; q.more(first, '}'); first = false {
		switch name := q.key(); {
		case string(name) == "ret" && seen.add(0):
			r.Ret = q.ret()
		case string(name) == "on" && r.On == nil:
			r.On = q.on()
		case string(name) == "cqes" && r.CQEs == nil:
			r.CQEs = q.cqes()
		case string(name) == "sq_head" && r.SQHead == nil:
			r.SQHead = new(q.word())
		case string(name) == "sq_dropped" && seen.add(1):
			r.Dropped = q.word()
		case string(name) == "cq_overflow" && seen.add(2):
			r.Over = q.word()
		case string(name) == "params" && r.Params == nil:
			r.Params = &Params{}
			structReaderOf(reflect.TypeFor[Params]()).object(q, reflect.ValueOf(r.Params).Elem())
		case string(name) == "wrote" && r.Wrote == nil:
			r.Wrote = q.wrote()
		default:
			q.bad = true
		}
	}
	q.bad = q.bad || !seen.has(1)
}

// on reads names of releases.
func (q *quick) on() []string {
	start := len(q.list.on)
	q.want('[')
	for q.more(len(q.list.on) == start, ']') {
		q.list.on = append(q.list.on, q.name())
	}
	return part(q, &q.list.on, start)
}

// cqes reads CQEs.
func (q *quick) cqes() []CQEOut {
	start := len(q.list.cqes)
	q.want('[')
	for q.more(len(q.list.cqes) == start, ']') {
		q.list.cqes = append(q.list.cqes, q.cqe())
	}
	return part(q, &q.list.cqes, start)
}

// cqe reads a CQE. Its extra words are rare, and left to the other way.
func (q *quick) cqe() (c CQEOut) {
	var seen members
	q.want('{')
	for first := true; q.more(first, '}'); first = false {
		switch name := q.key(); {
		case string(name) == "user_data" && seen.add(0):
			c.UserData = Num32(q.number(naming{}))
		case string(name) == "res" && seen.add(1):
			c.Res = q.ret()
			q.fit(uint64(c.Res), 32)
		case string(name) == "flags" && seen.add(2):
			c.Flags = Num[cqeFlagsTag](q.number(naming{uapi.CQEFlags, true}))
			q.fit(uint64(c.Flags), 32)
		default:
			q.bad = true
		}
	}
	q.bad = q.bad || !seen.has(1<<0|1<<1)
	return c
}

// wrote reads what a call changed in memory.
func (q *quick) wrote() []Wrote {
	list := []Wrote{}
	q.want('[')
	for q.more(len(list) == 0, ']') {
		var w Wrote
		var seen members
		q.want('{')
		for first := true; q.more(first, '}'); first = false {
			switch name := q.key(); {
			case string(name) == "at" && seen.add(0):
				w.At = int(q.integer())
			case string(name) == "bytes" && seen.add(1):
				w.Bytes = q.bytes()
			default:
				q.bad = true
			}
		}
		q.bad = q.bad || !seen.has(1<<0|1<<1)
		list = append(list, w)
	}
	return slices.Clip(list)
}
