// Package opdef models io_uring/opdef.c and the prep functions: one row per request opcode with its attributes, its
// checks in the kernel's order, and the payload that a filter sees.
//
// A prep function stands in the Go file that is named after the kernel's file.
package opdef

import "github.com/uringsim/uringsim/uapi"

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
