package gen

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Codes of classic BPF that io_uring accepts, by what they need.
var (
	aluK  = []uint16{0x04, 0x14, 0x24, 0x34, 0x54, 0x44, 0xa4, 0x64, 0x74}
	aluX  = []uint16{0x0c, 0x1c, 0x2c, 0x3c, 0x5c, 0x4c, 0xac, 0x6c, 0x7c, 0x84}
	jumpK = []uint16{0x15, 0x35, 0x25, 0x45}
	jumpX = []uint16{0x1d, 0x3d, 0x2d, 0x4d}
	other = []uint16{0x00, 0x01, 0x07, 0x87, 0x80, 0x81}
)

const (
	codeLoad   = 0x20
	codeLoadM  = 0x60
	codeLoadXM = 0x61
	codeStore  = 0x02
	codeStoreX = 0x03
	codeJump   = 0x05
	codeRetK   = 0x06
	codeRetA   = 0x16
)

// validProgram is a program that passes the checker: it reads only cells that it wrote at its very beginning.
func (m *maker) validProgram() []uapi.SockFilter {
	var prog []uapi.SockFilter
	add := func(code uint16, k uint32) { prog = append(prog, uapi.SockFilter{Code: code, K: k}) }
	var cells []uint32
	for range m.IntN(5) {
		cell := uint32(m.IntN(uapi.BPF_MEMWORDS))
		add(codeLoad, m.offset())
		add(pick(m, uint16(codeStore), codeStoreX), cell)
		cells = append(cells, cell)
	}
	body := 1 + m.IntN(30)
	for range body {
		switch m.IntN(10) {
		case 0, 1, 2:
			add(codeLoad, m.offset())
		case 3, 4:
			m.alu(add)
		case 5:
			add(pick(m, aluX...), m.word())
		case 6:
			add(pick(m, other...), m.word())
		case 7:
			if len(cells) > 0 {
				add(pick(m, uint16(codeLoadM), codeLoadXM, codeStore, codeStoreX), pick(m, cells...))
			}
		default:
			add(codeJump, 0) // gets its target below
		}
	}
	m.aim(prog)
	for range 1 + m.IntN(2) {
		add(codeRetK, pick(m, uint32(0), 1, 2, 0x80000000, m.word()))
	}
	add(pick(m, uint16(codeRetK), codeRetA), m.word())
	return prog
}

// alu adds an operation with a constant that the checker accepts.
func (m *maker) alu(add func(uint16, uint32)) {
	code, k := pick(m, aluK...), m.word()
	switch code {
	case 0x34:
		k |= 1 << m.IntN(32) // not 0
	case 0x64, 0x74:
		k %= 32
	}
	add(code, k)
}

// aim turns the placeholders into jumps that stay inside, with room for the returns at the end.
func (m *maker) aim(prog []uapi.SockFilter) {
	for i := range prog {
		if prog[i].Code != codeJump {
			continue
		}
		room := len(prog) - i
		target := func() uint8 { return uint8(m.IntN(min(room, 255))) }
		switch m.IntN(7) {
		case 0:
			prog[i].K = uint32(m.IntN(room))
		case 1, 2:
			prog[i] = uapi.SockFilter{Code: pick(m, jumpX...), Jt: target(), Jf: target(), K: m.word()}
		default:
			prog[i] = uapi.SockFilter{Code: pick(m, jumpK...), Jt: target(), Jf: target(), K: m.word()}
		}
	}
}

// bitProgram allows a request if one bit of its context is set.
func (m *maker) bitProgram() []uapi.SockFilter {
	if m.chance(10) { // of the length, which all contexts share
		code := pick(m, uint16(0x80), 0x81)
		return []uapi.SockFilter{{Code: code}, {Code: pick(m, uint16(0x87), 0x07)}, {Code: 0x54, K: 1 << m.IntN(8)}, {Code: codeRetA}}
	}
	off, bit := m.offset(), m.IntN(32)
	if m.chance(60) { // where releases differ, and the flags that prep adds
		spot := pick(m, [2]int{20, 11}, [2]int{20, 19}, [2]int{16, 26}, [2]int{8, 8}, [2]int{8, 12}, [2]int{16, 15}, [2]int{20, 0}, [2]int{24, 3}, [2]int{16, 1})
		off, bit = uint32(spot[0]), spot[1]
	}
	return []uapi.SockFilter{{Code: codeLoad, K: off}, {Code: 0x54, K: 1 << bit}, {Code: codeRetA}}
}

// xProgram shifts a word of the context by X, or divides it, and allows a request if a bit is left.
func (m *maker) xProgram() []uapi.SockFilter {
	if m.chance(30) { // by what may be 0
		return []uapi.SockFilter{{Code: codeLoad, K: m.offset()}, {Code: 0x54, K: uint32(m.IntN(4))}, {Code: 0x07},
			{Code: codeLoad, K: m.offset()}, {Code: 0x3c}, {Code: 0x44, K: uint32(m.IntN(2))}, {Code: codeRetA}}
	}
	return []uapi.SockFilter{{Code: 0x01, K: uint32(m.IntN(70))}, {Code: codeLoad, K: m.offset()}, {Code: pick(m, uint16(0x6c), 0x7c)},
		{Code: 0x54, K: m.Uint32() & m.Uint32()}, {Code: codeRetA}}
}

// offset is a place in the filter context.
func (m *maker) offset() uint32 { return 4 * uint32(m.IntN(uapi.SizeofBPFCtx/4)) }

// brokenProgram is a valid program with a few changes, most of which make it invalid.
func (m *maker) brokenProgram() []uapi.SockFilter {
	prog := m.validProgram()
	for range m.IntN(3) {
		in := &prog[m.IntN(len(prog))]
		switch m.IntN(9) {
		case 0:
			in.Code = uint16(m.IntN(256))
		case 1:
			in.Code ^= 1 << m.IntN(16)
		case 2:
			in.K = m.word()
		case 3:
			in.Jt = uint8(m.word())
		case 4:
			in.Jf = uint8(m.word())
		case 5:
			*in = uapi.SockFilter{Code: codeLoad, K: pick(m, uint32(36), 37, 38, 40, 44, 0xfffff000, 0xfffff004)}
		case 6:
			*in = uapi.SockFilter{Code: pick(m, uint16(codeLoadM), codeLoadXM, codeStore, codeStoreX), K: uint32(m.IntN(18))}
		case 7:
			prog = prog[:1+m.IntN(len(prog))]
		case 8:
			*in = uapi.SockFilter{Code: pick(m, uint16(0x28), 0x30, 0x40, 0x48, 0x50, 0xb1, 0x94, 0x9c, 0x0e, 0x0d, 0x34, 0x64),
				Jt: uint8(m.IntN(3)), K: pick(m, uint32(0), 1, 31, 32)}
		}
	}
	return prog
}

// filter is a registration of the program for the opcode.
func filter(op uapi.Op, prog []uapi.SockFilter) trace.BPFFilter {
	return trace.BPFFilter{Opcode: opNum(op), Program: uapi.EncodeSockFilters(prog)}
}

// check registers programs one after the other.
func (m *maker) check() {
	fd, _ := m.ring(trace.InitTask, 1, 0)
	for range 80 {
		f := filter(uapi.Op(m.IntN(uapi.IORING_OP_LAST)), m.brokenProgram())
		if m.chance(2) {
			f = filter(uapi.IORING_OP_NOP, m.longProgram())
		}
		m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_BPF_FILTER, pointer(trace.Object{BPFFilter: &f}), 1)
	}
}

// longProgram has about as many instructions as there may be.
func (m *maker) longProgram() []uapi.SockFilter {
	n := pick(m, uapi.BPF_MAXINSNS-1, uapi.BPF_MAXINSNS, uapi.BPF_MAXINSNS+1)
	prog := make([]uapi.SockFilter, n)
	for i := range prog {
		prog[i] = uapi.SockFilter{Code: codeLoad, K: m.offset()}
	}
	prog[0] = uapi.SockFilter{Code: codeJump, K: uint32(n - 2 - m.IntN(2))}
	prog[n-1] = uapi.SockFilter{Code: codeRetK, K: 1}
	return prog
}

// vm lets valid programs judge requests whose contexts they see whole: OPENAT2, whose payload is any six words.
func (m *maker) vm() {
	for range 4 {
		fd, name := m.ring(trace.InitTask, 64, uapi.IORING_SETUP_SUBMIT_ALL)
		op := pick(m, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_SOCKET, uapi.IORING_OP_NOP,
			uapi.IORING_OP_CONNECT, uapi.IORING_OP_OPENAT)
		for range 1 + m.IntN(2) {
			prog := m.validProgram()
			switch m.IntN(10) {
			case 0, 1, 2, 3:
				prog = m.bitProgram()
			case 4:
				prog = m.xProgram()
			}
			f := filter(op, prog)
			m.registerCall(trace.InitTask, fd, uapi.IORING_REGISTER_BPF_FILTER, pointer(trace.Object{BPFFilter: &f}), 1)
		}
		var sqes []trace.SQE
		for range 16 {
			sqes = append(sqes, m.cancelled(m.visible(op))...)
		}
		m.add(trace.InitTask, &trace.EnterArgs{FD: trace.Number(fd), Ring: name, SQEs: sqes})
	}
}

// visible is a request that a filter sees a lot of. Its user_data is as random as the rest, but for the low bits.
func (m *maker) visible(op uapi.Op) trace.SQE {
	flags := m.some(10, uapi.IOSQE_ASYNC)
	path := object("addr", trace.Object{Path: ptr("x")})
	var s trace.SQE
	switch op {
	case uapi.IORING_OP_OPENAT2:
		how := trace.OpenHow{Flags: openFlags(m.long()), Mode: trace.Number(m.long()), Resolve: resolveFlags(m.long())}
		s = m.sqe(op, flags, path, object("addr2", trace.Object{OpenHow: &how}), field("len", uapi.SizeofOpenHow))
	case uapi.IORING_OP_OPENAT:
		s = m.sqe(op, flags, path, field("open_flags", uint64(m.word())), field("len", uint64(m.word())))
	case uapi.IORING_OP_SOCKET:
		typ := m.some(30, uapi.SOCK_CLOEXEC, uapi.SOCK_NONBLOCK) | uint32(m.IntN(16))
		s = m.sqe(op, flags, field("fd", uint64(m.word())), field("off", uint64(typ)|m.long()<<32), field("len", uint64(m.word())))
	case uapi.IORING_OP_CONNECT:
		addr := m.sockaddr()
		s = m.sqe(op, flags, object("addr", trace.Object{Bytes: ptr(trace.Bytes(addr))}),
			field("addr2", uint64(pick(m, m.IntN(len(addr)+1), 1, 2, 3, 15, 16, 23, 24, 27, 28))|m.long()<<32))
	default:
		s = m.sqe(op, flags, field("nop_flags", uint64(m.some(20, 1, 2, 4, 8, 16))))
	}
	s.Fields[1] = field("user_data", m.long()<<16|m.data())
	return s
}

// sockaddr is the bytes of a socket address, 28 or more.
func (m *maker) sockaddr() []byte {
	b := make([]byte, 28+m.IntN(40))
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	b[0], b[1] = pick(m, byte(uapi.AF_INET), uapi.AF_INET6, uapi.AF_INET, uapi.AF_UNIX, 0), pick(m, byte(0), 0, 0, 1)
	return b
}
