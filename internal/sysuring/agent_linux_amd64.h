// What the agent and arena_linux_amd64.go agree on; a test compares the two.
#define SYS_mmap 9
#define SYS_getpid 39
#define SYS_kill 62
#define SYS_gettid 186
#define SYS_futex 202
#define SYS_exit_group 231

#define ARENA_FD 1000
#define ARENA_BASE 0x1000000000
#define ARENA_SIZE 0x1201000

// Offsets in the arena.
#define ARENA_EVENTS 0
#define ARENA_OWNER 4
#define ARENA_EXEC_SLOT 8
#define ARENA_PATIENCE 16

// Offsets in a slot.
#define SLOT_BELL 0
#define SLOT_DONE 4
#define SLOT_COUNT 8
#define SLOT_FRESH 12
#define SLOT_TID 16
#define SLOT_PID 20
#define SLOT_CMDS 64

// Offsets in a command.
#define CMD_NR 0
#define CMD_ARGS 8
#define CMD_RET 56
#define CMD_SIZE 64

// The number of a command is that of a system call or one of these, and flags.
#define NR_MASK 0xffff
#define NR_COPY 0x8001
#define NR_STORE 0x8002
#define FLAG_STOP 0x10000
#define FLAG_CHILD 0x20000

// The end of the code.
#define AGENT_END_LO 0x5edaba11
#define AGENT_END_HI 0x0badf00d
