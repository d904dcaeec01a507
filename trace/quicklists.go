package trace

import (
	"reflect"
	"slices"

	"github.com/uringsim/uringsim/uapi"
)

// part returns what was appended to a list since it had start elements: a copy, unless lists are shared.
func part[T any](q *quick, list *[]T, start int) []T {
	got := (*list)[start:len(*list):len(*list)]
	if q.share {
		return got
	}
	*list = (*list)[:start]
	return append(make([]T, 0, len(got)), got...)
}

// sqes reads an array of SQEs.
func (q *quick) sqes() []SQE {
	start := len(q.list.sqes)
	q.want('[')
	for q.more(len(q.list.sqes) == start, ']') {
		q.list.sqes = append(q.list.sqes, SQE{})
		q.sqe(&q.list.sqes[len(q.list.sqes)-1])
	}
	return part(q, &q.list.sqes, start)
}

// sqe reads an SQE: an object, or its bytes in hexadecimal.
func (q *quick) sqe(s *SQE) {
	if q.peek() == '"' {
		s.Raw = q.bytes()
		q.bad = q.bad || len(s.Raw) != uapi.SizeofSQE && len(s.Raw) != 2*uapi.SizeofSQE
		return
	}
	if q.asBytes && q.share {
		start := q.scan
		if q.sqeBytes(s) {
			return
		}
		q.scan = start
	}
	start := len(q.list.fields)
	var seen members
	namings, cmd, op := fieldNamings[0], false, uint64(0)
	last := len(sqeKeys)
	q.want('{')
	for first := true; q.more(first, '}'); first = false {
		i, name := q.sqeKey(op, last)
		if i >= 0 && seen.add(i) {
			q.list.fields = append(q.list.fields, SQEField{Name: uapi.SQEFields[i].Name})
			v := &q.list.fields[len(q.list.fields)-1].Value
			q.sqeField(&uapi.SQEFields[i], namings[i], v)
			if i == 0 {
				op, namings = v.Num, namingsOf(v.Num)
			}
			last = i
			continue
		}
		switch {
		case string(name) == "cmd" && !cmd:
			cmd = true
			s.Cmd = q.bytes()
			q.bad = q.bad || len(s.Cmd) > uapi.SizeofSQE
		case string(name) == "slot" && s.Slot == nil:
			s.Slot = new(Number(q.number(naming{})))
			q.fit(uint64(*s.Slot), 32)
		default:
			q.bad = true
		}
	}
	if len(q.list.fields) > start {
		s.Fields = part(q, &q.list.fields, start)
	}
}

// sqeBytes reads an SQE as its bytes, if it consists of fields with numbers; if not, it returns false. What the SQE has
// in common with an earlier one is not read again.
func (q *quick) sqeBytes(s *SQE) bool {
	q.list.rows = append(q.list.rows, uapi.SQE{})
	row := &q.list.rows[len(q.list.rows)-1]
	start := q.at
	memo := q.memo()
	n := memo.recall(q.text[start:], row)
	seen, last, op, namings := members(0), len(sqeKeys), uint64(0), fieldNamings[0]
	for _, m := range memo.members[:n] {
		seen.add(int(m.field))
	}
	if n > 0 {
		q.at, last = start+int(memo.members[n-1].end), int(memo.members[n-1].field)
		op = uint64(row[0])
		namings = namingsOf(op)
	} else {
		q.want('{')
	}
	for first := n == 0; q.more(first, '}'); first = false {
		i, _ := q.sqeKey(op, last)
		if i < 0 || !seen.add(i) || q.peek() == '{' {
			memo.forget()
			return false
		}
		var v Pointer
		q.sqeField(&uapi.SQEFields[i], namings[i], &v)
		uapi.SQEFields[i].Put(row, v.Num)
		if i == 0 {
			op, namings = v.Num, namingsOf(v.Num)
		}
		last = i
		memo.add(i, v.Num, q.at-start)
	}
	if q.bad {
		memo.forget()
		return false
	}
	memo.keep(q.text[start:q.at])
	s.Raw = row[:]
	return true
}

// sqeKeys are the names of the fields of an SQE, by index in uapi.SQEFields.
var sqeKeys = func() []key {
	var names []string
	for _, f := range uapi.SQEFields {
		names = append(names, f.Name)
	}
	return keysOf(names...)
}()

// sqeKey reads the name of a member and returns the index of the field, or -1 and the name if it is none. It first
// tries the field that followed the last one in the SQE with this opcode before.
func (q *quick) sqeKey(op uint64, last int) (index int, name []byte) {
	after := &q.after[op%maxOps][last]
	if i := int(*after); q.has(&sqeKeys[i]) {
		return i, nil
	}
	name = q.key()
	i, ok := uapi.SQEFieldIndex(name)
	if !ok {
		return -1, name
	}
	*after = uint8(i)
	return i, name
}

// fieldNamings are the namings of the fields of an SQE by index: first for most opcodes, then for SOCKET.
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

// namingsOf returns the namings of the fields of an SQE with the opcode.
func namingsOf(op uint64) []naming {
	if op == uint64(uapi.IORING_OP_SOCKET) {
		return fieldNamings[1]
	}
	return fieldNamings[0]
}

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

// recorded reads what one kernel gave.
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
			r.SQHead = new(q.uint32())
		case string(name) == "sq_dropped" && seen.add(1):
			r.Dropped = q.uint32()
		case string(name) == "cq_overflow" && seen.add(2):
			r.Over = q.uint32()
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

// cqes reads an array of CQEs.
func (q *quick) cqes() []CQEOut {
	start := len(q.list.cqes)
	q.want('[')
	for q.more(len(q.list.cqes) == start, ']') {
		q.list.cqes = append(q.list.cqes, q.cqe())
	}
	return part(q, &q.list.cqes, start)
}

// cqeKeys are the names of the members of a CQE, without its extra words, which are rare.
var cqeKeys = keysOf("user_data", "res", "flags")

// cqe reads a CQE.
func (q *quick) cqe() (c CQEOut) {
	var seen members
	q.want('{')
	for i := 0; q.more(seen == 0, '}'); i++ {
		i = q.oneOf(cqeKeys, i)
		switch q.bad = q.bad || !seen.add(i); i {
		case 0:
			c.UserData = Number(q.number(naming{}))
		case 1:
			c.Res = q.ret()
			q.fit(uint64(c.Res), 32)
		case 2:
			c.Flags = Num[cqeFlagsTag](q.number(naming{uapi.CQEFlags, true}))
			q.fit(uint64(c.Flags), 32)
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
