package sim

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/register"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
	"github.com/uringsim/uringsim/verdict"
)

// assign looks up the descriptor of a request, or its slot, which it keeps until it is done; false if there is none.
//
// Linux: io_uring/io_uring.c:io_file_get_fixed, io_file_get_normal
func (r *Ring) assign(q *request, fixed bool) bool {
	fd := q.SQE.FD()
	if !fixed {
		q.file = q.task.Files.Get(fd)
	} else if n := r.Files.Lookup(uint32(fd)); n != nil {
		q.fileNode, q.file = n.Get(), n.File
	}
	return q.file != nil
}

// useBuffer looks up the registered buffer of a request, which it keeps until it is done; false if there is none.
//
// Departs: URING_CMD does not keep its registered buffer: the tag comes when it is unregistered.
//
// Linux: io_uring/rsrc.c:io_find_buf_node
func (r *Ring) useBuffer(q *request) bool {
	n := r.Buffer(uint32(q.SQE.BufIndex()))
	if n != nil {
		q.bufNode = n.Get()
	}
	return n != nil
}

// putNodes lets go of what a request used. What was unregistered meanwhile is gone now.
//
// Linux: io_uring/io_uring.c:io_req_put_rsrc_nodes
func (r *Ring) putNodes(q *request) {
	if q.inNode == nil && q.fileNode == nil && q.bufNode == nil {
		return
	}
	r.cq.unordered = q.deferred
	for _, n := range []*register.Node{q.inNode, q.fileNode, q.bufNode} {
		if n != nil {
			r.Put(n)
		}
	}
	q.inNode, q.fileNode, q.bufNode, r.cq.unordered = nil, nil, nil, false
}

// postAux posts a CQE that no request caused, at once.
//
// Linux: io_uring/io_uring.c:io_post_aux_cqe
func (r *Ring) postAux(c uapi.CQE) { r.cq.post(trace.CQE{CQE: c, Unordered: r.cq.unordered}) }

// issueFilesUpdate puts descriptors into slots, those that it names or any.
//
// Linux: io_uring/rsrc.c:io_files_update
func issueFilesUpdate(r *Ring, q *request) bool {
	u := uapi.RsrcUpdate2{Offset: uint32(q.SQE.Off()), Data: q.SQE.Addr(), Nr: q.SQE.Len()}
	where := "io_uring/rsrc.c:__io_sqe_files_update"
	var done uint32
	var e uapi.Errno
	var why string
	if u.Offset == uapi.IORING_FILE_INDEX_ALLOC {
		where = "io_uring/rsrc.c:io_files_update_with_index_alloc"
		done, e, why = r.allocSlots(q.task, u)
	} else {
		done, e, why = r.UpdateFiles(q.task.Task, u)
	}
	if e != 0 {
		q.because(verdict.Refuse(verdict.Issue, e, where, why))
		return r.finish(q, int32(e.Ret()))
	}
	return r.finish(q, int32(done))
}

// allocSlots puts descriptors into any slots, and writes the slots over them. It returns how many it did, or the first
// one's error.
//
// Linux: io_uring/rsrc.c:io_files_update_with_index_alloc
func (r *Ring) allocSlots(t *task, u uapi.RsrcUpdate2) (done uint32, e uapi.Errno, why string) {
	if !r.Files.Registered() {
		return 0, uapi.ENXIO, "files must be registered"
	}
	for done = range u.Nr {
		if e, why = r.allocSlot(t, u.Data+4*uint64(done)); e != 0 {
			break
		}
	}
	switch {
	case e == 0:
		return u.Nr, 0, ""
	case done > 0:
		return done, 0, ""
	}
	return 0, e, why
}

func (r *Ring) allocSlot(t *task, addr uint64) (uapi.Errno, string) {
	var raw [4]byte
	if !t.Mem.CopyIn(raw[:], addr) {
		return uapi.EFAULT, "the descriptors must be readable"
	}
	f := t.Files.Get(int32(binary.LittleEndian.Uint32(raw[:])))
	if f == nil {
		return uapi.EBADF, "a descriptor must be open"
	}
	slot, e, why := r.InstallFile(f, uapi.IORING_FILE_INDEX_ALLOC)
	if e != 0 {
		return e, why
	}
	if !t.Mem.CopyOut(addr, binary.LittleEndian.AppendUint32(nil, slot)) {
		r.RemoveFile(slot)
		return uapi.EFAULT, "the descriptors must be writable"
	}
	return 0, ""
}

// issueFixedFDInstall makes a descriptor for the file in a slot.
//
// Linux: io_uring/openclose.c:io_install_fixed_fd
func issueFixedFDInstall(r *Ring, q *request) bool {
	fd, e := q.task.Files.Install(q.file, q.SQE.OpFlags()&uapi.IORING_FIXED_FD_NO_CLOEXEC == 0)
	if e != 0 {
		const where = "io_uring/openclose.c:io_install_fixed_fd"
		q.because(verdict.Refuse(verdict.Issue, e, where, "there must be a free descriptor"))
		return r.finish(q, int32(e.Ret()))
	}
	return r.finish(q, fd)
}

// issueFixedBuffer looks up the registered buffer of a transfer. What is transferred is left to the recording.
//
// Linux: io_uring/rw.c:io_init_rw_fixed, io_rw_import_reg_vec
func issueFixedBuffer(r *Ring, q *request) bool {
	vectored := q.Opcode == uapi.IORING_OP_READV_FIXED || q.Opcode == uapi.IORING_OP_WRITEV_FIXED
	if r.useBuffer(q) && (vectored || q.bufNode.Buffer.Has(q.SQE.Addr(), q.SQE.Len())) {
		return r.ask(q)
	}
	q.because(verdict.Refuse(verdict.Issue, uapi.EFAULT, "io_uring/rsrc.c:io_import_reg_buf",
		"buf_index must be a registered buffer, and addr and len within it"))
	return r.finish(q, int32(uapi.EFAULT.Ret()))
}

// sendsFixed tells whether a network request sends from, or receives into, a registered buffer.
func (q *request) sendsFixed() bool {
	switch q.Opcode {
	case uapi.IORING_OP_SEND, uapi.IORING_OP_RECV, uapi.IORING_OP_SEND_ZC, uapi.IORING_OP_SENDMSG_ZC:
		return q.SQE.IOPrio()&uapi.IORING_RECVSEND_FIXED_BUF != 0
	}
	return false
}

// spliceFixed is SPLICE_F_FD_IN_FIXED: the file to read from is in a slot.
const spliceFixed = 1 << 31

// issueSplice looks up the file that SPLICE and TEE read from. What is moved is left to the recording.
//
// Linux: io_uring/splice.c:io_splice_get_file
func issueSplice(r *Ring, q *request) bool {
	in, found := q.SQE.FileIndex(), false
	if q.SQE.OpFlags()&spliceFixed == 0 {
		found = q.task.Files.Get(int32(in)) != nil
	} else if n := r.Files.Lookup(in); n != nil {
		q.inNode, found = n.Get(), true
	}
	if !found {
		q.because(verdict.Refuse(verdict.Issue, uapi.EBADF, "io_uring/splice.c:io_splice_get_file",
			"splice_fd_in must be open, or a slot that is not empty"))
		return r.finish(q, int32(uapi.EBADF.Ret()))
	}
	if q.SQE.Len() == 0 {
		return r.finish(q, 0)
	}
	return r.ask(q)
}

// notificationPipe is O_NOTIFICATION_PIPE, which not every kernel has been built with.
const notificationPipe = uapi.O_EXCL

// issuePipe makes a pipe, and puts its ends into two descriptors, two slots in a row, or any two slots.
//
// Linux: io_uring/openclose.c:io_pipe
func issuePipe(r *Ring, q *request) bool {
	if q.SQE.OpFlags()&notificationPipe != 0 {
		return r.ask(q)
	}
	e, why := r.pipe(q)
	if e != 0 {
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/openclose.c:io_pipe", why))
	}
	return r.finish(q, int32(e.Ret()))
}

func (r *Ring) pipe(q *request) (e uapi.Errno, why string) {
	index, cloexec := q.SQE.FileIndex(), q.SQE.OpFlags()&uapi.O_CLOEXEC != 0
	if index != 0 && cloexec {
		return uapi.EINVAL, "slots have no O_CLOEXEC"
	}
	var places []uint32
	for end := range uint32(2) {
		f := &tctx.File{Kind: tctx.PipeFile}
		var place uint32
		switch index {
		case 0:
			var fd int32
			fd, e = q.task.Files.Install(f, cloexec)
			place, why = uint32(fd), "there must be a free descriptor"
		case uapi.IORING_FILE_INDEX_ALLOC:
			place, e, why = r.InstallFile(f, index)
		default:
			place, e, why = r.InstallFile(f, index+end)
		}
		if e != 0 {
			break
		}
		places = append(places, place)
	}
	var raw []byte
	for _, place := range places {
		raw = binary.LittleEndian.AppendUint32(raw, place)
	}
	if e == 0 && !q.task.Mem.CopyOut(q.SQE.Addr(), raw) {
		e, why = uapi.EFAULT, "there must be room for two descriptors"
	}
	if e != 0 {
		r.unpipe(q, places)
	}
	return e, why
}

// unpipe takes back what a pipe that failed got.
func (r *Ring) unpipe(q *request, places []uint32) {
	for _, place := range places {
		if q.SQE.FileIndex() == 0 {
			q.task.Files.Close(int32(place))
		} else {
			r.RemoveFile(place)
		}
	}
}

// maySendFD checks a request that passes a file.
//
// Linux: io_uring/msg_ring.c:io_msg_send_fd
func (r *Ring) maySendFD(q *request, target *Ring) (uapi.Errno, string) {
	switch {
	case q.SQE.Len() != 0:
		return uapi.EINVAL, "len must be 0"
	case target == r:
		return uapi.EINVAL, "the target must be another ring"
	case target.has(uapi.IORING_SETUP_R_DISABLED):
		return uapi.EBADFD, "the target must be enabled"
	case r.Files.Lookup(uint32(q.SQE.Addr3())) == nil:
		return uapi.EBADF, "addr3 must be a slot that is not empty"
	}
	return 0, ""
}

// sendFD puts the file in a slot into a slot of another ring, and tells that ring.
//
// Linux: io_uring/msg_ring.c:io_msg_install_complete
func (r *Ring) sendFD(q *request, target *Ring, f *tctx.File) (res int32, e uapi.Errno, why string) {
	target.cq.unordered = q.deferred || q.inWorker
	defer func() { target.cq.unordered = false }()
	index := q.SQE.FileIndex()
	slot, e, why := target.InstallFile(f, index)
	if e != 0 {
		return 0, e, why
	}
	if index == uapi.IORING_FILE_INDEX_ALLOC {
		res = int32(slot)
	}
	if q.SQE.OpFlags()&uapi.IORING_MSG_RING_CQE_SKIP == 0 {
		target.PostAux(uapi.CQE{UserData: q.SQE.Off(), Res: res})
	}
	return res, 0, ""
}

// sendFDLater lets the target's task pass the file, on its way back to user mode, if it is there. When another task comes
// to it is no fact, and left to the recording: it has by the time that the sender has the result.
//
// Linux: io_uring/msg_ring.c:io_msg_fd_remote, io_msg_tw_fd_complete
func (r *Ring) sendFDLater(q *request, target *Ring) bool {
	q.passes = r.Files.Lookup(uint32(q.SQE.Addr3())).File
	if target.Submitter.Ended() {
		q.because(verdict.Refuse(verdict.Issue, uapi.EOWNERDEAD, "io_uring/msg_ring.c:io_msg_fd_remote",
			"the target's task must not have ended"))
		return r.finish(q, int32(uapi.EOWNERDEAD.Ret()))
	}
	if target.Submitter != q.task.Task {
		return r.ask(q)
	}
	q.task.addRaw(func() {
		q.res, q.inWorker = r.passed(q), false
		if q.res < 0 {
			q.setFail()
		}
		r.taskWork(q, func() { r.complete(q) })
	})
	return true
}

// passed is the result of a request that passes a file, which the target's task does now.
func (r *Ring) passed(q *request) int32 {
	res, e, why := r.sendFD(q, q.file.Ring.(*Ring), q.passes)
	if e != 0 {
		q.because(verdict.Refuse(verdict.Issue, e, "io_uring/msg_ring.c:io_msg_install_complete", why))
		return int32(e.Ret())
	}
	return res
}
