package opdef

import (
	"encoding/binary"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/uapi"
)

// rw are the steps that all reads and writes begin with.
//
// Linux: io_uring/rw.c:__io_prep_rw
func rw(more ...Step) []Step {
	return append([]Step{
		asks(asksRT, about("ioprio", all, check("ioprio must be a priority that the task may use", (*Prep).ioprioCheckCap,
			uapi.EINVAL, uapi.EPERM))),
		none(bitsOf("attr_type_mask", ^uint64(1)), "attr_type_mask must be 0 or 1 (protection information)"),
		reads("the 32 bytes of the io_uring_attr_pi at attr_ptr, unless attr_type_mask is 0",
			about("attr_type_mask", all,
				check("attr_ptr points to protection information", (*Prep).prepRWPI, uapi.EFAULT, uapi.EINVAL))),
	}, more...)
}

// Linux: io_uring/rw.c:io_prep_read, io_prep_write
var readWritePrep = prep("io_uring/rw.c:io_prep_rw", rw(
	check("addr and len are a buffer in user memory", func(p *Prep) uapi.Errno {
		if p.has(uapi.IOSQE_BUFFER_SELECT) {
			return 0
		}
		return importUbuf(p.Req.SQE.Addr(), uint64(p.Req.SQE.Len()))
	}, uapi.EFAULT))...)

// Linux: io_uring/rw.c:io_prep_readv, io_prep_writev
var readvWritevPrep = prep("io_uring/rw.c:io_prep_rwv", rw(
	reads("len iovecs of 16 bytes at addr", check("addr points to len iovecs", func(p *Prep) uapi.Errno {
		if p.has(uapi.IOSQE_BUFFER_SELECT) {
			return 0
		}
		return p.importIovec(p.Req.SQE.Addr(), uint64(p.Req.SQE.Len()))
	}, uapi.EINVAL, uapi.EFAULT)),
	fails(uapi.EINVAL, "IOSQE_BUFFER_SELECT wants one iovec",
		func(p *Prep) bool { return p.has(uapi.IOSQE_BUFFER_SELECT) && p.Req.SQE.Len() != 1 }),
	reads("the 16 bytes of the iovec at addr, with IOSQE_BUFFER_SELECT", varies(kernel.NegativeSelectedIovec,
		check("addr points to the iovec of IOSQE_BUFFER_SELECT", func(p *Prep) uapi.Errno {
			if !p.has(uapi.IOSQE_BUFFER_SELECT) {
				return 0
			}
			return p.selectedIovec(p.Req.SQE.Addr())
		}, uapi.EFAULT, uapi.EINVAL))))...)

// Linux: io_uring/rw.c:io_prep_read_fixed, io_prep_write_fixed
var rwFixedPrep = prep("io_uring/rw.c:__io_prep_rw", rw()...)

// Linux: io_uring/rw.c:io_prep_readv_fixed, io_prep_writev_fixed
var rwvFixedPrep = prep("io_uring/rw.c:io_rw_prep_reg_vec", rw(
	reads("len iovecs of 16 bytes at addr", check("addr points to len iovecs", func(p *Prep) uapi.Errno {
		return p.prepRegIovec(p.Req.SQE.Addr(), uint64(p.Req.SQE.Len()))
	}, uapi.ENOMEM, uapi.EINVAL, uapi.EFAULT)))...)

// Linux: io_uring/rw.c:io_read_mshot_prep
var readMultishotPrep = prep("io_uring/rw.c:io_read_mshot_prep", append(append([]Step{
	needs(uapi.EINVAL, uapi.IOSQE_BUFFER_SELECT, "IOSQE_BUFFER_SELECT"),
}, rw()...), zero("addr", "len"))...)

// ioprioCheckCap checks an I/O priority: class in bits 13 to 15, level in bits 0 to 2.
//
// Linux: block/ioprio.c:ioprio_check_cap
func (p *Prep) ioprioCheckCap() uapi.Errno {
	prio := p.Req.SQE.IOPrio()
	switch class := prio >> 13; {
	case class == 0 && prio&7 != 0, class > 3:
		return uapi.EINVAL
	case class == 1 && !p.MayRT:
		return uapi.EPERM
	}
	return 0
}

// prepRWPI reads struct io_uring_attr_pi: flags, app_tag u16, len u32, addr, seed, rsvd u64.
//
// Linux: io_uring/rw.c:io_prep_rw_pi
func (p *Prep) prepRWPI() uapi.Errno {
	if p.Req.SQE.Pad2() == 0 {
		return 0
	}
	b, e := p.copyIn(p.Req.SQE.Addr3(), 32)
	if e != 0 {
		return e
	}
	if binary.LittleEndian.Uint64(b[24:]) != 0 {
		return uapi.EINVAL
	}
	return importUbuf(binary.LittleEndian.Uint64(b[8:]), uint64(binary.LittleEndian.Uint32(b[4:])))
}

// selectedIovec reads the one iovec whose length limits a selected buffer.
//
// Linux: io_uring/rw.c:io_iov_buffer_select_prep
func (p *Prep) selectedIovec(addr uint64) uapi.Errno {
	_, e := p.iovecFromUser(addr, 1)
	if e == uapi.EINVAL && p.Kernel.Has(kernel.NegativeSelectedIovec) {
		return 0
	}
	return e
}
