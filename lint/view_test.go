package lint

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// TestViewHasRequests: whatever a request shows to filters stays as it is, so that a view leaves none of them out.
func TestViewHasRequests(t *testing.T) {
	const addr = 0x10000
	rng := rand.New(rand.NewPCG(1, 2))
	shown := map[uapi.Op]int{}
	for range 20000 {
		var mem mm.Space
		mem.Map(addr, 4096, mm.ReadWrite)
		op := []uapi.Op{uapi.IORING_OP_SOCKET, uapi.IORING_OP_OPENAT, uapi.IORING_OP_OPENAT2, uapi.IORING_OP_CONNECT,
			uapi.IORING_OP_NOP}[rng.IntN(5)]
		for _, k := range []kernel.Release{kernel.V7_0, kernel.V7_1, kernel.V7_2, kernel.V7_3} {
			req := &opdef.Request{Opcode: op, SQE: request(rng, op, addr, &mem), UserData: rng.Uint64()}
			req.Flags = req.SQE.Flags()
			if opdef.Defs[op].Prep.Run(&opdef.Prep{Kernel: k, Mem: &mem, Req: req}) != nil {
				continue
			}
			shown[op]++
			var ctx cbpfvm.Context
			opdef.Populate(k, req, (*[uapi.SizeofBPFCtx]byte)(&ctx))
			settled, v := ctx, newView(k, op)
			if v.settle(&settled); settled != ctx {
				t.Fatalf("%s: %s shows % x, the view makes it % x", k.Name, op, ctx, settled)
			}
		}
	}
	for op, n := range shown {
		if n < 1000 {
			t.Errorf("only %d requests of %s got through prep", n, op)
		}
	}
}

// request is one with arguments at random, of which a good part gets through prep.
func request(rng *rand.Rand, op uapi.Op, addr uint64, mem *mm.Space) (sqe uapi.SQE) {
	some := func() uint64 { return rng.Uint64() & rng.Uint64() & rng.Uint64() }
	sqe.SetOpcode(op)
	switch op {
	case uapi.IORING_OP_SOCKET:
		sqe.SetFD(int32(some()))
		sqe.SetOff(some() & 0x8080f)
		sqe.SetLen(uint32(some()))
	case uapi.IORING_OP_OPENAT:
		mem.CopyOut(addr, []byte("/x\x00"))
		sqe.SetAddr(addr)
		sqe.SetLen(uint32(some()))
		flags, _ := uapi.SQEFieldByName("open_flags")
		flags.Put(&sqe, some()&0xffffffff)
	case uapi.IORING_OP_OPENAT2:
		mem.CopyOut(addr, []byte("/x\x00"))
		how := binary.LittleEndian.AppendUint64(nil, some())
		how = binary.LittleEndian.AppendUint64(how, some())
		mem.CopyOut(addr+64, binary.LittleEndian.AppendUint64(how, some()))
		sqe.SetAddr(addr)
		sqe.SetOff(addr + 64)
		sqe.SetLen(uapi.SizeofOpenHow)
	case uapi.IORING_OP_CONNECT:
		family := []uint16{uapi.AF_INET, uapi.AF_INET6, uint16(some())}[rng.IntN(3)]
		sockaddr := binary.LittleEndian.AppendUint16(nil, family)
		for range 26 {
			sockaddr = append(sockaddr, byte(some()))
		}
		mem.CopyOut(addr, sockaddr)
		sqe.SetAddr(addr)
		sqe.SetOff(uint64(rng.IntN(29)))
	}
	return sqe
}
