package sqe

import (
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// Openat opens a path. With Direct or DirectAlloc it opens it into a slot.
func Openat(dfd int32, path string, flags, mode uint32) SQE {
	return prep(uapi.IORING_OP_OPENAT, dfd, text(path), mode, 0).set("open_flags", uint64(flags))
}

// Open is Openat with AT_FDCWD.
func Open(path string, flags, mode uint32) SQE { return Openat(uapi.AT_FDCWD, path, flags, mode) }

// Openat2 opens a path as how says.
func Openat2(dfd int32, path string, how uapi.OpenHow) SQE {
	object := trace.OpenHow{Flags: trace.OpenNum(how.Flags), Mode: trace.Number(how.Mode),
		Resolve: trace.ResolveNum(how.Resolve)}
	s := prep(uapi.IORING_OP_OPENAT2, dfd, text(path), uapi.SizeofOpenHow, 0)
	return s.point("off", Pointer{Object: &trace.Object{OpenHow: &object}})
}

// Close closes a descriptor.
func Close(fd int32) SQE { return prep(uapi.IORING_OP_CLOSE, fd, Pointer{}, 0, 0) }

// CloseDirect closes the file in a slot.
func CloseDirect(slot uint32) SQE { return Close(0).Direct(slot) }

// FixedFDInstall makes a descriptor for the file in a slot.
func FixedFDInstall(slot int32, flags uint32) SQE {
	s := prep(uapi.IORING_OP_FIXED_FD_INSTALL, slot, Pointer{}, 0, 0).FixedFile()
	return s.set("install_fd_flags", uint64(flags))
}

// FilesUpdate replaces registered files, from slot off on.
func FilesUpdate(fds []int32, off uint64) SQE {
	list := make([]trace.Number, len(fds))
	for i, fd := range fds {
		list[i] = trace.Number(int64(fd))
	}
	p := Pointer{Object: &trace.Object{FDs: &list}}
	return prep(uapi.IORING_OP_FILES_UPDATE, -1, p, uint32(len(fds)), off)
}

// Pipe makes a pipe and stores its two descriptors at fds.
func Pipe(fds Pointer, flags uint32) SQE {
	return prep(uapi.IORING_OP_PIPE, 0, fds, 0, 0).set("pipe_flags", uint64(flags))
}

// Statx gets the attributes of a file. Buf has room for the 256 bytes of struct statx.
func Statx(dfd int32, path string, flags, mask uint32, buf Pointer) SQE {
	return prep(uapi.IORING_OP_STATX, dfd, text(path), mask, 0).aim("off", buf).set("statx_flags", uint64(flags))
}

// Unlinkat removes a name.
func Unlinkat(dfd int32, path string, flags uint32) SQE {
	return prep(uapi.IORING_OP_UNLINKAT, dfd, text(path), 0, 0).set("unlink_flags", uint64(flags))
}

// Unlink is Unlinkat with AT_FDCWD.
func Unlink(path string, flags uint32) SQE { return Unlinkat(uapi.AT_FDCWD, path, flags) }

// twoPaths is a request on an old and a new path.
func twoPaths(op uapi.Op, oldDFD int32, oldPath string, newDFD int32, newPath string) SQE {
	return prep(op, oldDFD, text(oldPath), uint32(newDFD), 0).point("off", text(newPath))
}

// Renameat renames a file.
func Renameat(oldDFD int32, oldPath string, newDFD int32, newPath string, flags uint32) SQE {
	s := twoPaths(uapi.IORING_OP_RENAMEAT, oldDFD, oldPath, newDFD, newPath)
	return s.set("rename_flags", uint64(flags))
}

// Rename is Renameat with AT_FDCWD, and without flags.
func Rename(oldPath, newPath string) SQE {
	return Renameat(uapi.AT_FDCWD, oldPath, uapi.AT_FDCWD, newPath, 0)
}

// Linkat makes a hard link to a file.
func Linkat(oldDFD int32, oldPath string, newDFD int32, newPath string, flags uint32) SQE {
	s := twoPaths(uapi.IORING_OP_LINKAT, oldDFD, oldPath, newDFD, newPath)
	return s.set("hardlink_flags", uint64(flags))
}

// Link is Linkat with AT_FDCWD. (To link requests, use the method of that name.)
func Link(oldPath, newPath string, flags uint32) SQE {
	return Linkat(uapi.AT_FDCWD, oldPath, uapi.AT_FDCWD, newPath, flags)
}

// Symlinkat makes a symbolic link.
func Symlinkat(target string, newDFD int32, linkPath string) SQE {
	return twoPaths(uapi.IORING_OP_SYMLINKAT, newDFD, target, 0, linkPath)
}

// Symlink is Symlinkat with AT_FDCWD.
func Symlink(target, linkPath string) SQE { return Symlinkat(target, uapi.AT_FDCWD, linkPath) }

// Mkdirat makes a directory.
func Mkdirat(dfd int32, path string, mode uint32) SQE {
	return prep(uapi.IORING_OP_MKDIRAT, dfd, text(path), mode, 0)
}

// Mkdir is Mkdirat with AT_FDCWD.
func Mkdir(path string, mode uint32) SQE { return Mkdirat(uapi.AT_FDCWD, path, mode) }

// xattr is a request on an extended attribute.
func xattr(op uapi.Op, fd int32, name string, value Pointer, size uint32) SQE {
	return prep(op, fd, text(name), size, 0).aim("off", value)
}

// Getxattr reads an extended attribute of a path into value, which has room for size bytes.
func Getxattr(name string, value Pointer, path string, size uint32) SQE {
	return xattr(uapi.IORING_OP_GETXATTR, 0, name, value, size).point("addr3", text(path))
}

// Setxattr sets an extended attribute of a path to size bytes at value.
func Setxattr(name string, value Pointer, path string, flags, size uint32) SQE {
	s := xattr(uapi.IORING_OP_SETXATTR, 0, name, value, size).point("addr3", text(path))
	return s.set("xattr_flags", uint64(flags))
}

// Fgetxattr reads an extended attribute of an open file.
func Fgetxattr(fd int32, name string, value Pointer, size uint32) SQE {
	return xattr(uapi.IORING_OP_FGETXATTR, fd, name, value, size)
}

// Fsetxattr sets an extended attribute of an open file.
func Fsetxattr(fd int32, name string, value Pointer, flags, size uint32) SQE {
	return xattr(uapi.IORING_OP_FSETXATTR, fd, name, value, size).set("xattr_flags", uint64(flags))
}
