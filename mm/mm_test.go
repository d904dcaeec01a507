package mm

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/uapi"
)

const base = 0x2000_0000

// mapped is a Space with n pages at base.
func mapped(t *testing.T, n uint64, prot Prot) *Space {
	t.Helper()
	s := &Space{}
	if e := s.Map(base, n*PageSize, prot); e != 0 {
		t.Fatal(e)
	}
	return s
}

func TestMapErrors(t *testing.T) {
	rows := []struct {
		name       string
		addr, size uint64
		want       uapi.Errno
		why        string
	}{
		{"one page", base, PageSize, 0, ""},
		{"last page", TaskSizeMax - PageSize, PageSize, 0, "ends where user memory ends"},
		{"page 0", 0, PageSize, 0, "the model has no mmap_min_addr"},
		{"odd address", base + 1, PageSize, uapi.EINVAL, ""},
		{"odd size", base, PageSize + 1, uapi.EINVAL, ""},
		{"no size", base, 0, uapi.EINVAL, ""},
		{"beyond", TaskSizeMax, PageSize, uapi.ENOMEM, "the guard page of the canonical half"},
		{"over the end", TaskSizeMax - PageSize, 2 * PageSize, uapi.ENOMEM, ""},
		{"wraps", ^uint64(0) &^ (PageSize - 1), 2 * PageSize, uapi.ENOMEM, "addr+size is small again"},
	}
	for _, r := range rows {
		var s Space
		if e := s.Map(r.addr, r.size, ReadWrite); e != r.want {
			t.Errorf("Map %s = %v, want %v (%s)", r.name, e, r.want, r.why)
		}
		if got := len(s.segs) == 1; got != (r.want == 0) {
			t.Errorf("Map %s left segments %v", r.name, s.segs)
		}
	}
}

func TestUnmapErrors(t *testing.T) {
	rows := []struct {
		name       string
		addr, size uint64
		want       uapi.Errno
		why        string
	}{
		{"mapped", base, PageSize, 0, ""}, {"not mapped", base + 64*PageSize, PageSize, 0, "nothing there is no error"},
		{"odd address", base + 8, PageSize, uapi.EINVAL, ""}, {"odd size", base, 8, uapi.EINVAL, ""},
		{"no size", base, 0, uapi.EINVAL, ""},
		{"over the end", TaskSizeMax - PageSize, 2 * PageSize, uapi.EINVAL, ""},
		{"wraps", ^uint64(0) &^ (PageSize - 1), 2 * PageSize, uapi.EINVAL, ""},
	}
	for _, r := range rows {
		s := mapped(t, 1, Read)
		if e := s.Unmap(r.addr, r.size); e != r.want {
			t.Errorf("Unmap %s = %v, want %v (%s)", r.name, e, r.want, r.why)
		}
	}
}

func TestProtectErrors(t *testing.T) {
	rows := []struct {
		name       string
		addr, size uint64
		want       uapi.Errno
		readOnly   uint64 // pages from base on that cannot be written afterwards
		why        string
	}{
		{"first page", base, PageSize, 0, 1, ""}, {"all", base, 4 * PageSize, 0, 4, ""},
		{"nothing", base, 0, 0, 0, "mprotect of no bytes"},
		{"over the end", base, 5 * PageSize, uapi.ENOMEM, 4, "what comes before the gap has changed"},
		{"gap first", base - PageSize, 5 * PageSize, uapi.ENOMEM, 0, "nothing comes before it"},
		{"odd address", base + 1, PageSize, uapi.EINVAL, 0, ""},
		{"wraps", base, ^uint64(0) &^ (PageSize - 1), uapi.ENOMEM, 0, "the end is before the start"},
	}
	for _, r := range rows {
		s := mapped(t, 4, ReadWrite)
		if e := s.Protect(r.addr, r.size, Read); e != r.want {
			t.Errorf("Protect %s = %v, want %v (%s)", r.name, e, r.want, r.why)
		}
		for page := range uint64(4) {
			if wrote := s.CopyOut(base+page*PageSize, []byte{1}); wrote != (page >= r.readOnly) {
				t.Errorf("Protect %s: page %d written: %v (%s)", r.name, page, wrote, r.why)
			}
		}
	}
}

// TestMapReplaces: what was mapped there is gone, its bytes too.
func TestMapReplaces(t *testing.T) {
	s := mapped(t, 3, ReadWrite)
	s.CopyOut(base, bytes.Repeat([]byte{7}, 3*PageSize))
	if e := s.Map(base+PageSize, PageSize, Read); e != 0 {
		t.Fatal(e)
	}
	got := make([]byte, 3*PageSize)
	if !s.CopyIn(got, base) {
		t.Fatal("CopyIn over three segments failed")
	}
	want := bytes.Repeat([]byte{7}, 3*PageSize)
	clear(want[PageSize : 2*PageSize])
	if !bytes.Equal(want, got) {
		t.Error("the new page must be zero, its neighbours as they were")
	}
	if s.CopyOut(base+PageSize, []byte{1}) {
		t.Error("the new page must not be writable")
	}
	if diff := cmp.Diff(3, len(s.segs)); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
}

// TestCopyOutPartial: copy_to_user writes up to the fault, copy_from_user gives nothing.
func TestCopyOutPartial(t *testing.T) {
	rows := []struct {
		name    string
		addr    uint64
		n       int
		ok      bool
		written int
		why     string
	}{
		{"inside", base + 8, 16, true, 16, ""}, {"to the last byte", base + PageSize - 4, 4, true, 4, ""},
		{"over the end", base + PageSize - 4, 8, false, 4, "what fits is written"},
		{"behind", base + PageSize, 8, false, 0, ""}, {"before", base - 4, 8, false, 0, "the fault comes first"},
		{"nothing", base + 64*PageSize, 0, true, 0, "no bytes need no memory"},
		{"not user memory", TaskSizeMax - 4, 8, false, 0, "access_ok comes first"},
	}
	for _, r := range rows {
		s := mapped(t, 1, ReadWrite)
		if ok := s.CopyOut(r.addr, bytes.Repeat([]byte{9}, r.n)); ok != r.ok {
			t.Errorf("CopyOut %s = %v, want %v (%s)", r.name, ok, r.ok, r.why)
		}
		page := make([]byte, PageSize)
		s.CopyIn(page, base)
		if n := bytes.Count(page, []byte{9}); n != r.written {
			t.Errorf("CopyOut %s wrote %d bytes, want %d (%s)", r.name, n, r.written, r.why)
		}
	}
}

func TestCopyInAllOrNothing(t *testing.T) {
	s := mapped(t, 1, ReadWrite)
	s.CopyOut(base, bytes.Repeat([]byte{9}, PageSize))
	dst := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	if s.CopyIn(dst, base+PageSize-4) {
		t.Error("CopyIn over the end must fail")
	}
	if diff := cmp.Diff([]byte{1, 2, 3, 4, 5, 6, 7, 8}, dst); diff != "" {
		t.Errorf("it must leave dst alone (-want +got):\n%s", diff)
	}
	s.Protect(base, PageSize, None)
	if s.CopyIn(dst, base) {
		t.Error("CopyIn from memory without access must fail")
	}
}

// TestClone: writes after the fork stay on their side, whichever side that is, and unmapping too.
func TestClone(t *testing.T) {
	read := func(s *Space, addr uint64) byte {
		b := []byte{0xee}
		s.CopyIn(b, addr)
		return b[0]
	}
	parent := mapped(t, 2, ReadWrite)
	parent.CopyOut(base, []byte{1})
	child := parent.Clone()
	grandchild := child.Clone()
	parent.CopyOut(base, []byte{2})
	child.CopyOut(base, []byte{3})
	child.CopyOut(base+PageSize, []byte{4})
	grandchild.Unmap(base, PageSize)
	got := []byte{read(parent, base), read(child, base), read(grandchild, base),
		read(parent, base+PageSize), read(child, base+PageSize), read(grandchild, base+PageSize)}
	if diff := cmp.Diff([]byte{2, 3, 0xee, 0, 4, 0}, got); diff != "" {
		t.Errorf("parent, child, grandchild; page 0, page 1 (-want +got):\n%s", diff)
	}
}

func TestCString(t *testing.T) {
	long := strings.Repeat("x", PageSize)
	rows := []struct {
		name    string
		content string // behind base; the memory ends with it if it fills the page
		addr    uint64
		limit   int
		want    string
		errno   uapi.Errno
		why     string
	}{
		{"short", "abc\x00", base, 4096, "abc", 0, ""},
		{"empty", "\x00", base, 4096, "", 0, "ENOENT is the caller's to give"},
		{"fits", "abc\x00", base, 4, "abc", 0, "the NUL is within the limit"},
		{"does not fit", "abc\x00", base, 3, "", uapi.ENAMETOOLONG, "the NUL is not"},
		{"not mapped", "", base + 2*PageSize, 4096, "", uapi.EFAULT, ""},
		{"runs off", long, base, 4097, "", uapi.EFAULT, "no NUL before the memory ends"},
		{"stops before the end", long, base, 4096, "", uapi.ENAMETOOLONG, "the limit comes before the fault"},
		{"to the last byte", long[:PageSize-1] + "\x00", base + PageSize - 3, 4096, "xx", 0,
			"what follows need not be mapped"},
		{"kernel address", "", 0xffff_8000_0000_0000, 16, "", uapi.EFAULT, ""},
		{"NULL", "", 0, 16, "", uapi.EFAULT, ""},
		{"at the end of user memory", "", TaskSizeMax - 1, 16, "", uapi.EFAULT, ""},
	}
	for _, r := range rows {
		s := mapped(t, 1, ReadWrite)
		s.CopyOut(base, []byte(r.content))
		if got, e := s.CString(r.addr, r.limit); got != r.want || e != r.errno {
			t.Errorf("CString %s = %q, %v, want %q, %v (%s)", r.name, got, e, r.want, r.errno, r.why)
		}
	}
	s := mapped(t, 2, ReadWrite)
	s.CopyOut(base+PageSize-2, []byte("over\x00"))
	if got, e := s.CString(base+PageSize-2, 4096); got != "over" || e != 0 {
		t.Errorf("over a page's end: %q, %v", got, e)
	}
}

func TestAccessOK(t *testing.T) {
	rows := []struct {
		addr, size uint64
		want       bool
		why        string
	}{
		{0, 0, true, "NULL is a user address"}, {1, 1 << 31, true, ""}, {TaskSizeMax, 0, true, "no bytes at the end"},
		{TaskSizeMax - 1, 1, true, "the last byte"}, {TaskSizeMax, 1, false, "one more"},
		{TaskSizeMax + 1, 0, false, "no bytes behind the end"},
		{0, TaskSizeMax, true, "all of it"}, {0, TaskSizeMax + 1, false, ""}, {1 << 63, 8, false, "the kernel's half"},
		{^uint64(0), 1, false, "wraps to 0"}, {^uint64(0), 2, false, "wraps to 1"},
		{8, ^uint64(0), false, "a huge size wraps"},
	}
	for _, r := range rows {
		if got := AccessOK(r.addr, r.size); got != r.want {
			t.Errorf("AccessOK(%#x, %#x) = %v, want %v (%s)", r.addr, r.size, got, r.want, r.why)
		}
	}
}

func TestPinnable(t *testing.T) {
	s := mapped(t, 4, ReadWrite)
	s.Protect(base+2*PageSize, PageSize, Read)
	rows := []struct {
		addr, size uint64
		want       bool
		why        string
	}{
		{base, PageSize, true, ""}, {base, 2 * PageSize, true, ""}, {base + 3*PageSize, PageSize, true, ""},
		{base + PageSize, 2 * PageSize, false, "a page that cannot be written"},
		{base + 3*PageSize, 2 * PageSize, false, "a page that is not there"},
		{base - PageSize, PageSize, false, ""}, {0, PageSize, false, "NULL"},
		{^uint64(0) &^ (PageSize - 1), 2 * PageSize, false, "wraps"},
	}
	for _, r := range rows {
		if got := s.Pinnable(r.addr, r.size); got != r.want {
			t.Errorf("Pinnable(%#x, %#x) = %v, want %v (%s)", r.addr, r.size, got, r.want, r.why)
		}
	}
}

// TestMaxResident: a Space holds so many pages and no more; what it has, it can still write, and reading costs none.
func TestMaxResident(t *testing.T) {
	const pages = MaxResident / PageSize
	s := mapped(t, 2*pages, ReadWrite)
	if s.pages = make(map[uint64]*page, pages); len(s.pages) != 0 {
		t.Fatal("a new map must be empty")
	}
	held := &page{owner: s} // one content for all is enough to count them
	for n := range uint64(pages - 1) {
		s.pages[base/PageSize+n] = held
	}
	last, beyond := uint64(base+(pages-1)*PageSize), uint64(base+pages*PageSize)
	if !s.CopyOut(last, []byte{1}) {
		t.Error("the last page must be there to write")
	}
	if s.CopyOut(beyond, []byte{1}) || len(s.pages) != pages {
		t.Errorf("one page more must not be; %d pages", len(s.pages))
	}
	if !s.CopyOut(last, []byte{2}) || !s.CopyIn(make([]byte, 8), beyond) {
		t.Error("pages that are there can be written, and all can be read")
	}
	s.Unmap(base, PageSize)
	if !s.CopyOut(beyond, []byte{1}) {
		t.Error("an unmapped page must make room")
	}
}
