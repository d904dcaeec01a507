package live

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/trace"
)

// ownerVar has the test binary start tasks and wait to be killed.
const ownerVar = "URINGSIM_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVar) != "" {
		k, err := family()
		fmt.Println(pids(k), err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// family has a task, its child, and a grandchild in a session of its own memory.
func family() (*Kernel, error) {
	k, err := Open(Options{})
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		task string
		call trace.Call
	}{
		{"init", trace.Spawn{Child: "child", Kind: trace.Fork}},
		{"child", trace.Spawn{Child: "grandchild", Kind: trace.Fork}},
		{"grandchild", trace.Exec{}},
		{"child", trace.Exit{}},
	} {
		if err := k.Do(s.task, s.call).Err; err != nil {
			return k, err
		}
	}
	return k, nil
}

func pids(k *Kernel) (s string) {
	if k != nil {
		for _, t := range k.tasks {
			s += fmt.Sprint(t.pid, " ")
		}
	}
	return s
}

// left says which of the processes still run, after some time.
func left(t *testing.T, ids string, patience time.Duration) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var alive []string
		for id := range strings.FieldsSeq(ids) {
			stat, err := os.ReadFile("/proc/" + id + "/stat")
			if err == nil && !strings.Contains(string(stat), ") Z ") {
				alive = append(alive, id)
			}
		}
		if len(alive) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("processes %v still run", alive)
		}
	}
}

func available(t *testing.T) {
	if _, err := HasFilters(); err != nil {
		t.Skip(err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	available(t)
	k, err := family()
	if err != nil {
		t.Fatal(err)
	}
	ids := pids(k)
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	left(t, ids, time.Second)
}

// TestOwnerDies kills a process that has tasks; they notice.
func TestOwnerDies(t *testing.T) {
	available(t)
	if testing.Short() {
		t.Skip("takes seconds")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), ownerVar+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	ids, ok := strings.CutSuffix(line, " <nil>\n")
	if err != nil || !ok || len(strings.Fields(ids)) != 3 {
		t.Fatalf("the owner says %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	left(t, ids, 10*time.Second)
}

// TestDeath is about a task that somebody else kills.
func TestDeath(t *testing.T) {
	available(t)
	k, err := family()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := syscall.Kill(k.tasks["grandchild"].pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if r := k.Do("grandchild", trace.Dup{}); r.Err == nil || !strings.Contains(r.Err.Error(), "has died") {
		t.Errorf("result is %+v", r)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v to notice", d)
	}
	if r := k.Do("init", trace.Dup{FD: 0}); r.Err != nil {
		t.Error(r.Err)
	}
}

func TestOutside(t *testing.T) {
	for _, c := range []struct {
		addr, size uint64
		ok         bool
	}{
		{trace.UserBase, 1, true},
		{0, trace.ScratchBase, true},
		{sysuring.ImageBase - 0x1000, 1, false},
		{sysuring.ImageBase, 1, false},
		{trace.UserBase, trace.UserEnd - trace.UserBase, true},
		{trace.UserBase, trace.UserEnd - trace.UserBase + 1, false},
		{trace.SystemEnd, 1, true},
		{^uint64(0), 2, false},
	} {
		if err := outside(c.addr, c.size); (err == nil) != c.ok {
			t.Errorf("%#x, %#x bytes: %v", c.addr, c.size, err)
		}
	}
}

// TestErrorsWrap checks that an error number of a task can be found in an Err.
func TestErrorsWrap(t *testing.T) {
	available(t)
	k, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if _, err := k.Read("init", trace.UserBase, 1); !errors.Is(err, syscall.EFAULT) {
		t.Errorf("read of nothing: %v", err)
	}
}
