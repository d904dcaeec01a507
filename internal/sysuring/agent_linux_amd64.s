#include "textflag.h"
#include "agent_linux_amd64.h"

// The agent. It is never called: its bytes are copied into an ELF image, and must not depend on where they stand.
// It may not touch the stack, which a vfork child and threads do not have for themselves.
//
//	R12  the task's slot           R13  the command under way
//	R14  commands still to do      R15  the command's number with its flags
//	BX   the bell that is being answered
TEXT ·agent(SB), NOSPLIT|NOFRAME, $0-0
	// A fresh image: map the arena and find out which slot this task has.
	MOVL $SYS_mmap, AX
	MOVQ $ARENA_BASE, DI
	MOVQ $ARENA_SIZE, SI
	MOVL $3, DX    // PROT_READ|PROT_WRITE
	MOVL $0x11, R10 // MAP_SHARED|MAP_FIXED
	MOVL $ARENA_FD, R8
	XORL R9, R9
	SYSCALL
	MOVQ $ARENA_BASE, R12
	CMPQ AX, R12
	JNE  die
	MOVQ ARENA_EXEC_SLOT(R12), R12

fresh:
	// Also a new child starts here. The batch that made it, or that it called exec in, is not to be done again.
	MOVL $0, SLOT_COUNT(R12)
	MOVL $SYS_gettid, AX
	SYSCALL
	MOVL AX, SLOT_TID(R12)
	MOVL $SYS_getpid, AX
	SYSCALL
	MOVL AX, SLOT_PID(R12)
	INCL SLOT_FRESH(R12)

loop:
	MOVL SLOT_BELL(R12), BX
	CMPL BX, SLOT_DONE(R12)
	JEQ  idle
	LEAQ SLOT_CMDS(R12), R13
	MOVL SLOT_COUNT(R12), R14

next:
	TESTL R14, R14
	JEQ   finished
	DECL  R14
	MOVQ  CMD_NR(R13), R15
	MOVQ  (CMD_ARGS+0)(R13), DI
	MOVQ  (CMD_ARGS+8)(R13), SI
	MOVQ  (CMD_ARGS+16)(R13), DX
	MOVQ  (CMD_ARGS+24)(R13), R10
	MOVQ  (CMD_ARGS+32)(R13), R8
	MOVQ  (CMD_ARGS+40)(R13), R9
	MOVL  R15, AX
	ANDL  $NR_MASK, AX
	CMPL  AX, $NR_COPY
	JEQ   copy
	CMPL  AX, $NR_STORE
	JEQ   store
	SYSCALL
	TESTL $FLAG_CHILD, R15
	JEQ   ret
	TESTQ AX, AX
	JNE   ret

	// The child side of clone goes on in its own slot.
	MOVQ (CMD_ARGS+40)(R13), R12
	JMP  fresh

copy:
	MOVQ DX, CX
	REP; MOVSB
	XORL AX, AX
	JMP  ret

store:
	MOVL SI, (DI)
	XORL AX, AX

ret:
	MOVQ  AX, CMD_RET(R13)
	ADDQ  $CMD_SIZE, R13
	TESTL $FLAG_STOP, R15
	JEQ   next
	TESTQ AX, AX
	JGE   next

finished:
	MOVL BX, SLOT_DONE(R12)
	MOVQ $(ARENA_BASE+ARENA_EVENTS), DI
	LOCK
	INCL (DI)
	MOVL $SYS_futex, AX
	MOVL $1, SI // FUTEX_WAKE, across processes
	MOVL $1, DX
	SYSCALL
	JMP  loop

idle:
	MOVL $SYS_futex, AX
	LEAQ SLOT_BELL(R12), DI
	XORL SI, SI // FUTEX_WAIT
	MOVL BX, DX
	MOVQ $(ARENA_BASE+ARENA_PATIENCE), R10
	SYSCALL
	CMPQ AX, $-110 // ETIMEDOUT
	JNE  loop

	// Nothing came for a while. A task must not outlive its supervisor.
	MOVQ $ARENA_BASE, DI
	MOVL ARENA_OWNER(DI), DI
	XORL SI, SI
	MOVL $SYS_kill, AX
	SYSCALL
	CMPQ AX, $-3 // ESRCH
	JNE  loop

die:
	MOVL $127, DI
	MOVL $SYS_exit_group, AX
	SYSCALL
	JMP  die
	LONG $AGENT_END_LO
	LONG $AGENT_END_HI

// func agentAddress() unsafe.Pointer
TEXT ·agentAddress(SB), NOSPLIT, $0-8
	LEAQ ·agent(SB), AX
	MOVQ AX, ret+0(FP)
	RET
