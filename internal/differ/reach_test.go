package differ_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/opdef"
	"github.com/uringsim/uringsim/sim"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/verdict"
)

// unreachedSteps are errors of prep functions that no generated trace gives, and why.
var unreachedSteps = map[string]string{
	"WRITEV: IOSQE_BUFFER_SELECT wants one iovec: EINVAL":                            noBufferSelect,
	"WRITEV: addr points to the iovec of IOSQE_BUFFER_SELECT: EFAULT":                noBufferSelect,
	"WRITEV: addr points to the iovec of IOSQE_BUFFER_SELECT: EINVAL":                noBufferSelect,
	"SEND: addr and len are a buffer, or with VECTORIZED an array of iovecs: ENOMEM": "FIXED_BUF excludes VECTORIZED",
	"SENDMSG_ZC: addr points to a msghdr to send: ENOMEM":                            "an array that long is EMSGSIZE before",
	"READ_MULTISHOT: ioprio must be a priority that the task may use: EINVAL":        noIOPrio,
	"READ_MULTISHOT: ioprio must be a priority that the task may use: EPERM":         noIOPrio,
}

// What stands before some prep functions that opcodes share.
const (
	noBufferSelect = "the opcode takes no IOSQE_BUFFER_SELECT, which is refused before"
	noIOPrio       = "the opcode takes no ioprio, which is refused before"
)

// TestReachSteps looks whether generated traces make every check of every prep function fail, in every way it can.
func TestReachSteps(t *testing.T) {
	if os.Getenv("URINGSIM_FAULTS") == "" {
		t.Skip("set URINGSIM_FAULTS=1 to look what generated traces reach")
	}
	seen := map[opdef.Exit]bool{}
	for _, r := range kernel.Measured() {
		for _, name := range []string{"prep", "register", "mixed"} {
			k, _ := gen.KindOf(name)
			for seed := range uint64(800) {
				requests(k.Trace(seed), r, func(q *trace.Request) {
					if q.Why != nil && q.Why.Stage == verdict.Prep {
						seen[opdef.Exit{Op: q.Opcode, Doc: q.Why.Why, Errno: q.Why.Errno}] = true
					}
				})
			}
		}
	}
	for _, exit := range opdef.Exits() {
		switch reason := unreachedSteps[exit.String()]; {
		case !seen[exit] && reason == "":
			t.Errorf("no generated trace gives %s", exit)
		case seen[exit] && reason != "":
			t.Errorf("generated traces give %s", exit)
		}
	}
}

// requests plays a trace on the model, and visits what became of its requests.
func requests(tr *trace.Trace, r kernel.Release, visit func(*trace.Request)) {
	p := trace.NewPlayer(sim.New(r), r.Name)
	for i := range tr.Events {
		o, err := p.Play(&tr.Events[i])
		if err != nil {
			return
		}
		for j := range o.Requests {
			visit(&o.Requests[j])
		}
	}
}

// unreachedExits are lines of the model, after their file, that refuse something that no generated trace tries, and why.
var unreachedExits = map[string]string{
	`mm/mm.go: return uapi.EINVAL`:         "of mmap and mprotect, which are not io_uring's",
	`mm/mm.go: return uapi.ENOMEM`:         "of mmap and mprotect, which are not io_uring's",
	`tctx/file.go: return -1, uapi.EMFILE`: "it takes a million descriptors",
	`sim/kernel.go: return syscall(uapi.EFAULT, "fs/pipe.c:do_pipe2", "there must be room for two descriptors")`:                                          "traces always have room",
	`cbpfvm/check.go: func (e *CheckError) Is(target error) bool { return target == error(uapi.EINVAL) }`:                                                 "it is for users of the package",
	`sim/known.go: return c.UserData == userData && c.Res != int32(uapi.ECANCELED.Ret())`:                                                                 "it reads recordings, and refuses nothing",
	`register/personality.go: return refuse(uapi.EBUSY, "io_uring/register.c:io_register_personality", "all numbers are taken")`:                          "it takes 65535 calls",
	`register/msg_ring.go: return uapi.EINVAL, "IORING_CQE_F_32 needs a target with CQE32 or CQE_MIXED"`:                                                  "kernels without the check write behind the CQE",
	`register/query.go: return 0, Outcome{Unmodelled: "QUERY about zero-copy receive"}`:                                                                   "what is not modelled is not generated",
	`register/register.go: return Outcome{Unmodelled: "register " + c.op.String() + " on a ring"}`:                                                        "what is not modelled is not generated",
	`sim/issue.go: return r.finish(q, int32(uapi.EALREADY.Ret()))`:                                                                                        inWorker,
	`sim/issue.go: q.why = verdict.Refuse(verdict.Issue, uapi.EALREADY, "io_uring/cancel.c:io_async_cancel_one", "it finds itself, running in a worker")`: inWorker,
}

const inWorker = "which requests a worker finds depends on time; testdata/kernel/cancel-finds-itself.json shows it"

var (
	profileLine = regexp.MustCompile(`^github\.com/uringsim/uringsim/(\S+):(\d+)\.\d+,(\d+)\.\d+ \d+ (\d+)$`)
	errorExit   = regexp.MustCompile(`\b[rR]efuse\(.*uapi\.E[A-Z0-9]+|return .*uapi\.E[A-Z0-9]+|Unmodelled: "`)
)

// TestReachExits looks whether generated traces come to every place of the model that refuses something, by Go's
// measure of coverage.
func TestReachExits(t *testing.T) {
	if os.Getenv("URINGSIM_FAULTS") == "" {
		t.Skip("set URINGSIM_FAULTS=1 to look what generated traces reach")
	}
	dir := t.TempDir()
	model := "./bpffilter,./cbpfvm,./mm,./opdef,./register,./sim,./tctx,./internal/differ/outcomes"
	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), "GOCOVERDIR="+dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out[max(0, len(out)-2000):])
		}
	}
	run("go", "build", "-cover", "-coverpkg="+model, "-o", filepath.Join(dir, "outcomes"), "./internal/differ/outcomes")
	for _, r := range kernel.Releases {
		args := []string{r.Name, "1", "400"}
		for _, k := range gen.Kinds {
			args = append(args, k.Name)
		}
		run(filepath.Join(dir, "outcomes"), args...)
	}
	profile := filepath.Join(dir, "profile")
	run("go", "tool", "covdata", "textfmt", "-i="+dir, "-o="+profile)
	unreached := exits(t, profile)
	for exit := range unreached {
		if unreachedExits[exit] == "" {
			t.Errorf("no generated trace comes to %s", exit)
		}
	}
	for exit := range unreachedExits {
		if !unreached[exit] {
			t.Errorf("generated traces come to %s, or it is no more", exit)
		}
	}
}

// exits are the lines that refuse something and were not run, after their file.
func exits(t *testing.T, profile string) map[string]bool {
	t.Helper()
	b, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	source := map[string][]string{}
	found := map[string]bool{}
	for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
		m := profileLine.FindStringSubmatch(in.Text())
		if m == nil || m[4] != "0" {
			continue
		}
		if source[m[1]] == nil {
			text, err := os.ReadFile(filepath.Join("../..", m[1]))
			if err != nil {
				t.Fatal(err)
			}
			source[m[1]] = strings.Split(string(text), "\n")
		}
		var first, last int
		if _, err := fmt.Sscan(m[2], &first); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(m[3], &last); err != nil {
			t.Fatal(err)
		}
		for _, line := range source[m[1]][first-1 : last] {
			if errorExit.MatchString(line) {
				found[m[1]+": "+strings.TrimSpace(line)] = true
			}
		}
	}
	return found
}
