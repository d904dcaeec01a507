package opdef

import "testing"

func TestReadsAndWrites(t *testing.T) {
	rt := env{rt: true}
	checkPrepRows(t, []prepRow{
		{op: read, sqe: "ioprio=0x4000", want: "0", why: "best effort"},
		{op: read, sqe: "ioprio=0x4007", want: "0", why: "any level"},
		{op: read, sqe: "ioprio=0x6000", want: "0", why: "idle"},
		{op: read, sqe: "ioprio=0x2000", want: "EPERM", why: "real time"},
		{op: read, sqe: "ioprio=0x2000", env: rt, want: "0", why: "with CAP_SYS_NICE"},
		{op: read, sqe: "ioprio=0x8000", want: "EINVAL", why: "class 4"},
		{op: read, sqe: "ioprio=0xe000", want: "EINVAL", why: "class 7"},
		{op: read, sqe: "ioprio=1", want: "EINVAL", why: "no class, but a level"},
		{op: read, sqe: "ioprio=4", want: "EINVAL"},
		{op: read, sqe: "ioprio=7", want: "EINVAL"},
		{op: read, sqe: "ioprio=8", want: "0", why: "hints without a class"}, {op: read, sqe: "ioprio=0x1ff8", want: "0"},
		{op: readFixed, sqe: "ioprio=1", want: "EINVAL", why: "all reads and writes"},
		{op: read, sqe: "ioprio=0x2000 attr_type_mask=2", want: "EPERM", why: "the priority comes before the attributes"},
		{op: read, sqe: "attr_type_mask=2", want: "EINVAL", why: "only protection information"},
		{op: read, sqe: "attr_type_mask=0x100000001", want: "EINVAL", why: "64 bits count"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=PI", want: "0"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=BAD", want: "EFAULT"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=PIRSVD", want: "EINVAL"},
		{op: read, sqe: "attr_type_mask=1 attr_ptr=PIKERN", want: "EFAULT"},
		{op: read, sqe: "attr_ptr=BAD", want: "0", why: "not looked at without a type"},
		{op: read, sqe: "addr=KERN attr_type_mask=2", want: "EINVAL", why: "attributes before the buffer"},

		{op: read, sqe: "addr=BAD len=16", want: "0", why: "only the numbers are looked at"},
		{op: read, sqe: "addr=KERN len=1", want: "EFAULT"},
		{op: read, sqe: "addr=KERN", want: "EFAULT", why: "no bytes there either"},
		{op: read, sqe: "addr=0x7ffffffff000 len=0", want: "0", why: "the end of user memory"},
		{op: read, sqe: "addr=0x7ffffffff000 len=1", want: "EFAULT"},
		{op: read, sqe: "addr=0x7fff80000000 len=0xffffffff", want: "0", why: "the length is clipped to MAX_RW_COUNT"},
		{op: read, sqe: "addr=0x7fff80000001 len=0xffffffff", want: "EFAULT", why: "one byte more"},
		{op: read, sqe: "addr=KERN len=1 flags=SELECT", want: "0", why: "the buffer is chosen later"},
		{op: write, sqe: "addr=KERN len=1", want: "EFAULT"},
		{op: readFixed, sqe: "addr=KERN len=1", want: "0", why: "looked up when it runs"},
		{op: mshot, sqe: "flags=SELECT", want: "0"},
		{op: mshot, sqe: "ioprio=0x2000", want: "EINVAL", why: "BUFFER_SELECT comes first"},
		{op: mshot, sqe: "flags=SELECT len=1 attr_type_mask=1", want: "EFAULT", why: "attributes before the length"},
	})
}

func TestIovecs(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: readv, sqe: "addr=KERN", want: "0", why: "no iovecs, any pointer"},
		{op: readv, sqe: "addr=IOV len=1", want: "0"},
		{op: readv, sqe: "addr=BAD len=1", want: "EFAULT"},
		{op: readv, sqe: "addr=END+-8 len=1", want: "EFAULT", why: "half of it"},
		{op: readv, sqe: "addr=BAD len=1024", want: "EFAULT", why: "the longest"},
		{op: readv, sqe: "addr=BAD len=1025", want: "EINVAL"},
		{op: readv, sqe: "addr=BAD len=0x80000000", want: "EINVAL"},
		{op: readv, sqe: "addr=IOVNEG len=1", want: "EINVAL"}, {op: readv, sqe: "addr=IOVKERN len=1", want: "EFAULT"},
		{op: readv, sqe: "addr=IOVBIG len=1", want: "0", why: "one is clipped to MAX_RW_COUNT"},
		{op: readv, sqe: "addr=IOV2 len=2", want: "0"}, {op: readv, sqe: "addr=IOV2KERN len=2", want: "EFAULT"},
		{op: readv, sqe: "addr=IOV2BIG len=2", want: "EFAULT", why: "of several, none is clipped before it is checked"},
		{op: readv, sqe: "addr=IOV2NEG len=2", want: "EINVAL", why: "lengths of all before the addresses"},
		{op: readv, sqe: "flags=SELECT", want: "EINVAL", why: "a selected buffer wants one iovec"},
		{op: readv, sqe: "flags=SELECT len=2 addr=IOV2", want: "EINVAL"},
		{op: readv, sqe: "flags=SELECT len=1 addr=IOVKERN", want: "0"},
		{op: readv, sqe: "flags=SELECT len=1 addr=BAD", want: "EFAULT"},
		{op: readv, sqe: "flags=SELECT len=1 addr=IOVNEG", want: "0 <7.3 EINVAL", why: "negative-selected-iovec"},
		{op: writev, sqe: "addr=IOVNEG len=1", want: "EINVAL"},
		{op: readvFixed, sqe: "addr=IOVKERN len=1", want: "0", why: "the buffers are looked up when it runs"},
		{op: readvFixed, sqe: "addr=IOVNEG len=1", want: "EINVAL"}, {op: readvFixed, sqe: "addr=BAD len=1", want: "EFAULT"},
		{op: readvFixed, sqe: "addr=BAD len=1025", want: "EINVAL"},
		{op: readvFixed, sqe: "addr=BAD len=262144", want: "EINVAL", why: "4 MiB of iovecs find room"},
		{op: readvFixed, sqe: "addr=BAD len=262145", want: "ENOMEM", why: "more do not"},
		{op: readvFixed, sqe: "addr=BAD len=0x80000000", want: "ENOMEM", why: "room is taken before the length is checked"},
		{op: writevFixed, sqe: "len=0xffffffff", want: "ENOMEM"},
	})
}
