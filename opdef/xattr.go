package opdef

import "github.com/uringsim/uringsim/uapi"

// Limits of extended attributes in bytes: the name with its NUL, and the value.
const (
	xattrNameMax = 256
	xattrSizeMax = 65536
)

// xattrName reads the name of an extended attribute.
//
// Linux: fs/xattr.c:import_xattr_name
func xattrName() Step {
	return reads("the name at addr, up to its NUL or 256 bytes",
		check("addr points to the name of an attribute, 1 to 255 bytes", func(p *Prep) uapi.Errno {
			name, e := p.Mem.CString(p.Req.SQE.Addr(), xattrNameMax)
			if e == uapi.ENAMETOOLONG || e == 0 && name == "" {
				e = uapi.ERANGE
			}
			return e
		}, uapi.EFAULT, uapi.ERANGE))
}

// setxattr are the steps of FSETXATTR and SETXATTR.
//
// Linux: fs/xattr.c:setxattr_copy
func setxattr() []Step {
	return []Step{
		within("xattr_flags", 3),
		xattrName(),
		fails(uapi.E2BIG, "len must be at most 65536", func(p *Prep) bool { return p.Req.SQE.Len() > xattrSizeMax }),
		reads("the len bytes at addr2", check("addr2 points to the value of len bytes", func(p *Prep) uapi.Errno {
			_, e := p.copyIn(p.Req.SQE.Off(), int(p.Req.SQE.Len()))
			if p.Req.SQE.Len() == 0 {
				e = 0
			}
			return e
		}, uapi.EFAULT)),
		forceAsync(),
	}
}

// getxattr are the steps of FGETXATTR and GETXATTR.
func getxattr() []Step { return []Step{zero("xattr_flags"), xattrName(), forceAsync()} }

var (
	// Linux: io_uring/xattr.c:io_fsetxattr_prep
	fsetxattrPrep = prep("io_uring/xattr.c:__io_setxattr_prep", setxattr()...)
	// Linux: io_uring/xattr.c:io_setxattr_prep
	setxattrPrep = prep("io_uring/xattr.c:io_setxattr_prep", append(append([]Step{noFixedFile()}, setxattr()...), path("addr3"))...)
	// Linux: io_uring/xattr.c:io_fgetxattr_prep
	fgetxattrPrep = prep("io_uring/xattr.c:__io_getxattr_prep", getxattr()...)
	// Linux: io_uring/xattr.c:io_getxattr_prep
	getxattrPrep = prep("io_uring/xattr.c:io_getxattr_prep", append(append([]Step{noFixedFile()}, getxattr()...), path("addr3"))...)
)
