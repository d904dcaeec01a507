package tracepoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/uapi"
)

// field is a field of a tracepoint's text.
type field string

// The fields that are used. Other fields have the name of their label.
const (
	fRing     field = "ring"
	fReq      field = "req"
	fAfter    field = "linked after"
	fOp       field = "opcode"
	fFlags    field = "flags"
	fUserData field = "user_data"
	fSQSize   field = "sq size"
	fCQSize   field = "cq size"
	fRet      field = "ret"
	fError    field = "error"
	fCQEFlags field = "cflags"
)

// tracepoints are the tracepoints whose text is read. Kernels before 6.4 have submit_sqe for submit_req.
var tracepoints = map[string]kind{
	"io_uring_create":     created,
	"io_uring_register":   registered,
	"io_uring_submit_req": admitted,
	"io_uring_submit_sqe": admitted,
	"io_uring_req_failed": failed,
	"io_uring_link":       linked,
	"io_uring_complete":   completed,
}

// others are the tracepoints that say nothing about what a request is.
var others = map[string]bool{
	"io_uring_cqe_overflow": true, "io_uring_cqring_wait": true, "io_uring_defer": true, "io_uring_fail_link": true,
	"io_uring_file_get": true, "io_uring_local_work_run": true, "io_uring_poll_arm": true, "io_uring_poll_wake": true,
	"io_uring_queue_async_work": true, "io_uring_short_write": true, "io_uring_task_add": true, "io_uring_task_run": true,
	"io_uring_task_work_run": true,
}

// kind is what a tracepoint reports.
type kind int

const (
	created kind = iota
	registered
	admitted
	failed
	linked
	completed
)

// labels are the labels of values, sorted so that none comes after its own prefix. Labels that changed between releases
// have the same field.
var labels = []struct {
	text  string
	field field
}{
	{"linked after", fAfter}, {"sq size", fSQSize}, {"cq size", fCQSize}, {"non block", "non block"},
	{"request", fReq}, {"req", fReq}, {"ring", fRing}, {"fd", "fd"}, {"user_data", fUserData}, {"data", fUserData},
	{"opcode", fOp}, {"op", fOp}, {"flags", fFlags}, {"sq_thread", "sq_thread"},
	{"nr_user_files", "nr_user_files"}, {"nr_user_bufs", "nr_user_bufs"}, {"cq_ev_fd", "cq_ev_fd"}, {"ret", fRet},
	{"prio", "prio"}, {"off", "off"}, {"addr3", "addr3"}, {"addr", "addr"}, {"len", "len"}, {"rw_flags", "rw_flags"},
	{"buf_index", "buf_index"}, {"personality", "personality"}, {"file_index", "file_index"}, {"pad", "__pad2"},
	{"error", fError}, {"result", "result"}, {"cflags", fCQEFlags}, {"extra1", "extra1"}, {"extra2", "extra2"},
}

// required are the fields without which a line says nothing.
var required = map[kind][]field{
	created: {fRing, fFlags}, registered: {fOp, fRet}, admitted: {fOp}, failed: {fOp, fError}, linked: {fReq, fAfter},
}

// payload is the values in the text of a tracepoint.
type payload map[field]string

// parsePayload parses the text of a tracepoint: labels, each followed by a space or "=" and a value.
func parsePayload(k kind, text string) (payload, error) {
	p := payload{}
	for rest := strings.TrimLeft(text, " ,"); rest != ""; rest = strings.TrimLeft(rest, " ,") {
		i := slices.IndexFunc(labels, func(l struct {
			text  string
			field field
		}) bool {
			after, ok := strings.CutPrefix(rest, l.text)
			return ok && after != "" && (after[0] == ' ' || after[0] == '=')
		})
		if i < 0 {
			return nil, fmt.Errorf("found %q, expected the name of a field", abbreviate(rest))
		}
		l := labels[i]
		if _, twice := p[l.field]; twice {
			return nil, fmt.Errorf("found %s twice", l.text)
		}
		rest = rest[len(l.text)+1:]
		end := strings.IndexAny(rest, " ,")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return nil, fmt.Errorf("found no value of %s", l.text)
		}
		p[l.field], rest = rest[:end], rest[end:]
	}
	if before, after, two := strings.Cut(p["__pad2"], "/"); two { // up to 5.18, when addr3 was padding as well
		p["addr3"], p["__pad2"] = before, after
	}
	for _, f := range required[k] {
		if p[f] == "" {
			return nil, fmt.Errorf("found no %s", f)
		}
	}
	return p, nil
}

// number returns the value of a field, which has to fit into bits, signed or not. Hexadecimal numbers begin with 0x,
// except in addr3.
func (p payload) number(f field, bits int) (v uint64, ok bool, err error) {
	text, ok := p[f]
	if !ok {
		return 0, false, nil
	}
	base := 0
	if f == "addr3" && !strings.HasPrefix(text, "0x") {
		base = 16
	}
	if base == 0 && !strings.HasPrefix(text, "0x") {
		base = 10
	}
	if signed, err := strconv.ParseInt(text, base, bits); err == nil {
		return uint64(signed), true, nil
	}
	v, err = strconv.ParseUint(text, base, bits)
	if err != nil {
		return 0, false, fmt.Errorf("%s is %q, expected a number of %d bits", f, abbreviate(text), bits)
	}
	return v, true, nil
}

// opcode returns the request's opcode, which may be a name or a number. Ok is false if the kernel did not know it.
func (p payload) opcode() (op uint64, ok bool, err error) {
	text := p[fOp]
	switch text {
	case "INVALID":
		return 0, false, nil
	case "EPOLL": // the one name that is not that of the constant
		text = "EPOLL_CTL"
	}
	op, err = uapi.Ops.Parse(text)
	if err != nil || op > 255 {
		return 0, false, fmt.Errorf("opcode is %q, expected the name or number of one", abbreviate(text))
	}
	return op, true, nil
}

// pointer returns a pointer as the kernel printed it, and whether it did.
func (p payload) pointer(f field) (text string, ok bool) {
	text = p[f]
	return text, text != "" && !strings.HasPrefix(text, "(")
}

// abbreviate shortens a text for a message.
func abbreviate(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
