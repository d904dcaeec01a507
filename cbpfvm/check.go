package cbpfvm

import (
	"fmt"

	"github.com/uringsim/uringsim/uapi"
)

// The kernel functions that refuse programs.
const (
	funcBasics  = "net/core/filter.c:bpf_check_basics_ok"
	funcClassic = "net/core/filter.c:bpf_check_classic"
	funcStores  = "net/core/filter.c:check_load_and_stores"
	funcUring   = "io_uring/bpf_filter.c:io_uring_check_cbpf_filter"
)

// Packet filters have ancillary loads, at every fourth offset from skfAdOff to skfAdLast.
const (
	skfAdOff  = 0xfffff000
	skfAdLast = skfAdOff + 60 // SKF_AD_VLAN_TPID
)

// CheckError says why the kernel refuses a program. The errno is always EINVAL.
type CheckError struct {
	PC   int    // index of the instruction, or -1 for the program as a whole
	Func string // the kernel function that refuses it, as file:function
	Why  string
}

// Error returns the errno, the place and the reason on one line.
func (e *CheckError) Error() string {
	if e.PC < 0 {
		return fmt.Sprintf("EINVAL: %s [Linux: %s]", e.Why, e.Func)
	}
	return fmt.Sprintf("EINVAL: instruction %d: %s [Linux: %s]", e.PC, e.Why, e.Func)
}

// Is makes errors.Is(err, uapi.EINVAL) true.
func (e *CheckError) Is(target error) bool { return target == error(uapi.EINVAL) }

// Check accepts exactly the programs that the kernel accepts as io_uring filters, and makes its checks in the kernel's
// order. The context has ctxSize bytes, at most uapi.SizeofBPFCtx: loads must lie within it, and LEN gives its size.
//
// Linux: net/core/filter.c:bpf_prog_create_from_user
func Check(insns []uapi.SockFilter, ctxSize uint32) (*Program, *CheckError) {
	if ctxSize > uapi.SizeofBPFCtx {
		panic(fmt.Sprintf("cbpfvm: a context of %d bytes, more than %d", ctxSize, uapi.SizeofBPFCtx))
	}
	if err := CheckClassic(insns); err != nil {
		return nil, err
	}
	if err := checkUring(insns, ctxSize); err != nil {
		return nil, err
	}
	return newProgram(insns, ctxSize), nil
}

// CheckClassic makes the checks that all users of classic BPF share, such as sockets and seccomp.
//
// Linux: net/core/filter.c:bpf_check_classic
func CheckClassic(insns []uapi.SockFilter) *CheckError {
	if n := len(insns); n == 0 || n > uapi.BPF_MAXINSNS {
		return &CheckError{-1, funcBasics, fmt.Sprintf("%d instructions, not 1 to %d", n, uapi.BPF_MAXINSNS)}
	}
	for pc, in := range insns {
		o, ok := opOf(in.Code)
		if !ok {
			return &CheckError{pc, funcClassic, fmt.Sprintf("code 0x%02x is no classic instruction", in.Code)}
		}
		if why := codes[o].rule.broken(in, uint32(len(insns)-pc-1)); why != "" {
			return &CheckError{pc, funcClassic, why}
		}
	}
	last := len(insns) - 1
	if o, _ := opOf(insns[last].Code); o != opRetK && o != opRetA {
		return &CheckError{last, funcClassic, "the last instruction is not ret #k or ret a"}
	}
	return checkLoadAndStores(insns)
}

// broken says how an instruction breaks the rule, or returns "". Left is the number of instructions after it.
func (r rule) broken(in uapi.SockFilter, left uint32) string {
	switch r {
	case ruleDivisor:
		if in.K == 0 {
			return "division by the constant 0"
		}
	case ruleShift:
		if in.K >= 32 {
			return fmt.Sprintf("shift by the constant %d, not below 32", in.K)
		}
	case ruleCell:
		if in.K >= uapi.BPF_MEMWORDS {
			return fmt.Sprintf("scratch cell %d, not below %d", in.K, uapi.BPF_MEMWORDS)
		}
	case ruleJump:
		// Unsigned and without an addition, as in the kernel: a huge k must not wrap.
		if in.K >= left {
			return fmt.Sprintf("jump over %d instructions with %d left", in.K, left)
		}
	case ruleCond:
		if far := max(in.Jt, in.Jf); uint32(far) >= left {
			return fmt.Sprintf("jump over %d instructions with %d left", far, left)
		}
	case ruleAbs:
		if in.K >= skfAdOff && (in.K > skfAdLast || in.K%4 != 0) {
			return fmt.Sprintf("load at %#x, which is no ancillary load", in.K)
		}
	}
	return ""
}

// checkLoadAndStores makes sure that each scratch cell is written before it is read, on all paths. As in the kernel, a
// jump passes its knowledge on to its targets, and what follows the jump starts with all cells valid. A ret ends
// nothing here: what follows it takes over its knowledge, so that some correct programs are refused.
//
// Linux: net/core/filter.c:check_load_and_stores
func checkLoadAndStores(insns []uapi.SockFilter) *CheckError {
	const all = 1<<uapi.BPF_MEMWORDS - 1
	// missing is the complement of the kernel's masks, so that fresh memory means "all valid".
	var missing [uapi.BPF_MAXINSNS]uint16
	valid := uint16(0)
	for pc, in := range insns {
		valid &^= missing[pc]
		switch o := opByCode[in.Code]; o {
		case opSt, opStx:
			valid |= 1 << in.K
		case opLdMem, opLdxMem:
			if valid>>in.K&1 == 0 {
				return &CheckError{pc, funcStores, fmt.Sprintf("scratch cell %d may be read before it is written", in.K)}
			}
		case opJa:
			missing[pc+1+int(in.K)] |= ^valid
			valid = all
		default:
			if codes[o].rule == ruleCond {
				missing[pc+1+int(in.Jt)] |= ^valid
				missing[pc+1+int(in.Jf)] |= ^valid
				valid = all
			}
		}
	}
	return nil
}

// checkUring makes the checks that io_uring adds.
//
// Linux: io_uring/bpf_filter.c:io_uring_check_cbpf_filter
func checkUring(insns []uapi.SockFilter, ctxSize uint32) *CheckError {
	for pc, in := range insns {
		o, _ := opOf(in.Code)
		switch {
		case !codes[o].uring:
			why := fmt.Sprintf("io_uring does not allow %s %s", codes[o].mnemonic, operandText[codes[o].operand])
			return &CheckError{pc, funcUring, why}
		case o == opLdAbs && in.K >= ctxSize:
			why := fmt.Sprintf("load at %d of a context of %d bytes", in.K, ctxSize)
			return &CheckError{pc, funcUring, why}
		case o == opLdAbs && in.K%4 != 0:
			return &CheckError{pc, funcUring, fmt.Sprintf("load at %d, no multiple of 4", in.K)}
		}
	}
	return nil
}
