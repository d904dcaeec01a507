package sysuring

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/uringsim/uringsim/trace"
)

// TestHeader compares the numbers that the assembly uses with those of the Go code.
func TestHeader(t *testing.T) {
	text, err := os.ReadFile("agent_linux_amd64.h")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{
		"SYS_mmap": unix.SYS_MMAP, "SYS_getpid": unix.SYS_GETPID, "SYS_kill": unix.SYS_KILL,
		"SYS_gettid": unix.SYS_GETTID, "SYS_futex": unix.SYS_FUTEX, "SYS_exit_group": unix.SYS_EXIT_GROUP,
		"ARENA_FD": ArenaFD, "ARENA_BASE": ArenaBase, "ARENA_SIZE": ArenaSize,
		"ARENA_EVENTS": offEvents, "ARENA_OWNER": offOwner, "ARENA_EXEC_SLOT": offExecSlot,
		"ARENA_PATIENCE": offPatience,
		"SLOT_BELL":      offBell, "SLOT_DONE": offDone, "SLOT_COUNT": offCount, "SLOT_FRESH": offFresh,
		"SLOT_TID": offTID, "SLOT_PID": offPID, "SLOT_CMDS": offCmds,
		"CMD_NR": offNR, "CMD_ARGS": offArgs, "CMD_RET": offRet, "CMD_SIZE": cmdSize,
		"NR_MASK": 0xffff, "NR_COPY": uint64(Copy), "NR_STORE": uint64(Store),
		"FLAG_STOP": uint64(Stop), "FLAG_CHILD": uint64(Child),
		"AGENT_END_LO": 0x5edaba11, "AGENT_END_HI": 0x0badf00d,
	}
	for _, m := range regexp.MustCompile(`(?m)^#define (\w+) (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		got, err := strconv.ParseUint(m[2], 0, 64)
		if err != nil || got != want[m[1]] {
			t.Errorf("%s is %s in the header and %#x in Go", m[1], m[2], want[m[1]])
		}
		delete(want, m[1])
	}
	for name := range want {
		t.Errorf("the header lacks %s", name)
	}
}

func TestArenaPlace(t *testing.T) {
	if ArenaBase != trace.SystemBase || ArenaFD <= trace.MaxFD {
		t.Errorf("the arena is at %#x, descriptor %d", ArenaBase, ArenaFD)
	}
	if ImageBase < trace.SystemBase || ImageBase+ImageSize > trace.SystemEnd {
		t.Error("the image stands where traces map memory")
	}
}

// TestAgentCode looks for what position-independent code without a stack may not contain.
func TestAgentCode(t *testing.T) {
	code := agentCode()
	if len(code) < 100 || len(code) > ImageSize-textOff {
		t.Fatalf("the agent has %d bytes", len(code))
	}
	if code[0] != 0xb8 { // mov $nr, %eax
		t.Errorf("the agent starts with % x", code[:8])
	}
	t.Logf("%d bytes", len(code))
}
