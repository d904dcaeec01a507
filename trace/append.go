package trace

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/uapi"
)

// appendEnter appends an enter event exactly as Event.MarshalJSONTo writes it, but many times as fast, as recordings
// consist of little else. It leaves uncommon forms to MarshalJSONTo: ok is false then.
func appendEnter(b []byte, e *Event) (line []byte, ok bool) {
	a, ok := e.Args.(*EnterArgs)
	if !ok || a.Array != nil || a.Arg.Object != nil || a.KeepCQEs || a.DropRest || e.Why != "" {
		return nil, false
	}
	b = append(b, '{')
	if e.Task != "" && e.Task != InitTask {
		b = append(appendText(append(b, `"task":`...), e.Task), ',')
	}
	b = append(b, `"call":"enter","fd":`...)
	b = naming{}.append(b, uint64(a.FD))
	if a.Ring != "" {
		b = appendText(append(b, `,"ring":`...), a.Ring)
	}
	if a.SQEs != nil {
		if b, ok = appendSQEs(append(b, `,"sqes":`...), a.SQEs); !ok {
			return nil, false
		}
	}
	if a.ToSubmit != nil {
		b = naming{}.append(append(b, `,"to_submit":`...), uint64(*a.ToSubmit))
	}
	b = appendNum(b, `,"min_complete":`, a.MinComplete)
	b = appendNum(b, `,"flags":`, a.Flags)
	b = appendNum(b, `,"arg":`, Number(a.Arg.Num))
	b = appendNum(b, `,"argsz":`, a.ArgSize)
	b = appendNum(b, `,"cq_left":`, a.CQLeft)
	if e.Results != nil {
		if b, ok = appendResults(append(b, `,"results":`...), e.Results); !ok {
			return nil, false
		}
	}
	return append(b, '}'), true
}

// appendNum appends a member, name and value, unless the value is 0.
func appendNum[T tag](b []byte, name string, v Num[T]) []byte {
	if v == 0 {
		return b
	}
	var t T
	return t.naming().append(append(b, name...), uint64(v))
}

// appendText appends a JSON string.
func appendText(b []byte, s string) []byte { return append(b, quote(s)...) }

func appendSQEs(b []byte, sqes []SQE) ([]byte, bool) {
	b = append(b, '[')
	for i := range sqes {
		if i > 0 {
			b = append(b, ',')
		}
		s := &sqes[i]
		if s.Raw != nil || s.Cmd != nil || s.Slot != nil {
			return nil, false
		}
		b = append(b, '{')
		for n, f := range s.Fields {
			if n > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, '"'), f.Name...), `":`...)
			if f.Value.Object != nil {
				o, err := json.Marshal(f.Value)
				if err != nil {
					return nil, false
				}
				b = append(b, o...)
				continue
			}
			before := SQE{Fields: s.Fields[:n]} // the fields that a reader knows when it comes to this one
			b = before.naming(f.Name).append(b, f.Value.Num)
		}
		b = append(b, '}')
	}
	return append(b, ']'), true
}

func appendResults(b []byte, results []Recorded) ([]byte, bool) {
	b = append(b, '[')
	for i := range results {
		r := &results[i]
		if r.Params != nil || r.Wrote != nil || r.On == nil {
			return nil, false
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"on":[`...)
		for n, on := range r.On {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendText(b, on)
		}
		b = r.Ret.append(append(b, `],"ret":`...))
		if r.CQEs != nil {
			var ok bool
			if b, ok = appendCQEs(append(b, `,"cqes":`...), r.CQEs); !ok {
				return nil, false
			}
		}
		if r.SQHead != nil {
			b = strconv.AppendUint(append(b, `,"sq_head":`...), uint64(*r.SQHead), 10)
		}
		if r.Dropped != 0 {
			b = strconv.AppendUint(append(b, `,"sq_dropped":`...), uint64(r.Dropped), 10)
		}
		if r.Over != 0 {
			b = strconv.AppendUint(append(b, `,"cq_overflow":`...), uint64(r.Over), 10)
		}
		b = append(b, '}')
	}
	return append(b, ']'), true
}

func appendCQEs(b []byte, cqes []CQEOut) ([]byte, bool) {
	b = append(b, '[')
	for i := range cqes {
		c := &cqes[i]
		if c.Big != nil {
			return nil, false
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = naming{}.append(append(b, `{"user_data":`...), uint64(c.UserData))
		b = c.Res.append(append(b, `,"res":`...))
		b = append(appendNum(b, `,"flags":`, c.Flags), '}')
	}
	return append(b, ']'), true
}

// append appends the value as JSON.
func (r Ret) append(b []byte) []byte {
	if s := uapi.FormatRet(int64(r)); s[0] == 'E' {
		return append(append(append(b, '"'), s...), '"')
	}
	return strconv.AppendInt(b, int64(r), 10)
}

// append appends v as a JSON value: a name if there is one, else decimal for small numbers and hexadecimal for large
// ones.
func (n naming) append(b []byte, v uint64) []byte {
	switch {
	case v != 0 && n.flags:
		if s := n.family.FormatFlags(v); s[:min(2, len(s))] != "0x" {
			return appendText(b, s)
		}
	case n.family != nil && !n.flags:
		if s, ok := n.family.Name(v); ok {
			return appendText(b, s)
		}
	}
	switch {
	case v < 1<<16:
		return strconv.AppendUint(b, v, 10)
	case int64(v) < 0 && int64(v) >= -1<<16:
		return strconv.AppendInt(b, int64(v), 10)
	}
	return append(strconv.AppendUint(append(b, `"0x`...), v, 16), '"')
}

// quote returns s as a JSON string. It must be valid UTF-8, which the decoder has made sure of.
func quote(s string) jsontext.Value {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(err)
	}
	return b
}
