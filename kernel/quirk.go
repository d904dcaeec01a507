package kernel

// Quirk is one behaviour in which releases differ. Code asks a Release for it by name and never compares versions.
type Quirk uint8

// The quirks, in the order of the table.
const (
	NoBPFFilter Quirk = iota
	NoTaskRestrictions
	NoPDUSize
	NoFilterPayload
	SingleRestrictionSwitch
	FailedRestrictionsDropFilters
	RestrictionsLostOnExec
	DisabledRingIgnoresInherited
	BlindOpsUnrestricted
	SharedFiltersAppendInPlace
	SocketTypeUnmasked
	NoConnectPayload
	NopFixedFileHidden
	NopErrorsHidden
	OpenFlagsWithoutEmptyPath
	NoSQRewind
	TimeoutIgnoresPad
	NoTimeoutImmediateArg
	CancelOpUnchecked
	NoSendRecvFixedBuf
	NegativeSelectedIovec
	RecvPollFirstBeforeSocketCheck
	UnlinkIgnoresPad
	NoZCNotifUserData
	NoZCVectorizedFixedBuf
	MsgRingPassesCQE32
	SQPollCapSplits128
	DrainEndsAtSubmit
	NoQueryZCRXEvent
	TaskWorkInBatches
	CQECacheOutlivesOverflow
	BigCQEPadsAnyRing
	AuxCQEKeepsBig
	WaitSpinsOnOverflow
	CancelledTimeoutsCount
	TimeoutUpdateUnlimits
	TimeoutSequenceFallsBack
	BufferLimit1G
	BufferGroup65535
	NoPBufMinLeft
	NAPITimeUncapped
	ResizeIgnoresSQArray
	ResizeTearsBigEntries
	ResizeStopsAtWrap
	ResizeMixesUpSQE128
	QueryAnySize
	NoZCRXNoDev
	NoZCRXPageSize
	NoZCRXEvents
	NoZCRXAddArea
	SmallZCRXHeader
	ZCRXFlagsAfterRegion
	ZCRXTokenAfterDevice
	numQuirks
)

// Row is what is known about a quirk.
type Row struct {
	Quirk Quirk
	Name  string   // stable, for the command line and traces
	Where string   // the kernel function, as file:function
	What  string   // what a kernel with the quirk does
	Else  string   // what a kernel without it does
	Why   string   // why somebody who writes filters cares
	On    []string // the releases that have it
	Trace string   // the trace in testdata/kernel that shows it, if it is not quirk-NAME
	Never string   // why no trace does
	Under []Quirk  // the quirks under which nobody can see whether a kernel has it
}

// Does says what the release does where the quirk makes the difference.
func (r Release) Does(q Quirk) string {
	row := Quirks[q]
	for _, under := range row.Under {
		if r.Has(under) {
			return "nothing of the kind (" + under.String() + ")"
		}
	}
	if r.Has(q) {
		return row.What
	}
	return row.Else
}

// TraceFile is the trace that tells kernels with the quirk from those without, "" if none does.
func (r Row) TraceFile() string {
	switch {
	case r.Never != "":
		return ""
	case r.Trace != "":
		return "testdata/kernel/" + r.Trace + ".json"
	}
	return "testdata/kernel/quirk-" + r.Name + ".json"
}

// Names of the releases, for the On columns.
const (
	seed = "d42eb05e60"
	v619 = "6.19"
	v70  = "7.0"
	v71  = "7.1"
	v72  = "7.2"
	v73  = "7.3"
)

// Quirks is the table: one row per behaviour that differs between releases, indexed by Quirk.
// docs/kernels.md tells where each was measured.
var Quirks = [numQuirks]Row{
	NoBPFFilter: {Name: "no-bpf-filter", On: []string{v619},
		Where: "io_uring/register.c:io_uring_register",
		What:  "IORING_REGISTER_BPF_FILTER does not exist: the last register opcode is 36",
		Else:  "IORING_REGISTER_BPF_FILTER registers filters",
		Why:   "registration gives EINVAL and nothing is filtered"},
	NoTaskRestrictions: {Name: "no-task-restrictions", On: []string{v619, seed},
		Where: "io_uring/register.c:io_uring_register_blind",
		What:  "fd -1 takes neither restrictions nor filters",
		Else:  "a task restricts and filters itself and its children with fd -1",
		Why:   "a task cannot be restricted, only a ring"},
	NoPDUSize: {Name: "no-pdu-size", On: []string{seed},
		Where: "io_uring/bpf_filter.c:io_register_bpf_filter",
		What:  "the registration has a reserved word in place of pdu_size, no SZ_STRICT, and nothing is written back",
		Else:  "a registration states pdu_size, may insist on it with SZ_STRICT, and gets the kernel's size written back",
		Why:   "the first patch's ABI: pdu_size must be 0",
		Trace: "filter-payload-size",
		Under: []Quirk{NoBPFFilter}},
	NoFilterPayload: {Name: "no-filter-payload", On: []string{seed},
		Where: "io_uring/bpf_filter.c:io_uring_populate_bpf_ctx",
		What:  "the filter context is 16 bytes, without a payload for any opcode",
		Else:  "a filter sees arguments of SOCKET, OPENAT and OPENAT2",
		Why:   "filters can only look at opcode, flags and user_data",
		Trace: "filter-context-socket",
		Under: []Quirk{NoBPFFilter}},
	SingleRestrictionSwitch: {Name: "single-restriction-switch", On: []string{v619},
		Where: "io_uring/register.c:io_register_restrictions",
		What:  "one switch restricts requests and register calls: a list of one kind also closes the other",
		Else:  "a list of restrictions leaves the kind alone, requests or register calls, that it has no entry for",
		Why:   "a list with only SQE_OP entries leaves all register calls open on 7.0 and later"},
	FailedRestrictionsDropFilters: {Name: "failed-restrictions-drop-filters", On: []string{seed},
		Where: "io_uring/register.c:io_register_restrictions",
		What:  "a failing RESTRICTIONS call makes the ring forget its filters",
		Else:  "a RESTRICTIONS call that fails leaves filters alone",
		Why:   "a ring that starts disabled sheds its filters; fixed before 7.0",
		Trace: "ring-list-failed-keeps-filters",
		Under: []Quirk{NoBPFFilter}},
	RestrictionsLostOnExec: {Name: "restrictions-lost-on-exec", On: []string{v70},
		Where: "io_uring/tctx.c:__io_uring_free",
		What:  "execve frees a task's restrictions and filters if the task has used io_uring (CVE-2026-80713)",
		Else:  "restrictions and filters of a task stay over execve",
		Why:   "a sandboxed program leaves its sandbox by executing itself; fixed in 7.1.8 by bc0e8faf90e7",
		Under: []Quirk{NoTaskRestrictions}},
	DisabledRingIgnoresInherited: {Name: "disabled-ring-ignores-inherited", On: []string{seed, v70, v71},
		Where: "io_uring/register.c:__io_uring_register",
		What:  "register restrictions inherited from the task do not bind a ring until it is enabled",
		Else:  "register restrictions inherited from the task bind a ring at once, also while it is disabled",
		Why:   "a restricted task registers files, buffers or personalities on a ring that it creates disabled",
		Under: []Quirk{NoTaskRestrictions}},
	BlindOpsUnrestricted: {Name: "blind-ops-unrestricted", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/register.c:io_uring_register_blind",
		What:  "register restrictions do not apply to calls without a ring (fd -1)",
		Else:  "register restrictions of the task also bind calls without a ring (fd -1)",
		Why:   "SEND_MSG_RING is open whatever the policy; from 7.3 on a list without BPF_FILTER also forbids further task filters",
		Under: []Quirk{NoTaskRestrictions}},
	SharedFiltersAppendInPlace: {Name: "shared-filters-append-in-place", On: []string{v70, v71, v72},
		Where: "io_uring/bpf_filter.c:io_bpf_filter_clone",
		What:  "cloning marks only the copy as copy-on-write: the source's later filters show up in children and rings that share its set",
		Else:  "a set of filters that is shared is copied before it grows, by whomever",
		Why:   "up to 7.2 tightening reaches running children; from 7.3 on it does not, so install everything first",
		Under: []Quirk{NoBPFFilter, NoTaskRestrictions}},
	SocketTypeUnmasked: {Name: "socket-type-unmasked", On: []string{v70, v71, v72},
		Where: "io_uring/net.c:io_socket_bpf_populate",
		What:  "socket.type in the filter context includes SOCK_CLOEXEC and SOCK_NONBLOCK",
		Else:  "socket.type in the filter context is the type alone",
		Why:   "comparing type with 1 misses sockets with flags; mask it with 0xf",
		Under: []Quirk{NoBPFFilter, NoFilterPayload}},
	NoConnectPayload: {Name: "no-connect-payload", On: []string{seed, v70, v71},
		Where: "io_uring/opdef.c:io_issue_defs[IORING_OP_CONNECT]",
		What:  "CONNECT has no payload: a filter loads zeros",
		Else:  "a filter sees family, port and address of CONNECT",
		Why:   "a filter that denies addresses allows everything; ask with pdu_size 24, older kernels answer EMSGSIZE",
		Under: []Quirk{NoBPFFilter, NoFilterPayload}},
	NopFixedFileHidden: {Name: "nop-fixed-file-hidden", On: []string{v619, seed, v70},
		Where: "io_uring/nop.c:io_nop_prep",
		What:  "IORING_NOP_FIXED_FILE does not show as FIXED_FILE in the flags that a filter sees",
		Else:  "a filter sees FIXED_FILE for a NOP with IORING_NOP_FIXED_FILE",
		Why:   "filters on sqe_flags differ",
		Under: []Quirk{NoBPFFilter}},
	NopErrorsHidden: {Name: "nop-errors-hidden", On: []string{v619},
		Where: "io_uring/nop.c:io_nop",
		What:  "a NOP whose file or buffer is missing still reports its normal result, though its chain fails",
		Else:  "a NOP whose file or buffer is missing reports the error",
		Why:   "a NOP cannot be used to test a slot"},
	OpenFlagsWithoutEmptyPath: {Name: "open-flags-without-emptypath", On: []string{v619, seed, v70, v71},
		Where: "fs/open.c:build_open_how",
		What:  "O_EMPTYPATH is masked off the flags of OPENAT",
		Else:  "O_EMPTYPATH shows in the flags of OPENAT",
		Why:   "exact matches on open flags see one more bit from 7.2 on",
		Under: []Quirk{NoBPFFilter, NoFilterPayload}},
	NoSQRewind: {Name: "no-sq-rewind", On: []string{v619},
		Where: "io_uring/io_uring.c:io_uring_sanitise_params",
		What:  "IORING_SETUP_SQ_REWIND does not exist",
		Else:  "IORING_SETUP_SQ_REWIND makes each enter start at the first entry",
		Why:   "setup gives EINVAL"},
	TimeoutIgnoresPad: {Name: "timeout-ignores-pad", On: []string{v619},
		Where: "io_uring/timeout.c:__io_timeout_prep",
		What:  "TIMEOUT, LINK_TIMEOUT and TIMEOUT_REMOVE do not look at addr3 and __pad2",
		Else:  "TIMEOUT, LINK_TIMEOUT and TIMEOUT_REMOVE want addr3 and __pad2 to be 0",
		Why:   "a program that does not clear these fields gets EINVAL on later kernels"},
	NoTimeoutImmediateArg: {Name: "no-timeout-immediate-arg", On: []string{v619, seed, v70},
		Where: "io_uring/timeout.c:__io_timeout_prep",
		What:  "IORING_TIMEOUT_IMMEDIATE_ARG does not exist",
		Else:  "with IORING_TIMEOUT_IMMEDIATE_ARG the time stands in the SQE",
		Why:   "the flag gives EINVAL"},
	CancelOpUnchecked: {Name: "cancel-op-unchecked", On: []string{v619, seed, v70},
		Where: "io_uring/cancel.c:io_async_cancel_prep",
		What:  "ASYNC_CANCEL by opcode accepts any number",
		Else:  "ASYNC_CANCEL by opcode wants an opcode that exists",
		Why:   "such a request looks for nothing, where later kernels call it a mistake"},
	NoSendRecvFixedBuf: {Name: "no-send-recv-fixed-buf", On: []string{v619, seed, v70, v71},
		Where: "io_uring/net.c:io_sendmsg_prep",
		What:  "SEND and RECV refuse IORING_RECVSEND_FIXED_BUF",
		Else:  "SEND and RECV take IORING_RECVSEND_FIXED_BUF",
		Why:   "one more way to move data from 7.2 on"},
	NegativeSelectedIovec: {Name: "negative-selected-iovec", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/rw.c:io_iov_buffer_select_prep",
		What:  "READV and RECVMSG with a selected buffer accept a negative iov_len",
		Else:  "READV and RECVMSG with a selected buffer refuse a negative iov_len",
		Why:   "a program that means no limit by it gets EINVAL on later kernels"},
	RecvPollFirstBeforeSocketCheck: {Name: "recv-poll-first-before-socket-check", On: []string{v619, seed, v70, v71},
		Where: "io_uring/net.c:io_recv",
		What:  "RECV with POLL_FIRST on a file that is no socket waits for it (EAGAIN) before it looks",
		Else:  "RECV with POLL_FIRST on a file that is no socket is ENOTSOCK",
		Why:   "the error is EAGAIN in place of ENOTSOCK"},
	UnlinkIgnoresPad: {Name: "unlink-ignores-pad", On: []string{v619, seed, v70, v71},
		Where: "io_uring/fs.c:io_unlinkat_prep",
		What:  "UNLINKAT does not look at addr3 and __pad2",
		Else:  "UNLINKAT wants addr3 and __pad2 to be 0",
		Why:   "a program that does not clear these fields gets EINVAL on later kernels"},
	NoZCNotifUserData: {Name: "no-zc-notif-user-data", On: []string{v619, seed, v70},
		Where: "io_uring/net.c:io_send_zc_prep",
		What:  "SEND_ZC and SENDMSG_ZC want addr3 to be 0",
		Else:  "addr3 of SEND_ZC and SENDMSG_ZC is the user_data of the notification, unless it is 0",
		Why:   "the user_data that a filter sees is not the notification's"},
	NoZCVectorizedFixedBuf: {Name: "no-zc-vectorized-fixed-buf", On: []string{v619, seed, v70},
		Where: "io_uring/net.c:io_send_zc_prep",
		What:  "SEND_ZC refuses VECTORIZED together with FIXED_BUF",
		Else:  "SEND_ZC takes VECTORIZED together with FIXED_BUF",
		Why:   "a program that needs it gets EINVAL, and has to do with one of the two"},
	MsgRingPassesCQE32: {Name: "msg-ring-passes-cqe32", On: []string{v619, seed, v70, v71},
		Where: "io_uring/msg_ring.c:__io_msg_ring_data",
		What:  "MSG_RING passes IORING_CQE_F_32 to a ring whose CQEs have 16 bytes",
		Else:  "MSG_RING with IORING_CQE_F_32 to a ring whose CQEs have 16 bytes is EINVAL",
		Why:   "such a kernel writes behind the CQE"},
	SQPollCapSplits128: {Name: "sqpoll-cap-splits-128", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/io_uring.c:io_init_req",
		What:  "a 128-byte request that the SQPOLL thread's batch limit cuts in two is EINVAL",
		Else:  "a 128-byte request takes its second entry although the SQPOLL thread's batch limit lies between the two",
		Why:   "the request fails or not by what else the thread has to do"},
	DrainEndsAtSubmit: {Name: "drain-ends-at-submit", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/io_uring.c:io_drain_req",
		What:  "a ring stops draining only when a later request finds the list of deferred ones empty",
		Else:  "a ring stops draining with the last deferred request",
		Why:   "requests after a finished drain still show ASYNC to filters",
		Under: []Quirk{NoBPFFilter}},
	NoQueryZCRXEvent: {Name: "no-query-zcrx-event", On: []string{v619, seed, v70, v71},
		Where: "io_uring/query.c:io_handle_query_entry",
		What:  "QUERY knows three kinds of questions; ZCRX_EVENT is EOPNOTSUPP",
		Else:  "QUERY also answers ZCRX_EVENT",
		Why:   "feature tests differ"},
	BufferLimit1G: {Name: "buffer-limit-1g", On: []string{v619, seed, v70, v71},
		Where: "io_uring/rsrc.c:io_buffer_validate",
		What:  "a registered buffer has at most 1 GiB, and more is EFAULT",
		Else:  "a registered buffer has at most 1 TiB, and more is EINVAL",
		Why:   "errors of BUFFERS differ",
		Trace: "register-buffers-too-long"},
	BufferGroup65535: {Name: "buffer-group-65535", On: []string{v619, seed, v70, v71},
		Where: "io_uring/kbuf.c:io_add_buffers",
		What:  "a group of provided buffers has at most 65535",
		Else:  "a group of provided buffers has at most 65536",
		Why:   "a program that fills a group to the brim gets EOVERFLOW"},
	NoPBufMinLeft: {Name: "no-pbuf-min-left", On: []string{v619, seed},
		Where: "io_uring/kbuf.c:io_register_pbuf_ring",
		What:  "PBUF_RING has no min_left: the word is reserved",
		Else:  "PBUF_RING takes min_left together with IOU_PBUF_RING_INC",
		Why:   "a ring with min_left is EINVAL, and UNREGISTER_PBUF_RING looks at the word"},
	NAPITimeUncapped: {Name: "napi-time-uncapped", On: []string{v619, seed},
		Where: "io_uring/napi.c:io_napi_register_napi",
		What:  "NAPI takes any busy_poll_to",
		Else:  "of busy_poll_to in NAPI at most 10000 microseconds count",
		Why:   "the settings that the next call writes back differ"},
	ResizeIgnoresSQArray: {Name: "resize-ignores-sq-array", On: []string{v619, seed, v70, v71},
		Where: "io_uring/register.c:io_register_resize_rings",
		What:  "RESIZE_RINGS copies SQEs to the same places, and forgets the SQ array: all entries name SQE 0",
		Else:  "RESIZE_RINGS copies the SQEs that the SQ array names, and makes a new array for them",
		Why:   "requests that were not submitted before a resize are lost, and others are submitted in their place"},
	ResizeTearsBigEntries: {Name: "resize-tears-big-entries", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/register.c:io_register_resize_rings",
		What:  "RESIZE_RINGS puts the halves of SQEs and CQEs of two entries to both ends of the new ring",
		Else:  "RESIZE_RINGS gives EOVERFLOW where an SQE or CQE of two entries would come to the last one",
		Why:   "requests fail, and programs read behind the ring"},
	ResizeStopsAtWrap: {Name: "resize-stops-at-wrap", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/register.c:io_register_resize_rings",
		What:  "RESIZE_RINGS copies nothing while the counters of head and tail have a wrap to 0 between them",
		Else:  "RESIZE_RINGS copies what is in the rings, whatever their counters are",
		Why:   "once in four thousand million entries, what was in a ring is lost in a resize"},
	ResizeMixesUpSQE128: {Name: "resize-mixes-up-sqe128", On: []string{v619, seed},
		Where: "io_uring/register.c:io_register_resize_rings",
		What:  "RESIZE_RINGS copies SQEs of an SQE128 ring as if they had 64 bytes: halves of others",
		Else:  "RESIZE_RINGS copies SQEs of 128 bytes whole, to their places",
		Why:   "requests that were not submitted before a resize are lost, and others are submitted in their place"},
	QueryAnySize: {Name: "query-any-size", On: []string{v619, seed, v70, v71},
		Where: "io_uring/query.c:io_handle_query_entry",
		What:  "QUERY clears as many bytes behind its answer as size says",
		Else:  "QUERY with a size of more than a page is E2BIG before anything else of the entry is looked at",
		Why:   "a program that passes a large buffer gets an error"},
	NoZCRXNoDev: {Name: "no-zcrx-nodev", On: []string{v619, seed, v70},
		Where: "io_uring/zcrx.c:io_register_zcrx",
		What:  "zero-copy receive needs a network device: ZCRX_REG_NODEV is unknown",
		Else:  "ZCRX_IFQ makes queues without a network device, too (ZCRX_REG_NODEV)",
		Why:   "the flag is EINVAL"},
	NoZCRXPageSize: {Name: "no-zcrx-page-size", On: []string{v619, seed},
		Where: "io_uring/zcrx.c:io_register_zcrx",
		What:  "ZCRX_IFQ has no rx_buf_len",
		Else:  "ZCRX_IFQ takes the size of buffers in rx_buf_len",
		Why:   "the word is reserved, so that a size is EINVAL"},
	NoZCRXEvents: {Name: "no-zcrx-events", On: []string{v619, seed, v70, v71},
		Where: "io_uring/zcrx.c:io_register_zcrx",
		What:  "zero-copy receive tells of no events: event_desc of ZCRX_IFQ is reserved",
		Else:  "ZCRX_IFQ takes a description of events, and ZCRX_CTRL arms them",
		Why:   "a description of events is EINVAL"},
	NoZCRXAddArea: {Name: "no-zcrx-add-area", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/zcrx.c:io_zcrx_ctrl",
		What:  "a zero-copy receive queue has one area",
		Else:  "ZCRX_CTRL adds areas to a zero-copy receive queue",
		Why:   "feature tests differ",
		Trace: "query-zcrx"},
	SmallZCRXHeader: {Name: "small-zcrx-header", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/zcrx.c:io_fill_zcrx_offsets",
		What:  "the header of a refill ring has 8 bytes, and entries begin at 64",
		Else:  "the header of a refill ring has 128 bytes, with head and tail in cache lines of their own",
		Why:   "a program that computes the layout finds no entries",
		Trace: "query-zcrx"},
	ZCRXFlagsAfterRegion: {Name: "zcrx-flags-after-region", On: []string{v619, seed, v70},
		Where: "io_uring/zcrx.c:io_register_zcrx",
		What:  "ZCRX_IFQ reads the region before it refuses unknown flags",
		Else:  "ZCRX_IFQ refuses unknown flags before it reads the region",
		Why:   "the error is EFAULT in place of EINVAL"},
	ZCRXTokenAfterDevice: {Name: "zcrx-token-after-device", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/zcrx.c:io_register_zcrx",
		What:  "ZCRX_IFQ looks for the network device before it refuses an area with rq_area_token",
		Else:  "ZCRX_IFQ refuses an area with rq_area_token before it looks for the network device",
		Why:   "the error is ENODEV in place of EINVAL"},
	TaskWorkInBatches: {Name: "task-work-in-batches", On: []string{v619, seed, v70, v71},
		Where: "io_uring/tw.c:__io_run_local_work",
		What:  "a run of task work leaves what it causes for the next run",
		Else:  "a run of task work goes on with what it causes",
		Why:   "the order of CQEs differs, and on DEFER_TASKRUN rings a chain takes more calls of enter",
		Trace: "deferred-task-work-chain"},
	CQECacheOutlivesOverflow: {Name: "cqe-cache-outlives-overflow", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/io_uring.c:io_cqe_cache_refill",
		What:  "on a CQE_MIXED ring, a CQE of 32 bytes that did not fit into the last free entry leaves it to a later one",
		Else:  "CQEs of a CQE_MIXED ring that overflows keep their order",
		Why:   "CQEs are out of order, lost, or come a second time"},
	BigCQEPadsAnyRing: {Name: "big-cqe-pads-any-ring", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/io_uring.c:io_cqe_cache_refill",
		What:  "a message with IORING_CQE_F_32 wants two entries before the ring's end also where CQEs all have one size",
		Else:  "a message with IORING_CQE_F_32 takes an entry of a CQE32 ring as any other",
		Why:   "a CQE32 ring shows an old CQE once more, and has words of another overwritten"},
	AuxCQEKeepsBig: {Name: "aux-cqe-keeps-big", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/io_uring.c:io_fill_cqe_aux",
		What:  "a CQE that no request brings along leaves the extra words in a CQE32 ring as they are",
		Else:  "a CQE that no request brings along has zeros as extra words in a CQE32 ring",
		Why:   "a program that looks at them finds those of an older CQE"},
	CancelledTimeoutsCount: {Name: "cancelled-timeouts-count", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/timeout.c:io_timeout_cancel",
		What:  "the CQE of a cancelled timeout counts as an event for timeouts that wait for a number of them",
		Else:  "the CQE of a cancelled timeout is no event for other timeouts",
		Why:   "timeouts that wait for a number of CQEs end earlier"},
	TimeoutUpdateUnlimits: {Name: "timeout-update-unlimits", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/timeout.c:io_timeout_update",
		What:  "updating a multishot timeout makes it fire without end, and its new time may be absolute",
		Else:  "a multishot timeout keeps its count when it is updated, and an absolute time is EINVAL",
		Why:   "a timeout that was to fire a few times never ends"},
	TimeoutSequenceFallsBack: {Name: "timeout-sequence-falls-back", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/timeout.c:io_flush_timeouts",
		What:  "a timeout that ends without a CQE takes an event from the count, and may end all that wait for a number",
		Else:  "a timeout that ends without a CQE leaves the others alone",
		Why:   "timeouts that wait for a number of CQEs end earlier"},
	WaitSpinsOnOverflow: {Name: "wait-spins-on-overflow", On: []string{v619, seed, v70, v71, v72},
		Where: "io_uring/wait.c:io_cqring_wait",
		What:  "a wait for more CQEs than fit beside one that has overflown never ends, whatever its timeout; later ones return 0",
		Else:  "a wait for more CQEs than fit beside one that has overflown ends",
		Why:   "it takes a CQE_MIXED ring or a count above 2^31; the task uses a processor for good, as signals are not looked at",
		Never: "a task on a kernel that has it would use a processor for good"},
}

// String is the quirk's name.
func (q Quirk) String() string { return Quirks[q].Name }

// ParseQuirk finds a quirk by its name.
func ParseQuirk(name string) (Quirk, bool) {
	for q, row := range Quirks {
		if row.Name == name {
			return Quirk(q), true
		}
	}
	return 0, false
}
