package symbolic

import (
	"math/bits"
	"slices"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// field is a number in the context that differs from request to request. Its bits are variables of the diagram. Bits of
// the context that belong to no field are the same for all requests of the opcode.
type field struct {
	name  string
	bits  []place // most significant first
	words wording
	first int // the variable of bits[0], in the order byField
}

// place is a bit of a field: its weight in the number, and its position in the context.
type place struct {
	weight int // exponent of 2
	at     int // index of the bit in the context; the lowest bit of a byte comes first
}

// number returns a field that is a little-endian number at a byte offset of the context. Only the bits in mask vary.
func number(name string, off int, mask uint64, words wording) field {
	f := field{name: name, words: words}
	for w := bits.Len64(mask) - 1; w >= 0; w-- {
		if mask>>w&1 != 0 {
			f.bits = append(f.bits, place{w, 8*off + w})
		}
	}
	return f
}

// network returns a field of size bytes in network order.
func network(name string, off, size int, words wording) field {
	f := field{name: name, words: words}
	for i := range size {
		for bit := 7; bit >= 0; bit-- {
			f.bits = append(f.bits, place{8*(size-1-i) + bit, 8*(off+i) + bit})
		}
	}
	return f
}

// row says which contexts the requests of an opcode have, apart from the fields that all requests have.
type row struct {
	fields func(kernel.Release) []field
	// occurs returns which combinations of fields prep can leave; nil means all.
	occurs func(*contexts, kernel.Release) function
}

const pdu = uapi.BPFCtxPDU

// rows are those of the opcodes with a payload.
var rows = map[uapi.Op]row{
	uapi.IORING_OP_SOCKET:  {fields: socketFields},
	uapi.IORING_OP_OPENAT:  {fields: openatFields, occurs: openatOccurs},
	uapi.IORING_OP_OPENAT2: {fields: openat2Fields, occurs: openat2Occurs},
	uapi.IORING_OP_CONNECT: {fields: connectFields, occurs: connectOccurs},
}

// Linux: io_uring/net.c:io_socket_prep, io_socket_bpf_populate
func socketFields(k kernel.Release) []field {
	types := uint64(uapi.SOCK_TYPE_MASK)
	if k.Has(kernel.SocketTypeUnmasked) {
		types |= uapi.SOCK_CLOEXEC | uapi.SOCK_NONBLOCK
	}
	return []field{
		number("family", pdu, 1<<32-1, named(uapi.AddressFamilies)),
		number("type", pdu+4, types, flagged(uapi.SocketTypes, uapi.SOCK_TYPE_MASK)),
		number("protocol", pdu+8, 1<<32-1, named(uapi.Protocols)),
	}
}

// modeMask are the bits of a mode that open keeps (S_IALLUGO).
const modeMask = 0o7777

// Linux: fs/open.c:build_open_how, io_uring/openclose.c:__io_openat_prep
func openatFields(k kernel.Release) []field {
	all, _ := opdef.OpenFlags(k)
	return []field{
		number("flags", pdu, all, flagged(uapi.OpenFlags, 0)),
		number("mode", pdu+8, modeMask, octal()),
	}
}

// openatOccurs: O_PATH excludes most other flags, and only what is created has a mode.
func openatOccurs(c *contexts, k kernel.Release) function {
	all, withPath := opdef.OpenFlags(k)
	path := c.has("flags", uapi.O_PATH)
	others := c.not(c.has("flags", all&^withPath))
	creates := c.has("flags", uapi.O_CREAT|uapi.O_TMPFILE_)
	noMode := c.not(c.has("mode", modeMask))
	return c.and(openOccurs(c), c.and(c.implies(path, others), c.or(creates, noMode)))
}

// Linux: io_uring/openclose.c:io_openat2_prep
func openat2Fields(kernel.Release) []field {
	return []field{
		number("flags", pdu, 1<<64-1, flagged(uapi.OpenFlags, 0)),
		number("mode", pdu+8, 1<<64-1, octal()),
		number("resolve", pdu+16, 1<<64-1, flagged(uapi.ResolveFlags, 0)),
	}
}

func openat2Occurs(c *contexts, _ kernel.Release) function { return openOccurs(c) }

// openOccurs: O_LARGEFILE is set unless O_PATH is, and requests that create or truncate are for a worker.
//
// Linux: io_uring/openclose.c:__io_openat_prep
func openOccurs(c *contexts) function {
	path, large := c.has("flags", uapi.O_PATH), c.has("flags", uapi.O_LARGEFILE)
	writes := c.has("flags", uapi.O_TRUNC|uapi.O_CREAT|uapi.O_TMPFILE_)
	return c.and(c.or(path, large), c.implies(writes, c.has(sqeFlags, uapi.IOSQE_ASYNC)))
}

// Linux: io_uring/net.c:io_connect_bpf_populate
func connectFields(kernel.Release) []field {
	return []field{
		number("family", pdu, 1<<16-1, named(uapi.AddressFamilies)),
		network("port", pdu+4, 2, decimal()),
		network("address", pdu+8, 16, address()),
	}
}

// connectOccurs: only IPv4 and IPv6 have a port and an address, and that of IPv4 is short.
func connectOccurs(c *contexts, _ kernel.Release) function {
	v4, v6 := c.is("family", uapi.AF_INET), c.is("family", uapi.AF_INET6)
	port, addr := c.zero("port", 0), c.zero("address", 0)
	behindV4 := c.zero("address", 32)
	return c.choose(v4, behindV4, c.or(v6, c.and(port, addr)))
}

// The fields that all requests have.
const (
	sqeFlags  = "sqe_flags"
	userData  = "user_data"
	submitted = "flags of the SQE"
)

// contexts are the contexts of all requests of an opcode on a release, together with the IOSQE_* flags as the program
// wrote them, which restrictions look at.
type contexts struct {
	*diagram
	op     uapi.Op
	fields []field
	words  [uapi.SizeofBPFCtx / 4]word
	// written are the flags of the SQE, by bit. Prep and draining may add more to the context.
	written [8]function
	extra   field    // the flags of the SQE that may differ from those of the context; they have no place in it
	occurs  function // holds for what can occur
	count   int      // number of variables
}

// order is the order of the variables.
type order int

const (
	byField order = iota // the bits of each field together, as people read them: good for most filters
	byBit                // the same bits of all words together: good for sums of words and comparisons between them
)

func newContexts(d *diagram, k kernel.Release, op uapi.Op, o order) *contexts {
	c := &contexts{diagram: d, op: op}
	var occurs func(*contexts, kernel.Release) function
	size := opdef.PDUSize(k, op)
	if row := rows[op]; size != 0 {
		c.fields, occurs = row.fields(k), row.occurs
	}
	flagsAlways, flagsNever := opdef.FlagsSeen(k, op)
	c.fields = append(c.fields,
		number(sqeFlags, uapi.BPFCtxSQEFlags, uint64(^(flagsAlways|flagsNever)), flagged(uapi.SQEFlags, 0)),
		number(userData, uapi.BPFCtxUserData, 1<<64-1, hexadecimal()))
	c.fixed(uapi.BPFCtxOpcode, uint8(op))
	c.fixed(uapi.BPFCtxPDUSize, size)
	c.fixed(uapi.BPFCtxSQEFlags, flagsAlways)
	added := opdef.FlagsAdded(k, op) // including ASYNC, even if the context always has it
	c.extra = number(submitted, 0, uint64(added), flagged(uapi.SQEFlags, 0))
	c.place(o)
	c.occurs = c.flagsOccur(flagsAlways)
	if occurs != nil {
		c.occurs = c.and(c.occurs, occurs(c, k))
	}
	return c
}

// fixed makes a byte of the context the same for all requests.
func (c *contexts) fixed(off int, v uint8) {
	for i := range 8 {
		c.set(8*off+i, function(v>>i&1))
	}
}

func (c *contexts) set(at int, f function)     { c.words[at/32][at%32] = f }
func (c *contexts) contextBit(at int) function { return c.words[at/32][at%32] }

// place assigns a variable to each bit of each field.
func (c *contexts) place(o order) {
	var all []*place
	for i := range c.fields {
		f := &c.fields[i]
		f.first = len(all)
		for j := range f.bits {
			all = append(all, &f.bits[j])
		}
	}
	if o == byBit {
		slices.SortStableFunc(all, func(a, b *place) int { return a.at%32 - b.at%32 })
	}
	for v, p := range all {
		c.set(p.at, c.variable(v))
	}
	c.count = len(all)
	for i := range c.written {
		c.written[i] = c.contextBit(8*uapi.BPFCtxSQEFlags + i)
	}
	c.extra.first = c.count
	for _, p := range c.extra.bits {
		c.written[p.weight] = c.variable(c.count)
		c.count++
	}
}

// flagsOccur relates the flags of the SQE to those of the context. The context has all flags that the SQE has. A
// request that drains is for a worker, and an SQE cannot ask both for draining and for no CQE.
//
// Linux: io_uring/io_uring.c:io_init_req
func (c *contexts) flagsOccur(flagsAlways uint8) function {
	occurs := c.implies(c.has(sqeFlags, uapi.IOSQE_IO_DRAIN), c.has(sqeFlags, uapi.IOSQE_ASYNC))
	if flagsAlways&uapi.IOSQE_ASYNC != 0 {
		occurs = always
	}
	skips := c.has(sqeFlags, uapi.IOSQE_CQE_SKIP_SUCCESS)
	occurs = c.and(occurs, c.not(c.and(c.written[drainBit], skips)))
	for _, p := range c.extra.bits {
		seen := c.contextBit(8*uapi.BPFCtxSQEFlags + p.weight)
		occurs = c.and(occurs, c.implies(c.written[p.weight], seen))
	}
	return occurs
}

// drainBit is the bit of IOSQE_IO_DRAIN.
const drainBit = 1

// field returns the field with the name. It panics if there is none, as names are constants of this package.
func (c *contexts) field(name string) *field {
	i := slices.IndexFunc(c.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		panic("symbolic: no field " + name)
	}
	return &c.fields[i]
}

// has holds if the field has any bit of mask.
func (c *contexts) has(name string, mask uint64) function {
	any := never
	for _, p := range c.field(name).bits {
		if mask>>p.weight&1 != 0 {
			any = c.or(any, c.contextBit(p.at))
		}
	}
	return any
}

// is holds if the field has the value.
func (c *contexts) is(name string, v uint64) function {
	same := always
	for _, p := range c.field(name).bits {
		bit := c.contextBit(p.at)
		if v>>p.weight&1 == 0 {
			bit = c.not(bit)
		}
		same = c.and(same, bit)
	}
	return same
}

// zero holds if all bits of the field but the first ones are 0.
func (c *contexts) zero(name string, first int) function {
	zero := always
	for _, p := range c.field(name).bits[first:] {
		zero = c.and(zero, c.not(c.contextBit(p.at)))
	}
	return zero
}

// load returns what a load from the context gives.
func (c *contexts) load(off uint32) word { return c.words[off/4] }

// context returns the context with these values.
func (c *contexts) context(v values) (ctx cbpfvm.Context) {
	for i, w := range c.words {
		var n uint32
		for bit, f := range w {
			if c.holds(f, v) {
				n |= 1 << bit
			}
		}
		ctx.SetWord(uint32(4*i), n)
	}
	return ctx
}

// flags returns the flags of the SQE with these values.
func (c *contexts) flags(v values) (flags uint8) {
	for i, f := range c.written {
		if c.holds(f, v) {
			flags |= 1 << i
		}
	}
	return flags
}

// valuesOf returns the values for a context and the flags of the SQE, and whether they express both exactly.
func (c *contexts) valuesOf(ctx *cbpfvm.Context, flags uint8) (values, bool) {
	v := make(values, c.count)
	for at := range 8 * uapi.SizeofBPFCtx {
		if f := c.contextBit(at); f > always {
			v[c.nodes[f].variable] = ctx[at/8]>>(at%8)&1 != 0
		}
	}
	for _, p := range c.extra.bits {
		v[c.nodes[c.written[p.weight]].variable] = flags>>p.weight&1 != 0
	}
	return v, c.context(v) == *ctx && c.flags(v) == flags
}
