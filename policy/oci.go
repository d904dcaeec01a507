package policy

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// ociObject is the linux.ioUring object that is proposed for the runtime specification of containers.
type ociObject struct {
	DefaultAction  string       `json:"defaultAction"`
	Ops            []ociOp      `json:"ops,omitzero"`
	SocketFamilies *[]ociFamily `json:"socketFamilies,omitzero"`
	DeniedSQEFlags []ociFlag    `json:"deniedSqeFlags,omitzero"`
}

// ociOp is an opcode, written as its full name or as a number.
type ociOp uapi.Op

// UnmarshalJSONFrom reads a name or a number.
func (o *ociOp) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := ociNumber(dec, uapi.Ops, uapi.IORING_OP_LAST-1)
	*o = ociOp(v)
	return err
}

// MarshalJSONTo writes the name.
func (o ociOp) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String("IORING_OP_" + uapi.Op(o).String()))
}

type ociFamily uint16

// UnmarshalJSONFrom reads a name or a number.
func (f *ociFamily) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := ociNumber(dec, uapi.AddressFamilies, 0xffff)
	*f = ociFamily(v)
	return err
}

// MarshalJSONTo writes the name, if there is one.
func (f ociFamily) MarshalJSONTo(enc *jsontext.Encoder) error {
	return ociName(enc, uapi.AddressFamilies, uint64(f))
}

type ociFlag uint8

// UnmarshalJSONFrom reads a name or a number.
func (f *ociFlag) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := ociNumber(dec, uapi.SQEFlags, 0x7f)
	*f = ociFlag(v)
	return err
}

// MarshalJSONTo writes the name.
func (f ociFlag) MarshalJSONTo(enc *jsontext.Encoder) error {
	return ociName(enc, uapi.SQEFlags, uint64(f))
}

// ociNumber reads the full name of a constant of the family in the spelling of the kernel's headers, as runtimes know
// no other, or a number as JSON or as a string.
func ociNumber(dec *jsontext.Decoder, family *uapi.Family, most uint64) (uint64, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return 0, err
	}
	text := tok.String()
	if tok.Kind() == '"' {
		if v, of, ok := constant(text); ok && of == family && text == strings.ToUpper(text) {
			return v, nil
		}
	}
	v, err := strconv.ParseUint(text, 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("found %q, expected a number or a name such as %s", text, family.Rows[1].Name)
	case v > most:
		return 0, fmt.Errorf("found %d, expected at most %d", v, most)
	}
	return v, nil
}

func ociName(enc *jsontext.Encoder, family *uapi.Family, v uint64) error {
	for _, r := range family.Rows {
		if r.Value == v {
			return enc.WriteToken(jsontext.String(r.Name))
		}
	}
	return enc.WriteToken(jsontext.Uint(v))
}

// ociKeys are keys of the object or of a container's configuration that plans do not have.
var ociKeys = []string{"defaultAction", "socketFamilies", "deniedSqeFlags", "ociVersion", "linux"}

// IsOCI tells by its keys whether a JSON text looks like what ParseOCI reads.
func IsOCI(text []byte) bool {
	found := false
	_ = eachKey(jsontext.NewDecoder(bytes.NewReader(text)), func(key string, dec *jsontext.Decoder) error {
		found = found || slices.Contains(ociKeys, key)
		return dec.SkipValue()
	})
	return found
}

// eachKey calls visit for each member of an object. Visit has to read the value.
func eachKey(dec *jsontext.Decoder, visit func(key string, dec *jsontext.Decoder) error) error {
	if dec.PeekKind() != '{' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := visit(key.String(), dec); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

// ParseOCI reads the linux.ioUring object that is proposed for containers, alone or within a container's configuration:
// {"linux": {"ioUring": {...}}}. Errors are *trace.SyntaxError.
func ParseOCI(file string, text []byte) (*Policy, error) {
	only, err := ioUring(file, text)
	if err != nil {
		return nil, err
	}
	var o ociObject
	if err := trace.Decode(file, only, &o); err != nil {
		return nil, err
	}
	p := &Policy{File: file}
	places := trace.Places(only)
	switch o.DefaultAction {
	case "deny":
		p.Default = Deny
	case "allow":
		p.Default = Allow
	default:
		return nil, errorAt(file, places.Pos, "defaultAction: found %q, expected \"deny\" or \"allow\"", o.DefaultAction)
	}
	p.DefaultAt = places.Members["defaultAction"].Pos
	p.Rules = o.rules(p.Default, places.Members)
	return p, p.check()
}

// ioUring returns the text with all but the linux.ioUring object blanked out, so that places in it stay right.
func ioUring(file string, text []byte) ([]byte, error) {
	wrapped, from, to := false, int64(-1), int64(0)
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	err := eachKey(dec, func(key string, dec *jsontext.Decoder) error {
		wrapped = wrapped || key == "ociVersion" || key == "linux"
		if key != "linux" {
			return dec.SkipValue()
		}
		return eachKey(dec, func(key string, dec *jsontext.Decoder) error {
			value, err := dec.ReadValue()
			if key == "ioUring" {
				to = dec.InputOffset()
				from = to - int64(len(value))
			}
			return err
		})
	})
	if err != nil || !wrapped {
		return text, nil // decoding it tells what is wrong
	}
	if from < 0 {
		return nil, errorAt(file, Pos{Line: 1, Col: 1}, `found a configuration without linux.ioUring, expected "linux": {"ioUring": {...}}`)
	}
	only := bytes.Repeat([]byte{' '}, int(from))
	for i, b := range text[:from] {
		if b == '\n' {
			only[i] = b
		}
	}
	return append(only, text[from:to]...), nil
}

// rules returns the object as rules: first those about flags, then about families of sockets, then about opcodes.
func (o *ociObject) rules(def Action, places map[string]trace.Place) []Rule {
	var rules []Rule
	var denied uint64
	for _, f := range o.DeniedSQEFlags {
		denied |= uint64(f)
	}
	if denied != 0 {
		at := places["deniedSqeFlags"].Pos
		rules = append(rules, Rule{Pos: at, Action: Deny,
			If: &Test{Pos: at, Field: "sqe_flags", Mask: denied, Rel: Ne, Values: []Value{{}}}})
	}
	listed := Rule{Pos: places["ops"].Pos, Action: !def}
	socket := false
	for i, op := range o.Ops {
		op := uapi.Op(op)
		if listed.Ops != nil && listed.fits(op) {
			continue
		}
		if op == uapi.IORING_OP_SOCKET {
			if socket = true; def == Deny && o.SocketFamilies != nil {
				continue // below
			}
		}
		listed.Ops, listed.OpsAt = append(listed.Ops, op), append(listed.OpsAt, places["ops"].Elements[i].Pos)
	}
	if o.SocketFamilies != nil && socket == (def == Deny) {
		rules = append(rules, families(*o.SocketFamilies, def, places["socketFamilies"].Pos)...)
	}
	if listed.Ops != nil {
		rules = append(rules, listed)
	}
	return rules
}

// families returns the rule about families of sockets, if it changes what the default says.
func families(list []ociFamily, def Action, at Pos) []Rule {
	in := &Test{Pos: at, Field: "family", Mask: fieldNamed("family").Bits(), Rel: In}
	for _, f := range list {
		in.Values = append(in.Values, Value{Lo: uint64(f), Hi: uint64(f)})
	}
	socket := Rule{Pos: at, Ops: []uapi.Op{uapi.IORING_OP_SOCKET}, OpsAt: []Pos{at}}
	switch {
	case def == Deny && len(list) == 0:
		return nil
	case def == Deny:
		socket.Action, socket.If = Allow, in
	case len(list) > 0:
		socket.If = Not{in}
	}
	return []Rule{socket}
}

// OCI returns the policy as a linux.ioUring object. The error names the first rule that such an object cannot express.
func (p *Policy) OCI() ([]byte, error) {
	o := ociObject{DefaultAction: p.Default.String()}
	if p.Limits != (Limits{}) {
		return nil, fmt.Errorf("%s: the container form cannot express limits on register calls and submitted flags",
			p.File)
	}
	if len(p.Requires) > 0 {
		return nil, errorAt(p.File, p.Requires[0].Pos, "the container form cannot express which kernels are required")
	}
	allowed := false // whether a rule so far allows requests whatever their flags
	for i := range p.Rules {
		r := &p.Rules[i]
		flags, isFlags := r.deniedFlags()
		list, isFamilies := r.families(p.Default)
		switch {
		case isFlags && !allowed:
			for bit := uint64(1); bit < 0x80; bit <<= 1 {
				if flags&bit != 0 && !slices.Contains(o.DeniedSQEFlags, ociFlag(bit)) {
					o.DeniedSQEFlags = append(o.DeniedSQEFlags, ociFlag(bit))
				}
			}
		case isFamilies && o.SocketFamilies == nil:
			o.SocketFamilies = &list
			if r.Action == Allow {
				o.Ops = append(o.Ops, ociOp(uapi.IORING_OP_SOCKET))
			}
		case r.If == nil && r.Ops != nil && (r.Action == Deny || !o.hasFamiliesFor(r, p.Default)):
			for _, op := range r.Ops {
				if r.Action != p.Default {
					o.Ops = append(o.Ops, ociOp(op))
				}
			}
		default:
			return nil, errorAt(p.File, r.Pos, "the container form cannot express: %s", r)
		}
		allowed = allowed || r.Action == Allow
	}
	text, err := json.Marshal(o, jsontext.WithIndent("  "))
	return append(text, '\n'), err
}

// hasFamiliesFor tells whether a rule allows all sockets although the object already lists families of sockets.
func (o *ociObject) hasFamiliesFor(r *Rule, def Action) bool {
	return def == Deny && o.SocketFamilies != nil && r.fits(uapi.IORING_OP_SOCKET)
}

// deniedFlags returns the flags that the rule denies, if it has the form "deny any if sqe_flags & FLAGS != 0".
func (r *Rule) deniedFlags() (uint64, bool) {
	t, ok := r.If.(*Test)
	ok = ok && r.Action == Deny && r.Ops == nil && t.Field == "sqe_flags" && t.Rel == Ne && t.Values[0].Lo == 0
	if !ok {
		return 0, false
	}
	return t.Mask, true
}

// families returns the families of sockets that the rule allows, if it has the form "allow SOCKET if family in LIST"
// with the default deny, or "deny SOCKET if family not in LIST" with the default allow.
func (r *Rule) families(def Action) ([]ociFamily, bool) {
	c := r.If
	if not, ok := c.(Not); ok && def == Allow {
		c = not.Cond
	} else if def == Allow {
		return nil, false
	}
	t, ok := c.(*Test)
	if !ok || r.Action == def || t.Field != "family" || t.Rel != In && t.Rel != Eq ||
		t.Mask != fieldNamed("family").Bits() || len(r.Ops) != 1 || r.Ops[0] != uapi.IORING_OP_SOCKET {
		return nil, false
	}
	var list []ociFamily
	for _, v := range t.Values {
		if v.Hi-v.Lo > 100 || v.Hi > 0xffff {
			return nil, false
		}
		for f := v.Lo; f <= v.Hi; f++ {
			list = append(list, ociFamily(f))
		}
	}
	return list, true
}
