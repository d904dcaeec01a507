package uapi

import "math"

// Nanoseconds converts a time that is not negative. If it is too long, the result stands for forever.
//
// Linux: include/linux/ktime.h:timespec64_to_ktime
func Nanoseconds(sec, nsec int64) int64 {
	const second = 1_000_000_000
	if sec >= math.MaxInt64/second || nsec > math.MaxInt64-sec*second {
		return math.MaxInt64
	}
	return sec*second + nsec
}
