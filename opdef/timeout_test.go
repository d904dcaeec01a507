package opdef

import (
	"testing"

	"github.com/uringsim/uringsim/uapi"
)

// after is a chain that ends with a request of that opcode.
func after(op uapi.Op) env { return env{inChain: true, last: op} }

func TestTimeouts(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: timeoutOp, sqe: "addr=TS len=2", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=0x6d", want: "EINVAL", why: "two clocks"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=0x25", want: "0"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=0x68", want: "0"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=0x41", want: "EINVAL", why: "MULTISHOT of a point in time"},
		{op: timeoutOp, sqe: "addr=BAD len=1 timeout_flags=0xc", want: "EINVAL", why: "clocks before the time"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=2", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=0x10", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=TS len=1 timeout_flags=0x100", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=BAD len=1", want: "EFAULT"}, {op: timeoutOp, sqe: "addr=TSNEG len=1", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=TSNNEG len=1", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=TSNSEC len=1", want: "0", why: "two seconds of nanoseconds"},
		{op: timeoutOp, sqe: "addr=1000 len=1 timeout_flags=0x80", want: "EINVAL <7.1 0", why: "IMMEDIATE_ARG"},
		{op: timeoutOp, sqe: "addr=-1 len=1 timeout_flags=0x80", want: "EINVAL"},
		{op: timeoutOp, sqe: "addr=TS len=1 off=-1", want: "0"},
		{op: timeoutOp, sqe: "addr=BAD len=1 addr3=1", want: "EFAULT <7.0 EINVAL", why: "timeout-ignores-pad"},
		{op: linkTimeout, sqe: "addr=TS len=1", want: "EINVAL", why: "no chain"},
		{op: linkTimeout, sqe: "addr=BAD len=1", want: "EFAULT", why: "the time before the chain"},
		{op: linkTimeout, sqe: "addr=TS len=1", env: after(read), want: "0"},
		{op: linkTimeout, sqe: "addr=TS len=1", env: after(linkTimeout), want: "EINVAL", why: "a timeout of a timeout"},
		{op: linkTimeout, sqe: "addr=TS len=1", env: after(timeoutOp), want: "0"},
		{op: linkTimeout, sqe: "addr=TS len=1 off=0x100000000", env: after(read), want: "0",
			why: "only the low half of off counts"},
		{op: linkTimeout, sqe: "addr=BAD len=1 off=1", env: after(read), want: "EINVAL"},
		{op: linkTimeout, sqe: "addr=5 len=1 timeout_flags=0x80", env: after(read), want: "EINVAL <7.1 0"},
	})
}

func TestTimeoutRemoves(t *testing.T) {
	checkPrepRows(t, []prepRow{
		{op: timeoutRemove, sqe: "flags=FIXED", want: "EINVAL"},
		{op: timeoutRemove, sqe: "addr2=BAD", want: "0", why: "no update, no time"},
		{op: timeoutRemove, sqe: "timeout_flags=1", want: "EINVAL", why: "flags without an update"},
		{op: timeoutRemove, sqe: "timeout_flags=2 addr2=TS", want: "0"},
		{op: timeoutRemove, sqe: "timeout_flags=3 addr2=TS", want: "0"},
		{op: timeoutRemove, sqe: "timeout_flags=0x10 addr2=TS", want: "0", why: "LINK_UPDATE alone"},
		{op: timeoutRemove, sqe: "timeout_flags=2 addr2=BAD", want: "EFAULT"},
		{op: timeoutRemove, sqe: "timeout_flags=0xe addr2=TS", want: "EINVAL", why: "two clocks"},
		{op: timeoutRemove, sqe: "timeout_flags=6 addr2=TS", want: "EINVAL", why: "even one is refused"},
		{op: timeoutRemove, sqe: "timeout_flags=0x22 addr2=BAD", want: "EINVAL"},
		{op: timeoutRemove, sqe: "timeout_flags=2 addr2=TSNEG", want: "EINVAL"},
		{op: timeoutRemove, sqe: "timeout_flags=0x82 addr2=5", want: "EINVAL <7.1 0"},
		{op: timeoutRemove, sqe: "timeout_flags=0x80", want: "EINVAL"},
		{op: timeoutRemove, sqe: "timeout_flags=0x82 addr2=-5", want: "EINVAL"},
	})
}
