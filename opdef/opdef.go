// Package opdef models io_uring/opdef.c and the prep functions: one row per request opcode with its attributes, its
// checks in the kernel's order, and the payload that a filter sees.
//
// A prep function stands in the Go file that is named after the kernel's file.
package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// Def is the row of an opcode.
//
// Linux: io_uring/opdef.h:struct io_issue_def
type Def struct {
	Prep *Function

	IOPrio       bool // takes ioprio
	BufferSelect bool // takes IOSQE_BUFFER_SELECT
	IOPoll       bool // runs on rings with IORING_SETUP_IOPOLL
	NeedsFile    bool // fd or fixed slot is looked up when the request runs
	Is128        bool // needs an SQE of 128 bytes
	KeepsChain   bool // an error of the operation does not break its chain (the handler never calls req_set_fail)

	payload *payload
}

// payload is the opcode's part of the filter context.
type payload struct {
	size     uint8
	missing  kernel.Quirk // kernels with this quirk have no payload here
	populate func(kernel.Release, *Request, *[uapi.SizeofBPFOpen]byte)
}

// Defs are the rows, indexed by opcode.
//
// Linux: io_uring/opdef.c:io_issue_defs
var Defs = [uapi.IORING_OP_LAST]Def{
	uapi.IORING_OP_NOP:              {Prep: nopPrep, IOPoll: true},
	uapi.IORING_OP_READV:            {Prep: readvWritevPrep, NeedsFile: true, IOPrio: true, IOPoll: true, BufferSelect: true},
	uapi.IORING_OP_WRITEV:           {Prep: readvWritevPrep, NeedsFile: true, IOPrio: true, IOPoll: true},
	uapi.IORING_OP_FSYNC:            {Prep: fsyncPrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_READ_FIXED:       {Prep: rwFixedPrep, NeedsFile: true, IOPrio: true, IOPoll: true},
	uapi.IORING_OP_WRITE_FIXED:      {Prep: rwFixedPrep, NeedsFile: true, IOPrio: true, IOPoll: true},
	uapi.IORING_OP_POLL_ADD:         {Prep: pollAddPrep, NeedsFile: true},
	uapi.IORING_OP_POLL_REMOVE:      {Prep: pollRemovePrep},
	uapi.IORING_OP_SYNC_FILE_RANGE:  {Prep: syncFileRangePrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_SENDMSG:          {Prep: sendmsgPrep, NeedsFile: true, IOPrio: true},
	uapi.IORING_OP_RECVMSG:          {Prep: recvmsgPrep, NeedsFile: true, IOPrio: true, BufferSelect: true},
	uapi.IORING_OP_TIMEOUT:          {Prep: timeoutPrep},
	uapi.IORING_OP_TIMEOUT_REMOVE:   {Prep: timeoutRemovePrep},
	uapi.IORING_OP_ACCEPT:           {Prep: acceptPrep, NeedsFile: true, IOPrio: true},
	uapi.IORING_OP_ASYNC_CANCEL:     {Prep: asyncCancelPrep},
	uapi.IORING_OP_LINK_TIMEOUT:     {Prep: linkTimeoutPrep},
	uapi.IORING_OP_CONNECT:          {Prep: connectPrep, NeedsFile: true, payload: &connectPayload},
	uapi.IORING_OP_FALLOCATE:        {Prep: fallocatePrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_OPENAT:           {Prep: openatPrep, payload: &openPayload},
	uapi.IORING_OP_CLOSE:            {Prep: closePrep},
	uapi.IORING_OP_FILES_UPDATE:     {Prep: filesUpdatePrep, IOPoll: true},
	uapi.IORING_OP_STATX:            {Prep: statxPrep, KeepsChain: true},
	uapi.IORING_OP_READ:             {Prep: readWritePrep, NeedsFile: true, IOPrio: true, IOPoll: true, BufferSelect: true},
	uapi.IORING_OP_WRITE:            {Prep: readWritePrep, NeedsFile: true, IOPrio: true, IOPoll: true},
	uapi.IORING_OP_FADVISE:          {Prep: fadvisePrep, NeedsFile: true},
	uapi.IORING_OP_MADVISE:          {Prep: madvisePrep, KeepsChain: true},
	uapi.IORING_OP_SEND:             {Prep: sendPrep, NeedsFile: true, IOPrio: true, BufferSelect: true},
	uapi.IORING_OP_RECV:             {Prep: recvPrep, NeedsFile: true, IOPrio: true, BufferSelect: true},
	uapi.IORING_OP_OPENAT2:          {Prep: openat2Prep, payload: &openPayload},
	uapi.IORING_OP_EPOLL_CTL:        {Prep: epollCtlPrep},
	uapi.IORING_OP_SPLICE:           {Prep: splicePrep, NeedsFile: true},
	uapi.IORING_OP_PROVIDE_BUFFERS:  {Prep: provideBuffersPrep, IOPoll: true},
	uapi.IORING_OP_REMOVE_BUFFERS:   {Prep: removeBuffersPrep, IOPoll: true},
	uapi.IORING_OP_TEE:              {Prep: teePrep, NeedsFile: true},
	uapi.IORING_OP_SHUTDOWN:         {Prep: shutdownPrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_RENAMEAT:         {Prep: renameatPrep, KeepsChain: true},
	uapi.IORING_OP_UNLINKAT:         {Prep: unlinkatPrep, KeepsChain: true},
	uapi.IORING_OP_MKDIRAT:          {Prep: mkdiratPrep, KeepsChain: true},
	uapi.IORING_OP_SYMLINKAT:        {Prep: symlinkatPrep, KeepsChain: true},
	uapi.IORING_OP_LINKAT:           {Prep: linkatPrep, KeepsChain: true},
	uapi.IORING_OP_MSG_RING:         {Prep: msgRingPrep, NeedsFile: true, IOPoll: true},
	uapi.IORING_OP_FSETXATTR:        {Prep: fsetxattrPrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_SETXATTR:         {Prep: setxattrPrep, KeepsChain: true},
	uapi.IORING_OP_FGETXATTR:        {Prep: fgetxattrPrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_GETXATTR:         {Prep: getxattrPrep, KeepsChain: true},
	uapi.IORING_OP_SOCKET:           {Prep: socketPrep, payload: &socketPayload},
	uapi.IORING_OP_URING_CMD:        {Prep: uringCmdPrep, NeedsFile: true, IOPoll: true, BufferSelect: true},
	uapi.IORING_OP_SEND_ZC:          {Prep: sendZCPrep, NeedsFile: true, IOPrio: true},
	uapi.IORING_OP_SENDMSG_ZC:       {Prep: sendmsgZCPrep, NeedsFile: true, IOPrio: true},
	uapi.IORING_OP_READ_MULTISHOT:   {Prep: readMultishotPrep, NeedsFile: true, BufferSelect: true},
	uapi.IORING_OP_WAITID:           {Prep: waitidPrep},
	uapi.IORING_OP_FUTEX_WAIT:       {Prep: futexPrep},
	uapi.IORING_OP_FUTEX_WAKE:       {Prep: futexPrep},
	uapi.IORING_OP_FUTEX_WAITV:      {Prep: futexWaitvPrep},
	uapi.IORING_OP_FIXED_FD_INSTALL: {Prep: fixedFDInstallPrep, NeedsFile: true},
	uapi.IORING_OP_FTRUNCATE:        {Prep: ftruncatePrep, NeedsFile: true, KeepsChain: true},
	uapi.IORING_OP_BIND:             {Prep: bindPrep, NeedsFile: true},
	uapi.IORING_OP_LISTEN:           {Prep: listenPrep, NeedsFile: true},
	uapi.IORING_OP_RECV_ZC:          {Prep: recvZCPrep, NeedsFile: true, IOPrio: true},
	uapi.IORING_OP_EPOLL_WAIT:       {Prep: epollWaitPrep, NeedsFile: true},
	uapi.IORING_OP_READV_FIXED:      {Prep: rwvFixedPrep, NeedsFile: true, IOPrio: true, IOPoll: true},
	uapi.IORING_OP_WRITEV_FIXED:     {Prep: rwvFixedPrep, NeedsFile: true, IOPrio: true, IOPoll: true},
	uapi.IORING_OP_PIPE:             {Prep: pipePrep},
	uapi.IORING_OP_NOP128:           {Prep: nopPrep, IOPoll: true, Is128: true},
	uapi.IORING_OP_URING_CMD128:     {Prep: uringCmdPrep, NeedsFile: true, IOPoll: true, BufferSelect: true, Is128: true},
}

// PDUSize is the size in bytes of the opcode's payload in the filter context; 0 for opcodes without one.
//
// Linux: io_uring/opdef.c:io_issue_defs, filter_pdu_size
func PDUSize(k kernel.Release, op uapi.Op) uint8 {
	p := Defs[op].payload
	if p == nil || k.Has(kernel.NoFilterPayload) || k.Has(p.missing) {
		return 0
	}
	return p.size
}

// Populate fills the filter context with what a prepared request shows to filters; ctx has 40 bytes, of which kernels
// without payloads use the first 16.
//
// Linux: io_uring/bpf_filter.c:io_uring_populate_bpf_ctx
func Populate(k kernel.Release, r *Request, ctx *[uapi.SizeofBPFCtx]byte) {
	clear(ctx[:])
	binary.LittleEndian.PutUint64(ctx[uapi.BPFCtxUserData:], r.UserData)
	ctx[uapi.BPFCtxOpcode] = byte(r.Opcode)
	ctx[uapi.BPFCtxSQEFlags] = r.Flags & 0x7f
	if size := PDUSize(k, r.Opcode); size != 0 {
		ctx[uapi.BPFCtxPDUSize] = size
		Defs[r.Opcode].payload.populate(k, r, (*[uapi.SizeofBPFOpen]byte)(ctx[uapi.BPFCtxPDU:]))
	}
}

// socketPayload is family, type and protocol, u32 each.
//
// Linux: io_uring/net.c:io_socket_bpf_populate
var socketPayload = payload{size: uapi.SizeofBPFSocket, missing: kernel.NoFilterPayload,
	populate: func(k kernel.Release, r *Request, pdu *[uapi.SizeofBPFOpen]byte) {
		typ := socketType(r)
		if !k.Has(kernel.SocketTypeUnmasked) {
			typ &= uapi.SOCK_TYPE_MASK
		}
		binary.LittleEndian.PutUint32(pdu[0:], uint32(r.SQE.FD()))
		binary.LittleEndian.PutUint32(pdu[4:], typ)
		binary.LittleEndian.PutUint32(pdu[8:], r.SQE.Len())
	}}

// openPayload is flags, mode and resolve, u64 each.
//
// Linux: io_uring/openclose.c:io_openat_bpf_populate
var openPayload = payload{size: uapi.SizeofBPFOpen, missing: kernel.NoFilterPayload,
	populate: func(_ kernel.Release, r *Request, pdu *[uapi.SizeofBPFOpen]byte) {
		r.How.Append(pdu[:0])
	}}

// connectPayload is family u32, port be16, two bytes of padding, and the address in network order.
//
// Linux: io_uring/net.c:io_connect_bpf_populate
var connectPayload = payload{size: uapi.SizeofBPFConnect, missing: kernel.NoConnectPayload,
	populate: func(_ kernel.Release, r *Request, pdu *[uapi.SizeofBPFOpen]byte) {
		if r.AddrLen < 2 {
			return
		}
		family := binary.LittleEndian.Uint16(r.Addr[:])
		binary.LittleEndian.PutUint32(pdu[0:], uint32(family))
		switch {
		case family == uapi.AF_INET && r.AddrLen >= uapi.SizeofSockaddrIn:
			copy(pdu[4:6], r.Addr[2:4])
			copy(pdu[8:12], r.Addr[4:8])
		case family == uapi.AF_INET6 && r.AddrLen >= uapi.SIN6_LEN_RFC2133:
			copy(pdu[4:6], r.Addr[2:4])
			copy(pdu[8:24], r.Addr[8:24])
		}
	}}
