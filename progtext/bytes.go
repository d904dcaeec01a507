package progtext

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/uringsim/uringsim/srcpos"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

func readRaw(in input) (*Program, error) {
	if rest := len(in.text) % uapi.SizeofSockFilter; rest != 0 {
		return nil, in.errorf(len(in.text)-rest, "found %d bytes, expected a multiple of %d", len(in.text),
			uapi.SizeofSockFilter)
	}
	return &Program{Insns: uapi.DecodeSockFilters(in.text)}, nil
}

func writeRaw(out *bytes.Buffer, insns []uapi.SockFilter, _ Options) error {
	out.Write(uapi.EncodeSockFilters(insns))
	return nil
}

// readHex reads hexadecimal digits, with optional white space between bytes.
func readHex(in input) (*Program, error) {
	var raw []byte
	for off := 0; off < len(in.text); {
		if isSpace(in.text[off]) {
			off++
			continue
		}
		pair := in.text[off:min(off+2, len(in.text))]
		b, err := strconv.ParseUint(string(pair), 16, 8)
		if err != nil || len(pair) < 2 {
			return nil, in.errorf(off, "found %q, expected a byte in hexadecimal", pair)
		}
		raw = append(raw, byte(b))
		off += 2
	}
	if len(raw)%uapi.SizeofSockFilter != 0 {
		return nil, in.errorf(len(in.text), "found %d bytes, expected a multiple of %d", len(raw), uapi.SizeofSockFilter)
	}
	return &Program{Insns: uapi.DecodeSockFilters(raw)}, nil
}

func writeHex(out *bytes.Buffer, insns []uapi.SockFilter, _ Options) error {
	for _, i := range insns {
		fmt.Fprintf(out, "%x\n", i.Append(nil))
	}
	return nil
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// readDecimal reads a count and then four numbers per instruction, separated by white space or commas.
func readDecimal(in input) (*Program, error) {
	var out Program
	var v [4]uint32
	count, n, start, lines := -1, 0, 0, srcpos.LinesOf(in.text)
	for off := 0; off < len(in.text); {
		if isSpace(in.text[off]) || in.text[off] == ',' {
			off++
			continue
		}
		end := off
		for end < len(in.text) && !isSpace(in.text[end]) && in.text[end] != ',' {
			end++
		}
		bits := 32
		if count >= 0 {
			bits = [4]int{16, 8, 8, 32}[n]
		}
		k, err := strconv.ParseUint(string(in.text[off:end]), 10, bits)
		if err != nil {
			return nil, in.errorf(off, "found %.40q, expected a decimal number of %d bits", in.text[off:end], bits)
		}
		switch {
		case count < 0:
			count = int(k)
		case n < 3:
			if n == 0 {
				start = off
			}
			v[n], n = uint32(k), n+1
		default:
			out.add(uapi.SockFilter{Code: uint16(v[0]), Jt: uint8(v[1]), Jf: uint8(v[2]), K: uint32(k)}, lines, start)
			n = 0
		}
		off = end
	}
	if n != 0 || count != len(out.Insns) && count >= 0 {
		return nil, in.errorf(len(in.text), "found %d instructions and %d more numbers, expected %d instructions",
			len(out.Insns), n, max(count, len(out.Insns)))
	}
	return &out, nil
}

func writeDecimal(out *bytes.Buffer, insns []uapi.SockFilter, _ Options) error {
	fmt.Fprintln(out, len(insns))
	for _, i := range insns {
		fmt.Fprintln(out, i.Code, i.Jt, i.Jf, i.K)
	}
	return nil
}

// object is an instruction in JSON.
type object struct {
	Code trace.Number `json:"code" bits:"16"`
	Jt   trace.Number `json:"jt,omitzero" bits:"8"`
	Jf   trace.Number `json:"jf,omitzero" bits:"8"`
	K    trace.Number `json:"k,omitzero" bits:"32"`
}

func readJSON(in input) (*Program, error) {
	var list []object
	if err := trace.Decode(in.file, in.text, &list); err != nil {
		return nil, err
	}
	var out Program
	places := trace.Places(in.text).Elements
	for i, o := range list {
		out.Insns = append(out.Insns, uapi.SockFilter{Code: uint16(o.Code), Jt: uint8(o.Jt), Jf: uint8(o.Jf), K: uint32(o.K)})
		out.At = append(out.At, places[i].Pos)
	}
	return &out, nil
}

func writeJSON(out *bytes.Buffer, insns []uapi.SockFilter, _ Options) error {
	out.WriteByte('[')
	for n, i := range insns {
		if n > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "\n  {\"code\": %d, \"jt\": %d, \"jf\": %d, \"k\": %d}", i.Code, i.Jt, i.Jf, i.K)
	}
	out.WriteString("\n]\n")
	return nil
}
