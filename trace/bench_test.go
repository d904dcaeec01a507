package trace

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

// prepare makes what the events of busy use: a ring, memory and a socket.
const prepare = `{"trace":1}
{"call":"map","addr":"0x20000000","size":4096}
{"call":"no_new_privs"}
{"call":"register","fd":-1,"op":"BPF_FILTER","arg":{"bpf_filter":{"opcode":"SOCKET","insns":["ld [socket.family]","jeq #AF_INET, ok","ret #0","ok: ret #1"]}},"nr":1}
{"call":"setup","entries":32,"flags":"SUBMIT_ALL"}
{"call":"socket","domain":"INET","type":"STREAM"}
`

// busy are events as a busy program has them: batches of 32 requests, with their results.
func busy(events int) []byte {
	kinds := []struct{ sqe, cqe string }{
		{`{"opcode":"NOP","user_data":%d}`, `{"user_data":%d,"res":0}`},
		{`{"opcode":"SOCKET","fd":"INET6","off":"STREAM","user_data":%d}`, `{"user_data":%d,"res":"EACCES"}`},
		{`{"opcode":"READ","fd":4,"off":0,"addr":"0x20000000","len":4096,"user_data":%d}`, `{"user_data":%d,"res":4096}`},
		{`{"opcode":"SEND","flags":"IO_LINK","fd":4,"addr":"0x20000000","len":100,"user_data":%d}`,
			`{"user_data":%d,"res":100}`},
	}
	var text []byte
	id := 0
	for range events {
		var sqes, cqes []byte
		for i := range 32 {
			id++
			if i > 0 {
				sqes, cqes = append(sqes, ','), append(cqes, ',')
			}
			kind := kinds[i%len(kinds)]
			sqes, cqes = fmt.Appendf(sqes, kind.sqe, id), fmt.Appendf(cqes, kind.cqe, id)
		}
		text = fmt.Appendf(text, `{"call":"enter","fd":3,"sqes":[%s],"results":[{"ret":32,"cqes":[%s],"sq_head":%d}]}`+"\n",
			sqes, cqes, id)
	}
	return text
}

// The same events as encoding/json reads them: structs with tags, and a method where a number may be a word.
type (
	stdEvent struct {
		Call    string        `json:"call"`
		FD      stdNum        `json:"fd"`
		SQEs    []stdSQE      `json:"sqes"`
		Results []stdRecorded `json:"results"`
	}
	stdSQE struct {
		Opcode   *stdOp    `json:"opcode"`
		Flags    *stdFlags `json:"flags"`
		FD       *stdFD    `json:"fd"`
		Off      *stdOff   `json:"off"`
		Addr     *stdNum   `json:"addr"`
		Len      *stdNum   `json:"len"`
		UserData *stdNum   `json:"user_data"`
	}
	stdRecorded struct {
		On     []string `json:"on"`
		Ret    int64    `json:"ret"`
		CQEs   []stdCQE `json:"cqes"`
		SQHead *uint32  `json:"sq_head"`
	}
	stdCQE struct {
		UserData uint64 `json:"user_data"`
		Res      stdRet `json:"res"`
	}
	stdRet   int64
	stdNum   uint64
	stdOp    uint64
	stdFlags uint64
	stdFD    uint64
	stdOff   uint64
)

func (n *stdNum) UnmarshalJSON(b []byte) error { return stdNumber(b, naming{}, (*uint64)(n)) }
func (n *stdOp) UnmarshalJSON(b []byte) error {
	return stdNumber(b, naming{uapi.Ops, false}, (*uint64)(n))
}
func (n *stdFlags) UnmarshalJSON(b []byte) error {
	return stdNumber(b, naming{uapi.SQEFlags, true}, (*uint64)(n))
}
func (n *stdFD) UnmarshalJSON(b []byte) error { return stdNumber(b, socketNamings["fd"], (*uint64)(n)) }
func (n *stdOff) UnmarshalJSON(b []byte) error {
	return stdNumber(b, socketNamings["off"], (*uint64)(n))
}

func (r *stdRet) UnmarshalJSON(b []byte) error {
	if b[0] != '"' {
		v, err := strconv.ParseInt(string(b), 10, 64)
		*r = stdRet(v)
		return err
	}
	e, err := uapi.ParseErrno(string(b[1 : len(b)-1]))
	*r = stdRet(e.Ret())
	return err
}

func stdNumber(b []byte, n naming, v *uint64) (err error) {
	if b[0] != '"' {
		*v, err = strconv.ParseUint(string(b), 10, 64)
		return err
	}
	*v, err = n.parse(string(b[1 : len(b)-1]))
	return err
}

// event is the same as an Event.
func (s *stdEvent) event() Event {
	args := &EnterArgs{FD: Number(s.FD)}
	for _, sqe := range s.SQEs {
		var out SQE
		for _, f := range []struct {
			name string
			v    *uint64
		}{{"opcode", (*uint64)(sqe.Opcode)}, {"flags", (*uint64)(sqe.Flags)}, {"fd", (*uint64)(sqe.FD)},
			{"off", (*uint64)(sqe.Off)}, {"addr", (*uint64)(sqe.Addr)}, {"len", (*uint64)(sqe.Len)},
			{"user_data", (*uint64)(sqe.UserData)}} {
			if f.v != nil {
				out.Fields = append(out.Fields, SQEField{f.name, Pointer{Num: *f.v}})
			}
		}
		args.SQEs = append(args.SQEs, out)
	}
	e := Event{Task: InitTask, Args: args}
	for _, r := range s.Results {
		out := Recorded{On: r.On, Ret: Ret(r.Ret), SQHead: r.SQHead}
		for _, c := range r.CQEs {
			out.CQEs = append(out.CQEs, CQEOut{UserData: Number(c.UserData), Res: Ret(c.Res)})
		}
		e.Results = append(e.Results, out)
	}
	return e
}

// readStd reads all events in the way of encoding/json.
func readStd(text []byte, visit func(*stdEvent)) error {
	for line := range bytes.Lines(text) {
		dec := stdjson.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		var e stdEvent
		if err := dec.Decode(&e); err != nil {
			return err
		}
		visit(&e)
	}
	return nil
}

// readAll reads all events in our way.
func readAll(text []byte, share bool, visit func(*Event)) error {
	in := io.MultiReader(strings.NewReader("{\"trace\":1}\n"), bytes.NewReader(text))
	r, err := NewReader(io.NopCloser(in), "t.jsonl")
	if err != nil {
		return err
	}
	r.Share(share)
	for {
		e, err := r.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		visit(&e)
	}
}

// TestYardstick: what the benchmarks compare are the same events.
func TestYardstick(t *testing.T) {
	text := busy(3)
	var want, got []Event
	if err := readAll(text, false, func(e *Event) { e.Line = 0; want = append(want, *e) }); err != nil {
		t.Fatal(err)
	}
	if err := readStd(text, func(e *stdEvent) { got = append(got, e.event()) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) != 3 {
		t.Errorf("(-ours +encoding/json):\n%s", diff)
	}
}

// BenchmarkDecode compares encoding/json with what reads traces, on the same text.
func BenchmarkDecode(b *testing.B) {
	text := busy(100)
	run := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	std := func() error { return readStd(text, func(*stdEvent) {}) }
	shared := func() error { return readAll(text, true, func(*Event) {}) }
	run("encoding-json", std)
	run("careful", func() error {
		for line := range bytes.Lines(text) {
			if _, err := decodeEvent(line); err != nil {
				return err
			}
		}
		return nil
	})
	run("quick", func() error { return readAll(text, false, func(*Event) {}) })
	run("shared", shared)
	ratio(b, "ratio", std, shared)
}

// BenchmarkPack is about packing, without reading what is packed, and unpacking.
func BenchmarkPack(b *testing.B) {
	var events []Event
	if err := readAll(busy(1000), false, func(e *Event) { events = append(events, *e) }); err != nil {
		b.Fatal(err)
	}
	for _, c := range Compressions() {
		text := pack(b, Header{}, events, c, 0)
		b.Run("pack-"+c.String(), func(b *testing.B) {
			for b.Loop() {
				pack(b, Header{}, events, c, 0)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*32*len(events)), "ns/SQE")
			b.ReportMetric(float64(len(text))/float64(32*len(events)), "bytes/SQE")
		})
		b.Run("unpack-"+c.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := unpack(text, true, true, func(*Event) {}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*32*len(events)), "ns/SQE")
		})
	}
}

// ratio, under the name, does both in turns and reports by how much the second is faster, as the median, the least and
// the most of all turns: what else a machine does slows both down.
func ratio(b *testing.B, name string, slow, fast func() error) {
	b.Run(name, func(b *testing.B) {
		var ratios []float64
		for b.Loop() {
			ratios = append(ratios, float64(took(b, slow))/float64(took(b, fast)))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[0], "min-times-faster")
		b.ReportMetric(ratios[len(ratios)/2], "times-faster")
		b.ReportMetric(ratios[len(ratios)-1], "max-times-faster")
	})
}

func took(b *testing.B, do func() error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}
