package differ

// UnreachedSteps are errors of prep functions that no generated trace gives, as opdef.Exit writes them, and why.
var UnreachedSteps = map[string]string{
	"WRITEV: IOSQE_BUFFER_SELECT wants one iovec: EINVAL":                            noBufferSelect,
	"WRITEV: addr points to the iovec of IOSQE_BUFFER_SELECT: EFAULT":                noBufferSelect,
	"WRITEV: addr points to the iovec of IOSQE_BUFFER_SELECT: EINVAL":                noBufferSelect,
	"SEND: addr and len are a buffer, or with VECTORIZED an array of iovecs: ENOMEM": "FIXED_BUF excludes VECTORIZED",
	"SENDMSG_ZC: addr points to a msghdr to send: ENOMEM":                            "an array that long is EMSGSIZE before",
	"READ_MULTISHOT: ioprio must be a priority that the task may use: EINVAL":        noIOPrio,
	"READ_MULTISHOT: ioprio must be a priority that the task may use: EPERM":         noIOPrio,
}

// What stands before some prep functions that opcodes share.
const (
	noBufferSelect = "the opcode takes no IOSQE_BUFFER_SELECT, which is refused before"
	noIOPrio       = "the opcode takes no ioprio, which is refused before"
)

// UnreachedExits are lines of the model, after their file, that refuse something that no generated trace tries, and why.
var UnreachedExits = map[string]string{
	`mm/mm.go: return uapi.EINVAL`:         "of mmap and mprotect, which are not io_uring's",
	`mm/mm.go: return uapi.ENOMEM`:         "of mmap and mprotect, which are not io_uring's",
	`tctx/file.go: return -1, uapi.EMFILE`: "it takes a million descriptors",
	`sim/kernel.go: return syscall(uapi.EFAULT, "fs/pipe.c:do_pipe2", "there must be room for two descriptors")`:                                              "traces always have room",
	`cbpfvm/check.go: func (e *CheckError) Is(target error) bool { return target == error(uapi.EINVAL) }`:                                                     "it is for users of the package",
	`sim/known.go: return c.UserData == n.UserData && c.Res != int32(uapi.ECANCELED.Ret())`:                                                                   "it reads recordings, and refuses nothing",
	`sim/known.go: return c.UserData == userData && (c.Res == int32(uapi.ECANCELED.Ret()) || c.Res == int32(uapi.EINTR.Ret()))`:                               "it reads recordings, and refuses nothing",
	`sim/known.go: return c.UserData == userData && c.Res != int32(uapi.ECANCELED.Ret())`:                                                                     "it reads recordings, and refuses nothing",
	`register/personality.go: return refuse(uapi.EBUSY, "io_uring/register.c:io_register_personality", "all numbers are taken")`:                              "it takes 65535 calls",
	`register/zcrx.go: return Outcome{Unmodelled: "ZCRX_IFQ for a network device that machines may have"}`:                                                    unmodelled,
	`register/zcrx.go: return Outcome{Unmodelled: "zero-copy receive without a network device (ZCRX_REG_NODEV)"}`:                                             unmodelled,
	`register/kbuf.go: return Outcome{Unmodelled: "PBUF_STATUS of a group that requests have taken buffers of"}`:                                              unmodelled,
	`register/kbuf.go: return Outcome{Unmodelled: "PBUF_RING for a group whose buffers may all have been used"}`:                                              unmodelled,
	`register/napi.go: return Outcome{Unmodelled: "NAPI with an id that some kernels take for the number of a processor"}`:                                    unmodelled,
	`register/io-wq.go: return Outcome{Unmodelled: "IOWQ_AFF with more than the first processor"}`:                                                            unmodelled,
	`register/io-wq.go: return refuse(uapi.EINVAL, where, "the task must be allowed to run on all processors of the mask")`:                                   unmodelled,
	`register/io-wq.go: return Outcome{Unmodelled: "the numbers of workers that the machine allows, which IOWQ_MAX_WORKERS writes back"}`:                     unmodelled,
	`register/cancel.go: return Outcome{Unmodelled: "SYNC_CANCEL of requests that other parts of the kernel carry out"}`:                                      unmodelled,
	`register/register.go: return Outcome{Unmodelled: "register " + c.op.String() + " on a ring"}`:                                                            unmodelled,
	`sim/resize.go: return register.Outcome{Unmodelled: "whether RLIMIT_MEMLOCK leaves room for a ring's old and new memory"}`:                                unmodelled,
	`sim/resize.go: return register.Outcome{Unmodelled: "what a resized ring holds in memory that its old memory overlaps, or that is not known"}`:            unmodelled,
	`sim/close.go: return trace.Result{Unmodelled: "whether the submission thread of a closed ring has ended, or still is a thread of the task"}`:             unmodelled,
	`sim/kernel.go: return uapi.EFAULT, "struct rlimit must be readable"`:                                                                                     limits,
	`tctx/rlimit.go: return uapi.EPERM, "the maximum must be within fs.nr_open"`:                                                                              limits,
	`tctx/rlimit.go: return uapi.EPERM, "only CAP_SYS_RESOURCE raises the maximum"`:                                                                           limits,
	`tctx/rlimit.go: return uapi.EINVAL, "the limit must not be above its maximum"`:                                                                           limits,
	`sim/cancel.go: return r.finish(q, int32(uapi.EALREADY.Ret()))`:                                                                                           inWorker,
	`sim/cancel.go: q.because(verdict.Refuse(verdict.Issue, uapi.EALREADY, "io_uring/cancel.c:io_async_cancel_one", "it finds itself, running in a worker"))`: inWorker,
}

const limits = "limits are not generated; testdata/kernel/rlimit-nofile.json shows them"

const inWorker = "which requests a worker finds depends on time; testdata/kernel/cancel-finds-itself.json shows it"

const unmodelled = "what is not modelled is not generated"
