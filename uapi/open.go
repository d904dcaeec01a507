package uapi

// Open flags of x86-64 (include/uapi/asm-generic/fcntl.h).
const (
	O_RDONLY    = 0x0
	O_WRONLY    = 0x1
	O_RDWR      = 0x2
	O_CREAT     = 0x40
	O_EXCL      = 0x80
	O_NOCTTY    = 0x100
	O_TRUNC     = 0x200
	O_APPEND    = 0x400
	O_NONBLOCK  = 0x800
	O_DSYNC     = 0x1000
	O_ASYNC     = 0x2000 // FASYNC in the kernel
	O_DIRECT    = 0x4000
	O_LARGEFILE = 0x8000
	O_DIRECTORY = 0x10000
	O_NOFOLLOW  = 0x20000
	O_NOATIME   = 0x40000
	O_CLOEXEC   = 0x80000
	O_SYNC_     = 0x100000 // __O_SYNC, the bit that O_SYNC adds to O_DSYNC
	O_PATH      = 0x200000
	O_TMPFILE_  = 0x400000  // __O_TMPFILE, the bit that O_TMPFILE adds to O_DIRECTORY
	O_EMPTYPATH = 0x4000000 // 7.2 and later
)

// OpenFlags names the open flags.
var OpenFlags = newFamily("O_",
	Row{"O_WRONLY", O_WRONLY}, Row{"O_RDWR", O_RDWR}, Row{"O_CREAT", O_CREAT}, Row{"O_EXCL", O_EXCL},
	Row{"O_NOCTTY", O_NOCTTY}, Row{"O_TRUNC", O_TRUNC}, Row{"O_APPEND", O_APPEND}, Row{"O_NONBLOCK", O_NONBLOCK},
	Row{"O_DSYNC", O_DSYNC}, Row{"O_ASYNC", O_ASYNC}, Row{"O_DIRECT", O_DIRECT}, Row{"O_LARGEFILE", O_LARGEFILE},
	Row{"O_DIRECTORY", O_DIRECTORY}, Row{"O_NOFOLLOW", O_NOFOLLOW}, Row{"O_NOATIME", O_NOATIME},
	Row{"O_CLOEXEC", O_CLOEXEC}, Row{"__O_SYNC", O_SYNC_}, Row{"O_PATH", O_PATH}, Row{"__O_TMPFILE", O_TMPFILE_},
	Row{"O_EMPTYPATH", O_EMPTYPATH}, Row{"O_RDONLY", O_RDONLY},
)

// Flags of the *at calls that prep looks at.
const (
	AT_FDCWD      = -100
	AT_EMPTY_PATH = 0x1000
)

// SizeofOpenHow is the size of struct open_how in bytes (OPEN_HOW_SIZE_VER0).
const SizeofOpenHow = 24

// OpenHow is struct open_how, the argument of OPENAT2.
type OpenHow struct {
	Flags   uint64 // off 0
	Mode    uint64 // off 8
	Resolve uint64 // off 16
}

// Append appends the 24 bytes of the struct.
func (h OpenHow) Append(b []byte) []byte {
	return le.AppendUint64(le.AppendUint64(le.AppendUint64(b, h.Flags), h.Mode), h.Resolve)
}

// DecodeOpenHow decodes 24 bytes.
func DecodeOpenHow(b []byte) OpenHow {
	return OpenHow{le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:])}
}

// Resolve flags of openat2 (include/uapi/linux/openat2.h).
const (
	RESOLVE_NO_XDEV       = 0x01
	RESOLVE_NO_MAGICLINKS = 0x02
	RESOLVE_NO_SYMLINKS   = 0x04
	RESOLVE_BENEATH       = 0x08
	RESOLVE_IN_ROOT       = 0x10
	RESOLVE_CACHED        = 0x20
)

// ResolveFlags names the resolve flags.
var ResolveFlags = newFamily("RESOLVE_",
	Row{"RESOLVE_NO_XDEV", RESOLVE_NO_XDEV}, Row{"RESOLVE_NO_MAGICLINKS", RESOLVE_NO_MAGICLINKS},
	Row{"RESOLVE_NO_SYMLINKS", RESOLVE_NO_SYMLINKS}, Row{"RESOLVE_BENEATH", RESOLVE_BENEATH},
	Row{"RESOLVE_IN_ROOT", RESOLVE_IN_ROOT}, Row{"RESOLVE_CACHED", RESOLVE_CACHED},
)
