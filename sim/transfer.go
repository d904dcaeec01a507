package sim

import (
	"github.com/uringsim/uringsim/mm"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/uapi"
)

// breaksChain tells whether the result makes the rest of a chain fail.
func (q *request) breaksChain() bool {
	if q.res < 0 {
		return !opdef.Defs[q.Opcode].KeepsChain
	}
	least, sure := q.least()
	if uint64(q.res) < least {
		return true
	}
	return !sure && q.next != nil && q.ring.known.cancelled(q.next.UserData)
}

// transfers tells of opcodes that move bytes which of them a chain counts on.
var transfers = [uapi.IORING_OP_LAST]*transfer{
	uapi.IORING_OP_READ: {selects: true}, uapi.IORING_OP_READV: {vectors: true, selects: true},
	uapi.IORING_OP_READ_FIXED: {}, uapi.IORING_OP_READV_FIXED: {vectors: true},
	uapi.IORING_OP_WRITE: {}, uapi.IORING_OP_WRITEV: {vectors: true},
	uapi.IORING_OP_WRITE_FIXED: {}, uapi.IORING_OP_WRITEV_FIXED: {vectors: true},
	uapi.IORING_OP_SPLICE: {}, uapi.IORING_OP_TEE: {},
	uapi.IORING_OP_SEND:    {waits: true, selects: true},
	uapi.IORING_OP_SENDMSG: {waits: true, selects: true, vectors: true},
	uapi.IORING_OP_SEND_ZC: {waits: true}, uapi.IORING_OP_SENDMSG_ZC: {waits: true, vectors: true},
	uapi.IORING_OP_RECV:    {waits: true, selects: true, cuts: true},
	uapi.IORING_OP_RECVMSG: {waits: true, selects: true, cuts: true, vectors: true},
}

// msgWaitall is MSG_WAITALL, a flag of send and recv.
const msgWaitall = 0x100

// transfer is what an opcode that moves bytes has to do for its chain to go on: move all of them.
type transfer struct {
	vectors bool // they are those of iovecs
	waits   bool // with MSG_WAITALL only
	selects bool // IOSQE_BUFFER_SELECT has a buffer chosen, whose size may count
	cuts    bool // a message must not have been cut off either
}

// least is how many bytes a request has to move for its chain to go on. If that is not all that counts, sure is false:
// the size of a selected buffer does, and whether a message was cut off. What became of the chain tells that.
//
// Linux: io_uring/rw.c:__io_complete_rw_common, io_complete_rw_iopoll, io_uring/splice.c:io_splice,
// io_uring/net.c:io_send, io_sendmsg, io_send_zc, io_recv, io_recvmsg
func (q *request) least() (n uint64, sure bool) {
	t := transfers[q.Opcode]
	if t == nil {
		return 0, true
	}
	waits := q.SQE.OpFlags()&msgWaitall != 0 || q.Opcode == uapi.IORING_OP_SEND && q.SQE.IOPrio()&uapi.IORING_RECVSEND_BUNDLE != 0
	switch {
	case t.waits && !waits:
		return 0, true
	case !t.waits && q.ring.has(uapi.IORING_SETUP_IOPOLL): // SPLICE and TEE are refused there
		return 0, true
	case t.selects && q.Flags&uapi.IOSQE_BUFFER_SELECT != 0:
		return 1, false
	case t.vectors || t.waits && q.SQE.IOPrio()&uapi.IORING_SEND_VECTORIZED != 0 && !t.cuts:
		return q.Total, !t.cuts
	}
	return min(uint64(q.SQE.Len()), mm.MaxRWCount), !t.cuts
}
