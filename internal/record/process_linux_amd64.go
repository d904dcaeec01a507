package record

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// process is what the threads of a process share.
type process struct {
	space  *space
	files  map[int32]fileID // what the trace has open, by descriptor
	nofile unix.Rlimit      // RLIMIT_NOFILE in the trace, 0 if it never set one
}

// fileID tells open files apart. The zero value is a file of which nothing is known.
type fileID struct{ dev, ino uint64 }

// task is a thread of the program.
type task struct {
	tid   int
	name  string // in the trace
	proc  *process
	call  *call     // that it is in
	ended bool      // the trace has its end
	rings [16]*ring // its registered rings
}

// readv copies memory of the task into b, all or an error.
func (t *task) readv(b []byte, from ...unix.RemoteIovec) error {
	if len(b) == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	const most = 1024 // iovecs of a call
	if len(from) > most {
		size := 0
		for _, r := range from[:most] {
			size += r.Len
		}
		if err := t.readv(b[:size], from[:most]...); err != nil {
			return err
		}
		return t.readv(b[size:], from[most:]...)
	}
	n, err := unix.ProcessVMReadv(t.tid, local, from, 0)
	if err == nil && n < len(b) {
		err = unix.EFAULT
	}
	return err
}

// readable tells whether all pages of the memory are there.
func (t *task) readable(addr, size uint64) bool {
	var from []unix.RemoteIovec
	for at := addr; at < addr+size; at = at&^(pageSize-1) + pageSize {
		from = append(from, remote(at, 1))
	}
	return t.readv(make([]byte, len(from)), from...) == nil
}

// remote is a piece of the task's memory.
func remote(addr uint64, size int) unix.RemoteIovec {
	return unix.RemoteIovec{Base: uintptr(addr), Len: size}
}

// identify tells which file the descriptor is.
func (t *task) identify(fd int32) (fileID, bool) {
	var st unix.Statx_t
	path := t.procPath("fd/" + strconv.Itoa(int(fd)))
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st) != nil {
		return fileID{}, false
	}
	return fileID{unix.Mkdev(st.Dev_major, st.Dev_minor), st.Ino}, true
}

// procPath is a path below the task's folder in /proc.
func (t *task) procPath(name string) string { return "/proc/" + strconv.Itoa(t.tid) + "/" + name }

// openFlags are the flags with which the descriptor was opened, and its FD_CLOEXEC as O_CLOEXEC.
func (t *task) openFlags(fd int32) uint64 {
	text, err := os.ReadFile(t.procPath(fmt.Sprintf("fdinfo/%d", fd)))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(v), 8, 64)
			if err != nil {
				return 0
			}
			return flags
		}
	}
	return 0
}

// socket tells which kind of socket the descriptor is.
func (t *task) socket(fd int32, pid int) (domain, kind, protocol int) {
	domain, kind = unix.AF_UNIX, unix.SOCK_STREAM // if nobody says
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return domain, kind, 0
	}
	defer unix.Close(pidfd)
	own, err := unix.PidfdGetfd(pidfd, int(fd), 0)
	if err != nil {
		return domain, kind, 0
	}
	defer unix.Close(own)
	for _, o := range []struct {
		name int
		into *int
	}{{unix.SO_DOMAIN, &domain}, {unix.SO_TYPE, &kind}, {unix.SO_PROTOCOL, &protocol}} {
		if v, err := unix.GetsockoptInt(own, unix.SOL_SOCKET, o.name); err == nil {
			*o.into = v
		}
	}
	return domain, kind, protocol
}

// processOf is the process id of the thread.
func (t *task) processOf() int {
	text, err := os.ReadFile(t.procPath("status"))
	if err != nil {
		return t.tid
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "Tgid:"); ok {
			if pid, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
				return pid
			}
		}
	}
	return t.tid
}

// mapped is where the task has mapped the file, by offset; the lowest address counts.
func (t *task) mapped(file fileID) map[uint64]uint64 {
	f, err := os.Open(t.procPath("maps"))
	if err != nil {
		return nil
	}
	defer f.Close()
	found := map[uint64]uint64{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // range, protection, offset, device, inode, name
		if len(fields) < 6 || fields[5] != ringLink || fields[4] != strconv.FormatUint(file.ino, 10) {
			continue
		}
		from, _, _ := strings.Cut(fields[0], "-")
		addr, err1 := strconv.ParseUint(from, 16, 64)
		off, err2 := strconv.ParseUint(fields[2], 16, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		if _, ok := found[off]; !ok {
			found[off] = addr
		}
	}
	return found
}
