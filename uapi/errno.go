package uapi

import "fmt"

// Errno is a Linux error number, with Linux's values on every OS. Zero is no error.
type Errno uint16

// Error numbers of include/uapi/asm-generic/errno-base.h and errno.h.
const (
	EPERM           Errno = 1
	ENOENT          Errno = 2
	ESRCH           Errno = 3
	EINTR           Errno = 4
	EIO             Errno = 5
	ENXIO           Errno = 6
	E2BIG           Errno = 7
	ENOEXEC         Errno = 8
	EBADF           Errno = 9
	ECHILD          Errno = 10
	EAGAIN          Errno = 11
	ENOMEM          Errno = 12
	EACCES          Errno = 13
	EFAULT          Errno = 14
	ENOTBLK         Errno = 15
	EBUSY           Errno = 16
	EEXIST          Errno = 17
	EXDEV           Errno = 18
	ENODEV          Errno = 19
	ENOTDIR         Errno = 20
	EISDIR          Errno = 21
	EINVAL          Errno = 22
	ENFILE          Errno = 23
	EMFILE          Errno = 24
	ENOTTY          Errno = 25
	ETXTBSY         Errno = 26
	EFBIG           Errno = 27
	ENOSPC          Errno = 28
	ESPIPE          Errno = 29
	EROFS           Errno = 30
	EMLINK          Errno = 31
	EPIPE           Errno = 32
	EDOM            Errno = 33
	ERANGE          Errno = 34
	EDEADLK         Errno = 35
	ENAMETOOLONG    Errno = 36
	ENOLCK          Errno = 37
	ENOSYS          Errno = 38
	ENOTEMPTY       Errno = 39
	ELOOP           Errno = 40
	ENOMSG          Errno = 42
	EIDRM           Errno = 43
	ECHRNG          Errno = 44
	EL2NSYNC        Errno = 45
	EL3HLT          Errno = 46
	EL3RST          Errno = 47
	ELNRNG          Errno = 48
	EUNATCH         Errno = 49
	ENOCSI          Errno = 50
	EL2HLT          Errno = 51
	EBADE           Errno = 52
	EBADR           Errno = 53
	EXFULL          Errno = 54
	ENOANO          Errno = 55
	EBADRQC         Errno = 56
	EBADSLT         Errno = 57
	EBFONT          Errno = 59
	ENOSTR          Errno = 60
	ENODATA         Errno = 61
	ETIME           Errno = 62
	ENOSR           Errno = 63
	ENONET          Errno = 64
	ENOPKG          Errno = 65
	EREMOTE         Errno = 66
	ENOLINK         Errno = 67
	EADV            Errno = 68
	ESRMNT          Errno = 69
	ECOMM           Errno = 70
	EPROTO          Errno = 71
	EMULTIHOP       Errno = 72
	EDOTDOT         Errno = 73
	EBADMSG         Errno = 74
	EOVERFLOW       Errno = 75
	ENOTUNIQ        Errno = 76
	EBADFD          Errno = 77
	EREMCHG         Errno = 78
	ELIBACC         Errno = 79
	ELIBBAD         Errno = 80
	ELIBSCN         Errno = 81
	ELIBMAX         Errno = 82
	ELIBEXEC        Errno = 83
	EILSEQ          Errno = 84
	ERESTART        Errno = 85
	ESTRPIPE        Errno = 86
	EUSERS          Errno = 87
	ENOTSOCK        Errno = 88
	EDESTADDRREQ    Errno = 89
	EMSGSIZE        Errno = 90
	EPROTOTYPE      Errno = 91
	ENOPROTOOPT     Errno = 92
	EPROTONOSUPPORT Errno = 93
	ESOCKTNOSUPPORT Errno = 94
	EOPNOTSUPP      Errno = 95
	EPFNOSUPPORT    Errno = 96
	EAFNOSUPPORT    Errno = 97
	EADDRINUSE      Errno = 98
	EADDRNOTAVAIL   Errno = 99
	ENETDOWN        Errno = 100
	ENETUNREACH     Errno = 101
	ENETRESET       Errno = 102
	ECONNABORTED    Errno = 103
	ECONNRESET      Errno = 104
	ENOBUFS         Errno = 105
	EISCONN         Errno = 106
	ENOTCONN        Errno = 107
	ESHUTDOWN       Errno = 108
	ETOOMANYREFS    Errno = 109
	ETIMEDOUT       Errno = 110
	ECONNREFUSED    Errno = 111
	EHOSTDOWN       Errno = 112
	EHOSTUNREACH    Errno = 113
	EALREADY        Errno = 114
	EINPROGRESS     Errno = 115
	ESTALE          Errno = 116
	EUCLEAN         Errno = 117
	ENOTNAM         Errno = 118
	ENAVAIL         Errno = 119
	EISNAM          Errno = 120
	EREMOTEIO       Errno = 121
	EDQUOT          Errno = 122
	ENOMEDIUM       Errno = 123
	EMEDIUMTYPE     Errno = 124
	ECANCELED       Errno = 125
	ENOKEY          Errno = 126
	EKEYEXPIRED     Errno = 127
	EKEYREVOKED     Errno = 128
	EKEYREJECTED    Errno = 129
	EOWNERDEAD      Errno = 130
	ENOTRECOVERABLE Errno = 131
	ERFKILL         Errno = 132
	EHWPOISON       Errno = 133
)

var errnos = newFamily("",
	Row{"EPERM", uint64(EPERM)},
	Row{"ENOENT", uint64(ENOENT)},
	Row{"ESRCH", uint64(ESRCH)},
	Row{"EINTR", uint64(EINTR)},
	Row{"EIO", uint64(EIO)},
	Row{"ENXIO", uint64(ENXIO)},
	Row{"E2BIG", uint64(E2BIG)},
	Row{"ENOEXEC", uint64(ENOEXEC)},
	Row{"EBADF", uint64(EBADF)},
	Row{"ECHILD", uint64(ECHILD)},
	Row{"EAGAIN", uint64(EAGAIN)},
	Row{"ENOMEM", uint64(ENOMEM)},
	Row{"EACCES", uint64(EACCES)},
	Row{"EFAULT", uint64(EFAULT)},
	Row{"ENOTBLK", uint64(ENOTBLK)},
	Row{"EBUSY", uint64(EBUSY)},
	Row{"EEXIST", uint64(EEXIST)},
	Row{"EXDEV", uint64(EXDEV)},
	Row{"ENODEV", uint64(ENODEV)},
	Row{"ENOTDIR", uint64(ENOTDIR)},
	Row{"EISDIR", uint64(EISDIR)},
	Row{"EINVAL", uint64(EINVAL)},
	Row{"ENFILE", uint64(ENFILE)},
	Row{"EMFILE", uint64(EMFILE)},
	Row{"ENOTTY", uint64(ENOTTY)},
	Row{"ETXTBSY", uint64(ETXTBSY)},
	Row{"EFBIG", uint64(EFBIG)},
	Row{"ENOSPC", uint64(ENOSPC)},
	Row{"ESPIPE", uint64(ESPIPE)},
	Row{"EROFS", uint64(EROFS)},
	Row{"EMLINK", uint64(EMLINK)},
	Row{"EPIPE", uint64(EPIPE)},
	Row{"EDOM", uint64(EDOM)},
	Row{"ERANGE", uint64(ERANGE)},
	Row{"EDEADLK", uint64(EDEADLK)},
	Row{"ENAMETOOLONG", uint64(ENAMETOOLONG)},
	Row{"ENOLCK", uint64(ENOLCK)},
	Row{"ENOSYS", uint64(ENOSYS)},
	Row{"ENOTEMPTY", uint64(ENOTEMPTY)},
	Row{"ELOOP", uint64(ELOOP)},
	Row{"ENOMSG", uint64(ENOMSG)},
	Row{"EIDRM", uint64(EIDRM)},
	Row{"ECHRNG", uint64(ECHRNG)},
	Row{"EL2NSYNC", uint64(EL2NSYNC)},
	Row{"EL3HLT", uint64(EL3HLT)},
	Row{"EL3RST", uint64(EL3RST)},
	Row{"ELNRNG", uint64(ELNRNG)},
	Row{"EUNATCH", uint64(EUNATCH)},
	Row{"ENOCSI", uint64(ENOCSI)},
	Row{"EL2HLT", uint64(EL2HLT)},
	Row{"EBADE", uint64(EBADE)},
	Row{"EBADR", uint64(EBADR)},
	Row{"EXFULL", uint64(EXFULL)},
	Row{"ENOANO", uint64(ENOANO)},
	Row{"EBADRQC", uint64(EBADRQC)},
	Row{"EBADSLT", uint64(EBADSLT)},
	Row{"EBFONT", uint64(EBFONT)},
	Row{"ENOSTR", uint64(ENOSTR)},
	Row{"ENODATA", uint64(ENODATA)},
	Row{"ETIME", uint64(ETIME)},
	Row{"ENOSR", uint64(ENOSR)},
	Row{"ENONET", uint64(ENONET)},
	Row{"ENOPKG", uint64(ENOPKG)},
	Row{"EREMOTE", uint64(EREMOTE)},
	Row{"ENOLINK", uint64(ENOLINK)},
	Row{"EADV", uint64(EADV)},
	Row{"ESRMNT", uint64(ESRMNT)},
	Row{"ECOMM", uint64(ECOMM)},
	Row{"EPROTO", uint64(EPROTO)},
	Row{"EMULTIHOP", uint64(EMULTIHOP)},
	Row{"EDOTDOT", uint64(EDOTDOT)},
	Row{"EBADMSG", uint64(EBADMSG)},
	Row{"EOVERFLOW", uint64(EOVERFLOW)},
	Row{"ENOTUNIQ", uint64(ENOTUNIQ)},
	Row{"EBADFD", uint64(EBADFD)},
	Row{"EREMCHG", uint64(EREMCHG)},
	Row{"ELIBACC", uint64(ELIBACC)},
	Row{"ELIBBAD", uint64(ELIBBAD)},
	Row{"ELIBSCN", uint64(ELIBSCN)},
	Row{"ELIBMAX", uint64(ELIBMAX)},
	Row{"ELIBEXEC", uint64(ELIBEXEC)},
	Row{"EILSEQ", uint64(EILSEQ)},
	Row{"ERESTART", uint64(ERESTART)},
	Row{"ESTRPIPE", uint64(ESTRPIPE)},
	Row{"EUSERS", uint64(EUSERS)},
	Row{"ENOTSOCK", uint64(ENOTSOCK)},
	Row{"EDESTADDRREQ", uint64(EDESTADDRREQ)},
	Row{"EMSGSIZE", uint64(EMSGSIZE)},
	Row{"EPROTOTYPE", uint64(EPROTOTYPE)},
	Row{"ENOPROTOOPT", uint64(ENOPROTOOPT)},
	Row{"EPROTONOSUPPORT", uint64(EPROTONOSUPPORT)},
	Row{"ESOCKTNOSUPPORT", uint64(ESOCKTNOSUPPORT)},
	Row{"EOPNOTSUPP", uint64(EOPNOTSUPP)},
	Row{"EPFNOSUPPORT", uint64(EPFNOSUPPORT)},
	Row{"EAFNOSUPPORT", uint64(EAFNOSUPPORT)},
	Row{"EADDRINUSE", uint64(EADDRINUSE)},
	Row{"EADDRNOTAVAIL", uint64(EADDRNOTAVAIL)},
	Row{"ENETDOWN", uint64(ENETDOWN)},
	Row{"ENETUNREACH", uint64(ENETUNREACH)},
	Row{"ENETRESET", uint64(ENETRESET)},
	Row{"ECONNABORTED", uint64(ECONNABORTED)},
	Row{"ECONNRESET", uint64(ECONNRESET)},
	Row{"ENOBUFS", uint64(ENOBUFS)},
	Row{"EISCONN", uint64(EISCONN)},
	Row{"ENOTCONN", uint64(ENOTCONN)},
	Row{"ESHUTDOWN", uint64(ESHUTDOWN)},
	Row{"ETOOMANYREFS", uint64(ETOOMANYREFS)},
	Row{"ETIMEDOUT", uint64(ETIMEDOUT)},
	Row{"ECONNREFUSED", uint64(ECONNREFUSED)},
	Row{"EHOSTDOWN", uint64(EHOSTDOWN)},
	Row{"EHOSTUNREACH", uint64(EHOSTUNREACH)},
	Row{"EALREADY", uint64(EALREADY)},
	Row{"EINPROGRESS", uint64(EINPROGRESS)},
	Row{"ESTALE", uint64(ESTALE)},
	Row{"EUCLEAN", uint64(EUCLEAN)},
	Row{"ENOTNAM", uint64(ENOTNAM)},
	Row{"ENAVAIL", uint64(ENAVAIL)},
	Row{"EISNAM", uint64(EISNAM)},
	Row{"EREMOTEIO", uint64(EREMOTEIO)},
	Row{"EDQUOT", uint64(EDQUOT)},
	Row{"ENOMEDIUM", uint64(ENOMEDIUM)},
	Row{"EMEDIUMTYPE", uint64(EMEDIUMTYPE)},
	Row{"ECANCELED", uint64(ECANCELED)},
	Row{"ENOKEY", uint64(ENOKEY)},
	Row{"EKEYEXPIRED", uint64(EKEYEXPIRED)},
	Row{"EKEYREVOKED", uint64(EKEYREVOKED)},
	Row{"EKEYREJECTED", uint64(EKEYREJECTED)},
	Row{"EOWNERDEAD", uint64(EOWNERDEAD)},
	Row{"ENOTRECOVERABLE", uint64(ENOTRECOVERABLE)},
	Row{"ERFKILL", uint64(ERFKILL)},
	Row{"EHWPOISON", uint64(EHWPOISON)},
)

// String returns the C name ("EINVAL"), "0" for no error, or the number.
func (e Errno) String() string {
	if e == 0 {
		return "0"
	}
	return errnos.Format(uint64(e))
}

// Error makes an Errno an error. Errno 0 must not be stored in an error.
func (e Errno) Error() string { return e.String() }

// Ret returns the value that a system call or a CQE has for e: 0 or the negated number.
func (e Errno) Ret() int64 { return -int64(e) }

// ParseErrno parses a C name such as "EACCES".
func ParseErrno(s string) (Errno, error) {
	v, ok := errnos.byName[s]
	if !ok {
		return 0, fmt.Errorf("found %q, expected the name of an errno such as EINVAL", s)
	}
	return Errno(v), nil
}

// maxErrno is the largest number that the kernel treats as an error (MAX_ERRNO).
const maxErrno = 4095

// ErrnoOf returns the error in the return value of a system call or in cqe.res. It returns false if the value is not an
// error.
func ErrnoOf(ret int64) (e Errno, ok bool) {
	if ret < 0 && ret >= -maxErrno {
		return Errno(-ret), true
	}
	return 0, false
}

// FormatRet formats a return value for people: as the name of the error or as a number.
func FormatRet(ret int64) string {
	if e, ok := ErrnoOf(ret); ok {
		if name, ok := errnos.Name(uint64(e)); ok {
			return name
		}
	}
	return fmt.Sprint(ret)
}
