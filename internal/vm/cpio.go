package vm

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// cpioArchive is an initramfs in cpio's "newc" format: the files, executable, and the folders that they need.
// Names are paths without a leading slash.
func cpioArchive(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	w := cpioWriter{b: &b, dirs: map[string]bool{".": true}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !fs.ValidPath(name) || name == "." {
			return nil, fmt.Errorf("%q is no path for a file in the guest", name)
		}
		w.parents(name)
		w.entry(name, modeFile|0o755, files[name])
	}
	for _, dir := range []string{"dev", "proc", "sys", "tmp"} { // to mount on
		w.parents(dir + "/x")
	}
	w.entry("TRAILER!!!", 0, nil)
	return b.Bytes(), nil
}

// File types of st_mode.
const (
	modeDir  = 0o040000
	modeFile = 0o100000
)

type cpioWriter struct {
	b    *bytes.Buffer
	ino  int
	dirs map[string]bool
}

// parents writes the folders above name that are not there yet, the outermost first.
func (w *cpioWriter) parents(name string) {
	if dir := path.Dir(name); !w.dirs[dir] {
		w.parents(dir)
		w.dirs[dir] = true
		w.entry(dir, modeDir|0o755, nil)
	}
}

// entry writes one header of 13 hex numbers, the name and the data, each padded to 4 bytes.
func (w *cpioWriter) entry(name string, mode int, data []byte) {
	w.ino++
	fmt.Fprintf(w.b, "070701")
	for _, v := range []int{w.ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		fmt.Fprintf(w.b, "%08X", v)
	}
	w.b.WriteString(name + "\x00")
	w.pad()
	w.b.Write(data)
	w.pad()
}

func (w *cpioWriter) pad() { w.b.WriteString(strings.Repeat("\x00", -w.b.Len()&3)) }
