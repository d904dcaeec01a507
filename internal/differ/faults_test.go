package differ_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
)

// fault is a mistake in the model's source, and the kind of trace that shows it.
type fault struct {
	name, file, old, new string
	kind                 string
}

// faults are deliberate mistakes: checks dropped, orders swapped, errnos changed, semantics of another machine.
var faults = []fault{
	{"shift by X of 32 and more gives 0", "cbpfvm/run.go", "a <<= in.k & 31", "a <<= in.k", "vm"},
	{"div by X = 0 allows", "cbpfvm/run.go", "if x == 0 {\n\t\t\t\treturn 0", "if x == 0 {\n\t\t\t\treturn 1", "vm"},
	{"writes back nothing on EMSGSIZE", "bpffilter/filter.go", "reg.PDUSize = size\n", "if refusal != nil {\n\t\treturn reg, refusal\n\t}\n\treg.PDUSize = size\n", "register"},
	{"SZ_STRICT is ignored", "bpffilter/filter.go", "case strict || reg.PDUSize > size:", "case strict && false || reg.PDUSize > size:", "register"},
	{"a smaller pdu_size is refused", "bpffilter/filter.go", "case strict || reg.PDUSize > size:", "case strict || reg.PDUSize != size:", "register"},
	{"DENY_REST overrides filters", "bpffilter/filter.go", "if set.heads[op] == nil {", "if set.heads[op] == nil || op > int(reg.Opcode) {", "register"},
	{"oldest filter first", "bpffilter/filter.go", "&filter{prog: prog, next: next,", "&filter{prog: prog,", "register"},
	{"copy-on-write off", "bpffilter/restriction.go", "dst.cow = src.filters != nil", "dst.cow = false", "inherit"},
	{"children share restrictions", "tctx/task.go", "c.Restrict, c.Trial = handDown(k, t.Restrict), ", "c.Restrict, c.Trial = t.Restrict, ", "inherit"},
	{"exec keeps ring fds", "tctx/file.go", "if s.cloexec {", "if s.cloexec && false {", "inherit"},
	{"filters need no privilege", "register/restrictions.go", "if c.task.MayFilter() {", "if c.task.MayFilter() || true {", "register"},
	{"privilege is checked after nr", "register/restrictions.go", "if refusal := c.mayFilter(where); refusal != nil {\n\t\treturn refused(refusal)\n\t}\n\tif c.nr != 1 {\n\t\treturn refuse(uapi.EINVAL, where, \"nr must be 1\")\n\t}\n\tr := c.task.Restrict", "if c.nr != 1 {\n\t\treturn refuse(uapi.EINVAL, where, \"nr must be 1\")\n\t}\n\tif refusal := c.mayFilter(where); refusal != nil {\n\t\treturn refused(refusal)\n\t}\n\tr := c.task.Restrict", "register"},
	{"a second restriction list is allowed", "register/restrictions.go", "return refused(ringHasList())", "return Outcome{}", "register"},
	{"task restrictions twice give EBUSY", "register/restrictions.go", "verdict.Refuse(verdict.Register, uapi.EPERM, whereTaskList", "verdict.Refuse(verdict.Register, uapi.EBUSY, whereTaskList", "register"},
	{"required flags are not checked", "bpffilter/restriction.go", "case flags&r.SQEFlagsRequired != r.SQEFlagsRequired:", "case false:", "mixed"},
	{"restrictions see the flags after prep", "sim/initreq.go", "r.Restrict.CheckSQE(q.Opcode, flags)", "r.Restrict.CheckSQE(q.Opcode, flags|q.Flags<<1)", "mixed"},
	{"filters run before prep", "sim/submit.go", "refusal := r.initReq(q, index, left)\n\tif set := r.Restrict.Filters(); refusal == nil && set != nil {", "refusal := r.initReq(q, index, left)\n\tif set := r.Restrict.Filters(); set != nil {", "mixed"},
	{"plain SQEs pass filters", "sim/plain.go", "filters := r.Restrict.Filters()\n\tvar", "filters := r.Restrict.Filters()\n\tfilters = nil\n\tvar", "mixed"},
	{"requests are alike that filters tell apart", "opdef/ops.go", `bitsOf("user_data", le.Uint64(mask[uapi.BPFCtxUserData:]))`, `bitsOf("user_data", le.Uint64(mask[uapi.BPFCtxPDU:]))`, "mixed"},
	{"what was allowed stays so", "bpffilter/screen.go", "if a.head != head {", "if false {", "mixed"},
	{"a filter that allows hides those behind it", "bpffilter/filter.go", "prog.AlwaysAllows() && (next == nil || next.allows)", "prog.AlwaysAllows()", "inherit"},
	{"steps are about less than they see", "opdef/screen.go", "b[3]&le.Uint64(s[24:])", "b[3]&le.Uint64(s[16:])", "prep"},
	{"ioprio is never refused", "sim/initreq.go", "case !def.IOPrio && q.SQE.IOPrio() != 0:", "case false:", "prep"},
	{"personality 0 is looked up", "sim/initreq.go", "id != 0 {", "id != 1 {", "prep"},
	{"O_LARGEFILE is forgotten", "opdef/openclose.go", "p.Req.How.Flags |= uapi.O_LARGEFILE", "_ = uapi.O_LARGEFILE", "vm"},
	{"the mode is kept without O_CREAT", "opdef/openclose.go", "how.Mode = 0", "how.Mode &= 0o7777", "vm"},
	{"short IPv6 addresses show nothing", "opdef/payload.go", "r.AddrLen >= uapi.SIN6_LEN_RFC2133", "r.AddrLen >= uapi.SizeofSockaddrIn6", "vm"},
	{"connect family needs four bytes", "opdef/payload.go", "if r.AddrLen < 2 {", "if r.AddrLen < 4 {", "vm"},
	{"a socket's family is taken from its type", "opdef/payload.go", `from: sqeWord("fd")`, `from: sqeWord("off")`, "vm"},
	{"the payload has no mode", "opdef/payload.go", "return r.How.Mode })", "return 0 })", "vm"},
	{"E2BIG comes after EFAULT", "opdef/openclose.go", "return uapi.E2BIG", "return uapi.EFAULT", "prep"},
	{"a path may have 4096 bytes", "opdef/prep.go", "const pathMax = 4096", "const pathMax = 4097", "prep"},
	{"negative iov_len passes", "opdef/prep.go", "if int64(vec[i].len) < 0 {", "if false {", "prep"},
	{"1025 iovecs pass", "opdef/prep.go", "const uioMaxIOV = 1024", "const uioMaxIOV = 1025", "prep"},
	{"hard links break", "sim/link.go", "if q.failed && q.Flags&uapi.IOSQE_IO_HARDLINK == 0 {", "if q.failed {", "link"},
	{"submission never stops", "sim/submit.go", "if !good && !r.has(uapi.IORING_SETUP_SUBMIT_ALL) {", "if !good && r == nil {", "link"},
	{"skipped CQEs of a failed head come", "sim/link.go", "if q.skipLinks {", "if false {", "link"},
	{"a denied timeout reports EACCES", "sim/submit.go", "q.because(refusal)\n", "q.because(refusal)\n\t\tif r.chain.last != nil {\n\t\t\tr.chain.last.armTimeout = false\n\t\t}\n", "link"},
	{"a linked timeout can be cancelled by itself", "sim/timeout.go", "range slices.Clone(r.timers.list) {\n\t\tif !key", "range append(slices.Clone(r.timers.list), r.timers.linked...) {\n\t\tif !key", "timeout"},
	{"an update keeps the number to wait for", "sim/timeout.go", "t.timer.off, t.timer.repeats = 0, 0", "t.timer.repeats = 0", "timeout"},
	{"a CQE that ends a timeout counts for others", "sim/timeout.go", "r.timers.remove(q)\n\t\tr.timers.fired++\n\t\tq.note", "r.timers.remove(q)\n\t\tq.note", "timeout"},
	{"a dead submission thread is not missed", "sim/enter.go", "if !r.thread.Alive() {", "if r.thread == nil {", "sqpoll"},
	{"a thread of another process is shared", "sim/setup.go", "if r.thread == nil || !r.thread.SameProcess(t) {", "if r.thread == nil {", "sqpoll"},
	{"a dropped entry counts", "sim/submit.go", "if !ok {\n\t\t\tbreak", "if !ok {\n\t\t\tleft--\n\t\t\tbreak", "setup"},
	{"a 128-byte SQE takes one entry", "sim/initreq.go", "*left--\n", "", "link"},
	{"CQ ring has the size of the SQ ring", "sim/setup.go", "p.CQEntries = 2 * p.SQEntries", "p.CQEntries = p.SQEntries", "setup"},
	{"a second eventfd is read before it is refused", "register/eventfd.go", "if c.ring.HasEventfd {", "if c.ring.HasEventfd && c.task.Mem.CopyIn(make([]byte, 4), c.arg) {", "register"},
	{"NAPI writes nothing back if it fails", "register/napi.go", "case n.Opcode > uapi.IO_URING_NAPI_STATIC_DEL_ID:", "case n.Opcode > uapi.IO_URING_NAPI_STATIC_DEL_ID && c.task.Mem.CopyOut(c.arg, raw):", "register"},
	{"a ring that cannot be made keeps the empty group", "register/kbuf.go", "delete(c.ring.Groups, reg.BGID)\n\t}\n\tif reg.Flags", "}\n\tif reg.Flags", "register"},
	{"workers keep to the last limit only", "register/io-wq.go", "limit(other, c.ring.MaxWorkers)", "limit(other, most)", "register"},
	{"an empty group of buffers does not exist", "sim/kbuf.go", "case g == nil:", "case g == nil || !provide && !g.Ring && g.Count == 0:", "register"},
	{"memory of the kernel may have an address", "register/region.go", "case user != (d.UserAddr != 0):", "case user && d.UserAddr == 0:", "register"},
	{"waits need no disabled ring", "register/region.go", "case reg.Flags != 0 && c.ring.Flags&uapi.IORING_SETUP_R_DISABLED == 0:", "case false:", "register"},
	{"resized rings keep the order of their SQ array", "sim/resize.go", "n.sqArray[dst] = dst", "n.sqArray[dst] = src", "setup"},
	{"a resize that overflows writes nothing back", "sim/resize.go", "if !t.Mem.CopyOut(addr, p.Append(nil)) {", "if r.sqTail-r.sqHead <= p.SQEntries && !t.Mem.CopyOut(addr, p.Append(nil)) {", "setup"},
	{"a resize forgets CQEs", "sim/cqmemory.go", "if c.ready() > entries {", "if false {", "setup"},
	{"a resize tears CQEs", "sim/cqmemory.go", "is && !c.r.k.release.Has(kernel.ResizeTearsBigEntries)", "is && entries == 0", "setup"},
	{"a ring in memory of the program starts empty", "sim/resize.go", "\tuser.readSQ(sq)\n", "", "setup"},
	{"a resize counts from the first half", "sim/cqmemory.go", "i&(c.r.cqEntries-1)*unit\n", "i&(entries-1)*unit\n", "cqes"},
	{"a CQE of 32 bytes leaves an entry to others", "sim/complete.go", "c.r.k.release.Has(kernel.CQECacheOutlivesOverflow), c.tail", "true, c.tail", "cqes"},
	{"fillers are in all rings", "sim/complete.go", "c.r.has(uapi.IORING_SETUP_CQE_MIXED) || c.r.k.release.Has(kernel.BigCQEPadsAnyRing)", "c.r != nil", "cqes"},
	{"messages that look like fillers are seen", "sim/complete.go", "c.skewed = true // it looks", "c.skewed = false // it looks", "cqes"},
	{"any ring can be resized", "register/resize.go", "c.ring.Flags&uapi.IORING_SETUP_DEFER_TASKRUN == 0", "false", "setup"},
	{"a question may have a page less a byte", "register/query.go", "if room > mm.PageSize &&", "if room >= mm.PageSize &&", "register"},
	{"zero-copy receive has no events", "register/zcrx.go", "zcrx{ctrls: 1, features: uapi.ZCRX_FEATURE_EVENT}", "zcrx{ctrls: 1}", "register"},
	{"entries of a refill ring are not rounded up", "register/zcrx.go", "uint64(1) << bits.Len32(min(r.RQEntries, maxZCRXEntries)-1)", "uint64(min(r.RQEntries, maxZCRXEntries)) + 0*uint64(bits.Len32(1))", "register"},
	{"statistics may lie in the ring", "register/zcrx.go", "case stats < used || stats >", "case stats >", "register"},
	{"ZCRX_CTRL calls reserved words EINVAL", "register/zcrx.go", "refuse(uapi.EFAULT, where, \"resv must be 0;", "refuse(uapi.EINVAL, where, \"resv must be 0;", "register"},
	{"registered waits end at the last byte", "register/region.go", "offset > r.size-uapi.SizeofRegWait", "offset >= r.size", "enter"},
	{"SQPOLL goes with COOP_TASKRUN", "sim/setup.go", "{has: uapi.IORING_SETUP_SQPOLL, excludes: uapi.IORING_SETUP_COOP_TASKRUN | uapi.IORING_SETUP_TASKRUN_FLAG |", "{has: uapi.IORING_SETUP_SQPOLL, excludes: uapi.IORING_SETUP_TASKRUN_FLAG |", "setup"},
	{"tags go from the first slot to the last", "register/rsrc.go", "for i := len(table); i > 0; i-- {\n\t\tif n := table[i-1]; n != nil {", "for i := range table {\n\t\tif n := table[i]; n != nil {", "rsrc"},
	{"requests do not hold their slots", "sim/rsrc.go", "q.fileNode, q.file = n.Get(), n.File", "q.file = n.File", "rsrc"},
	{"a bad descriptor leaves its slot alone", "register/rsrc.go", "s.clearFile(slot)\n\tif fd == -1 {", "if t.Files.Get(fd) != nil || fd == -1 {\n\t\ts.clearFile(slot)\n\t}\n\tif fd == -1 {", "rsrc"},
	{"the lowest empty slot is taken", "register/filetable.go", "if t.hint < t.start || t.hint >= t.end {", "if true {", "rsrc"},
	{"clones have tags", "register/rsrc.go", "&Node{Buffer: n.Buffer, refs: 1}", "&Node{Buffer: n.Buffer, tag: n.tag, refs: 1}", "rsrc"},
	{"a pipe that fails keeps its slots", "sim/rsrc.go", "\t\tr.unpipe(q, places)\n", "", "rsrc"},
	{"buffers are cloned between processes", "register/rsrc.go", "case dst.Payer != src.Payer:", "case false:", "rsrc"},
}

// budget is the number of traces in which a fault has to show.
const budget = 150

// TestPlantedFaults builds the model with each fault and looks whether the generated traces show it. It needs the go
// command and some minutes, so that it runs only where URINGSIM_FAULTS is set, as .ci/run does.
func TestPlantedFaults(t *testing.T) {
	if os.Getenv("URINGSIM_FAULTS") == "" {
		t.Skip("set URINGSIM_FAULTS=1 to build the model with faults")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	good := map[string][]byte{}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			if good[f.kind] == nil {
				good[f.kind] = outcomes(t, root, nil, f.kind)
			}
			if bytes.Equal(good[f.kind], outcomes(t, root, &f, f.kind)) {
				t.Errorf("%d traces of kind %s do not show it", budget, f.kind)
			}
		})
	}
}

// outcomes builds the model, with a fault in it if there is one, and runs it.
func outcomes(t *testing.T, root string, f *fault, kind string) []byte {
	dir := t.TempDir()
	args := []string{"build", "-o", filepath.Join(dir, "outcomes")}
	if f != nil {
		args = append(args, "-overlay", overlay(t, root, dir, f))
	}
	build := exec.Command("go", append(args, "./internal/differ/outcomes")...)
	build.Dir = root
	if msg, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	out, err := exec.Command(filepath.Join(dir, "outcomes"), "7.3", "1", strconv.Itoa(budget), kind).Output()
	if err != nil && f == nil {
		t.Fatal(err)
	}
	return out
}

// overlay writes the faulty file and the description that go build wants.
func overlay(t *testing.T, root, dir string, f *fault) string {
	file := filepath.Join(root, f.file)
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(src), f.old); n != 1 {
		t.Fatalf("%s: the code to change stands there %d times, expected once: %q", f.file, n, f.old)
	}
	faulty := filepath.Join(dir, "faulty.go")
	if err := os.WriteFile(faulty, []byte(strings.Replace(string(src), f.old, f.new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	desc, err := json.Marshal(map[string]map[string]string{"Replace": {file: faulty}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, desc, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// unseen are the quirks that generated traces cannot show, with the reason.
var unseen = map[kernel.Quirk]string{
	kernel.WaitSpinsOnOverflow: "kernels that have it never return, so that it is not generated",
	kernel.SQPollCapSplits128:  "it takes two rings that share a submission thread",
}

// TestQuirksShow looks whether generated traces tell a release from one with a quirk more or less.
func TestQuirksShow(t *testing.T) {
	for q, row := range kernel.Quirks {
		quirk := kernel.Quirk(q)
		if unseen[quirk] != "" {
			continue
		}
		with := kernel.V7_3.With(quirk)
		if !shows(kernel.V7_3, with) {
			t.Errorf("no generated trace shows %s", row.Name)
		}
	}
}

// shows tells whether the releases give different results.
func shows(a, b kernel.Release) bool {
	for seed := range uint64(150) {
		for _, k := range gen.Kinds {
			if k.Name == "check" || k.Name == "setup" && seed > 10 {
				continue
			}
			tr := k.Trace(seed)
			if different(tr, a, b) {
				return true
			}
		}
	}
	return false
}

func different(tr *trace.Trace, a, b kernel.Release) bool {
	pa, pb := trace.NewPlayer(sim.New(a), "x"), trace.NewPlayer(sim.New(b), "x")
	for i := range tr.Events {
		oa, errA := pa.Play(&tr.Events[i])
		ob, errB := pb.Play(&tr.Events[i])
		if (errA == nil) != (errB == nil) {
			return true
		}
		if errA != nil {
			return false
		}
		x, errX := json.Marshal(oa.Got)
		y, errY := json.Marshal(ob.Got)
		if errX != nil || errY != nil || !bytes.Equal(x, y) {
			return true
		}
	}
	return false
}
