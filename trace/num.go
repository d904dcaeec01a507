package trace

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/uringsim/uringsim/uapi"
)

// naming says by which names the numbers of a field are written. The zero naming has none.
type naming struct {
	family *uapi.Family
	flags  bool // several names joined by "|"
}

func (n naming) parse(s string) (uint64, error) {
	if neg, err := strconv.ParseInt(s, 0, 64); err == nil && neg < 0 {
		return uint64(neg), nil
	}
	switch {
	case n.family == nil:
		v, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number", s)
		}
		return v, nil
	case n.flags:
		return n.family.ParseFlags(s)
	}
	return n.family.Parse(s)
}

// format returns v as a JSON value.
func (n naming) format(v uint64) jsontext.Value { return n.append(nil, v) }

// readNumber reads a number that is written as a JSON number or string. Negative numbers become their two's complement.
func readNumber(dec *jsontext.Decoder, n naming) (uint64, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return 0, err
	}
	switch tok.Kind() {
	case '"':
		return n.parse(tok.String())
	case '0':
		s := tok.String()
		v, err := naming{}.parse(s)
		if err != nil {
			return 0, fmt.Errorf("%s is not a whole number of 64 bits; write it as a string such as \"0x1\" if it is large", s)
		}
		return v, nil
	}
	return 0, fmt.Errorf("found %s, expected a number or a name", kindName(tok.Kind()))
}

func kindName(k jsontext.Kind) string {
	names := map[jsontext.Kind]string{'n': "null", 'f': "false", 't': "true", '"': "a string", '0': "a number",
		'{': "an object", '[': "an array", '}': "the end of an object", ']': "the end of an array"}
	if s, ok := names[k]; ok {
		return s
	}
	return "nothing"
}

// tag chooses the naming of a Num at compile time.
type tag interface{ naming() naming }

type (
	plainTag    struct{}
	opTag       struct{}
	regOpTag    struct{}
	sqeFlagsTag struct{}
	setupTag    struct{}
	enterTag    struct{}
	cqeFlagsTag struct{}
	openTag     struct{}
	resolveTag  struct{}
	familyTag   struct{}
	sockTypeTag struct{}
	protocolTag struct{}
	bpfFlagsTag struct{}
	bufRingTag  struct{}
	cancelTag   struct{}
	rsrcTag     struct{}
	cloneTag    struct{}
)

func (plainTag) naming() naming    { return naming{} }
func (opTag) naming() naming       { return naming{uapi.Ops, false} }
func (regOpTag) naming() naming    { return naming{uapi.RegisterOps, false} }
func (sqeFlagsTag) naming() naming { return naming{uapi.SQEFlags, true} }
func (setupTag) naming() naming    { return naming{uapi.SetupFlags, true} }
func (enterTag) naming() naming    { return naming{uapi.EnterFlags, true} }
func (cqeFlagsTag) naming() naming { return naming{uapi.CQEFlags, true} }
func (openTag) naming() naming     { return naming{uapi.OpenFlags, true} }
func (resolveTag) naming() naming  { return naming{uapi.ResolveFlags, true} }
func (familyTag) naming() naming   { return naming{uapi.AddressFamilies, false} }
func (sockTypeTag) naming() naming { return naming{uapi.SocketTypes, true} }
func (protocolTag) naming() naming { return naming{uapi.Protocols, false} }
func (bpfFlagsTag) naming() naming { return naming{uapi.BPFFilterFlags, true} }
func (bufRingTag) naming() naming  { return naming{uapi.BufRingFlags, true} }
func (cancelTag) naming() naming   { return naming{uapi.CancelFlags, true} }
func (rsrcTag) naming() naming     { return naming{uapi.RsrcFlags, true} }
func (cloneTag) naming() naming    { return naming{uapi.CloneFlags, true} }

// Num is a number that traces may write as a number, a numeric string or by name.
type Num[T tag] uint64

// UnmarshalJSONFrom reads any of these forms.
func (n *Num[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	var t T
	v, err := readNumber(dec, t.naming())
	*n = Num[T](v)
	return err
}

// MarshalJSONTo writes the most readable of these forms.
func (n Num[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	var t T
	return enc.WriteValue(t.naming().format(uint64(n)))
}

// Set assigns a value without naming the type of the number.
func (n *Num[T]) Set(v uint64) { *n = Num[T](v) }

// narrow returns n as 32 bits, signed or not. It fails if n does not fit; what is the name of the value for the
// message.
func (n Num[T]) narrow(what string) (uint32, error) {
	if v := int64(n); v >= math.MinInt32 && v <= math.MaxUint32 {
		return uint32(v), nil
	}
	return 0, fmt.Errorf("%s is %#x, which does not fit in 32 bits", what, uint64(n))
}

// Ret is a return value: a number that is not negative, or a negated errno, which traces write by name.
type Ret int64

// UnmarshalJSONFrom reads a number or a name such as "EACCES".
func (r *Ret) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		var s string
		if err := json.UnmarshalDecode(dec, &s); err != nil {
			return err
		}
		e, err := uapi.ParseErrno(s)
		*r = Ret(e.Ret())
		return err
	}
	v, err := readNumber(dec, naming{})
	*r = Ret(v)
	return err
}

// MarshalJSONTo writes errors by name and other values as numbers.
func (r Ret) MarshalJSONTo(enc *jsontext.Encoder) error {
	if s := r.String(); s[0] == 'E' {
		return enc.WriteToken(jsontext.String(s))
	}
	return enc.WriteToken(jsontext.Int(int64(r)))
}

// String returns the number, or the name of the errno.
func (r Ret) String() string { return uapi.FormatRet(int64(r)) }

// Bytes is a byte string in hexadecimal. Spaces in it are ignored.
type Bytes []byte

// UnmarshalText reads hexadecimal.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.Join(strings.Fields(string(text)), "")
	raw, err := hex.DecodeString(s)
	if err != nil {
		return fmt.Errorf("found %q, expected bytes in hexadecimal", abbreviate(s))
	}
	*b = raw
	return nil
}

// MarshalText writes hexadecimal without spaces.
func (b Bytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// abbreviate shortens a string for a message.
func abbreviate(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// Names for the kinds of Num, for programs that build traces.
type (
	OpNum         = Num[opTag]
	RegisterNum   = Num[regOpTag]
	SQEFlagsNum   = Num[sqeFlagsTag]
	SetupNum      = Num[setupTag]
	EnterNum      = Num[enterTag]
	OpenNum       = Num[openTag]
	ResolveNum    = Num[resolveTag]
	BPFFlagsNum   = Num[bpfFlagsTag]
	BufRingNum    = Num[bufRingTag]
	CancelNum     = Num[cancelTag]
	RsrcFlagsNum  = Num[rsrcTag]
	CloneFlagsNum = Num[cloneTag]
)
