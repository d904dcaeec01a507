package tracepoint

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// task is the task that was running.
type task struct {
	comm      string
	pid, tgid string // ids of the thread and of its process; "" if the line does not say
}

// name returns the task's name in traces.
func (t task) name() string {
	clean := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(t.comm, "?"))
	return clean + "-" + t.pid
}

// prefix is what perf writes before the name of a tracepoint.
const prefix = "io_uring:"

// splitEvent finds the name of the tracepoint. It takes the last candidate, since the name of a task may contain
// anything and the values of tracepoints do not contain such names.
func splitEvent(text string) (before, event, payload string, ok bool) {
	at := -1
	for _, mark := range []string{" io_uring_", ":io_uring_"} {
		at = max(at, strings.LastIndex(text, mark))
	}
	if at < 0 {
		return "", "", "", false
	}
	event, payload, ok = strings.Cut(text[at+1:], ":")
	before = strings.TrimSuffix(text[:at+1], prefix)
	before = strings.TrimRight(before, " ")
	if before, colon := strings.CutSuffix(before, ":"); ok && colon {
		return before, event, payload, true
	}
	return "", "", "", false
}

// What is between the task and the tracepoint.
var (
	cpuColumn  = regexp.MustCompile(`^(.*?)\s*\[\d+\]\s[^\[\]]*$`) // [000], flags and the time
	timeColumn = regexp.MustCompile(`^(.*?)\s+\d+(\.\d+)?$`)       // without a CPU
	tgidColumn = regexp.MustCompile(`^(.*?)\s+\(\s*(\d+|-+)\)$`)   // of tracefs with record-tgid
	taskColumn = regexp.MustCompile(`^\s*(.*?)(-|\s+(?:(\d+)/)?)(\d+)$`)
)

// parseTask reads what is before the name of the tracepoint.
func parseTask(before string) (t task, ok bool) {
	m := cpuColumn.FindStringSubmatch(before)
	if m == nil {
		m = timeColumn.FindStringSubmatch(before)
	}
	if m == nil {
		return t, false
	}
	rest := m[1]
	if m := tgidColumn.FindStringSubmatch(rest); m != nil {
		rest = m[1]
		if _, err := strconv.Atoi(m[2]); err == nil {
			t.tgid = m[2]
		}
	}
	m = taskColumn.FindStringSubmatch(rest)
	if m == nil {
		return t, false
	}
	t.comm, t.pid = m[1], m[4]
	if m[3] != "" {
		t.tgid = m[3]
	}
	return t, true
}

// lost are the messages with which the tools report lost events. A message without a number stands for at least one.
var lost = []*regexp.Regexp{
	regexp.MustCompile(`^CPU:\d+ \[LOST(?: (\d+))? EVENTS\]$`),         // tracefs
	regexp.MustCompile(`^CPU:\d+ \[(?:(\d+) )?EVENTS DROPPED\]$`),      // trace-cmd report
	regexp.MustCompile(`PERF_RECORD_LOST(?:_SAMPLES)? lost (\d+)\s*$`), // perf script --show-lost-events
	regexp.MustCompile(`^Lost (\d+) events$`),                          // bpftrace
}

// parseLost returns how many events the line reports as lost, and whether it is such a line.
func parseLost(text string) (n uint64, ok bool) {
	for _, r := range lost {
		m := r.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if n, err := strconv.ParseUint(m[1], 10, 64); err == nil {
			return n, true
		}
		return 1, true
	}
	return 0, false
}

// preamble are the first lines of bpftrace and trace-cmd.
var preamble = regexp.MustCompile(`^(Attach(?:ing|ed) \d+ probes?(?:\.\.\.)?|version = \d+|cpus=\d+)$`)

// The comments that matter.
var (
	osRelease = regexp.MustCompile(`^# os release : (\S+)$`)
	overwrote = regexp.MustCompile(`^# entries-in-buffer/entries-written: (\d+)/(\d+)\s`)
)

// release is what uname -r gives.
var release = regexp.MustCompile(`^(\d+\.\d+)\S*$`)

// Unknown is the release of a kernel whose release is not known.
const Unknown = "unknown"

// Release returns the release of a kernel as traces name it, and with all its numbers. The name is Unknown if uname is
// not a valid release.
func Release(uname string) (name, version string) {
	m := release.FindStringSubmatch(uname)
	if m == nil {
		return Unknown, uname
	}
	return m[1], uname
}
