package cbpfvm

// op numbers the legal classic codes densely, so that the interpreter's switch compiles to a jump table.
type op uint8

const (
	opLdImm op = iota
	opLdAbs
	opLdMem
	opLdLen
	opLdxImm
	opLdxMem
	opLdxLen
	opSt
	opStx
	opAddK
	opAddX
	opSubK
	opSubX
	opMulK
	opMulX
	opDivK
	opDivX
	opAndK
	opAndX
	opOrK
	opOrX
	opXorK
	opXorX
	opLshK
	opLshX
	opRshK
	opRshX
	opNeg
	opJa
	opJeqK
	opJeqX
	opJgtK
	opJgtX
	opJgeK
	opJgeX
	opJsetK
	opJsetX
	opTax
	opTxa
	opRetK
	opRetA

	// The following are legal for sockets, but io_uring refuses them.
	opLdhAbs
	opLdbAbs
	opLdInd
	opLdhInd
	opLdbInd
	opLdxMsh
	opModK
	opModX

	numOps
)

// operand is the kind of operand that an instruction has, and thus how it is written.
type operand uint8

const (
	noOperand operand = iota
	operandImm
	operandAbs
	operandInd
	operandMem
	operandLen
	operandMsh
	operandX
	operandA
	operandJump  // ja: one target
	operandCondK // #k and two targets
	operandCondX // x and two targets
)

// operandText is how the assembler describes an operand that it expected.
var operandText = [...]string{
	noOperand:    "nothing",
	operandImm:   "#constant",
	operandAbs:   "[offset]",
	operandInd:   "[x+offset]",
	operandMem:   "M[cell]",
	operandLen:   "#len",
	operandMsh:   "4*([offset]&0xf)",
	operandX:     "x",
	operandA:     "a",
	operandJump:  "a label",
	operandCondK: "#constant",
	operandCondX: "x",
}

// rule is what bpf_check_classic demands of an instruction besides a legal code.
type rule uint8

const (
	noRule rule = iota
	ruleDivisor
	ruleShift
	ruleCell
	ruleJump
	ruleCond
	ruleAbs
)

// codeRow is one legal classic code.
type codeRow struct {
	code     uint16
	mnemonic string
	operand  operand
	rule     rule
	uring    bool // on io_uring's allow list
}

// codes are the legal classic codes.
//
// Linux: net/core/filter.c:chk_code_allowed, io_uring/bpf_filter.c:io_uring_check_cbpf_filter
var codes = [numOps]codeRow{
	opLdImm:  {0x00, "ld", operandImm, noRule, true},
	opLdAbs:  {0x20, "ld", operandAbs, ruleAbs, true},
	opLdMem:  {0x60, "ld", operandMem, ruleCell, true},
	opLdLen:  {0x80, "ld", operandLen, noRule, true},
	opLdxImm: {0x01, "ldx", operandImm, noRule, true},
	opLdxMem: {0x61, "ldx", operandMem, ruleCell, true},
	opLdxLen: {0x81, "ldx", operandLen, noRule, true},
	opSt:     {0x02, "st", operandMem, ruleCell, true},
	opStx:    {0x03, "stx", operandMem, ruleCell, true},
	opAddK:   {0x04, "add", operandImm, noRule, true},
	opAddX:   {0x0c, "add", operandX, noRule, true},
	opSubK:   {0x14, "sub", operandImm, noRule, true},
	opSubX:   {0x1c, "sub", operandX, noRule, true},
	opMulK:   {0x24, "mul", operandImm, noRule, true},
	opMulX:   {0x2c, "mul", operandX, noRule, true},
	opDivK:   {0x34, "div", operandImm, ruleDivisor, true},
	opDivX:   {0x3c, "div", operandX, noRule, true},
	opAndK:   {0x54, "and", operandImm, noRule, true},
	opAndX:   {0x5c, "and", operandX, noRule, true},
	opOrK:    {0x44, "or", operandImm, noRule, true},
	opOrX:    {0x4c, "or", operandX, noRule, true},
	opXorK:   {0xa4, "xor", operandImm, noRule, true},
	opXorX:   {0xac, "xor", operandX, noRule, true},
	opLshK:   {0x64, "lsh", operandImm, ruleShift, true},
	opLshX:   {0x6c, "lsh", operandX, noRule, true},
	opRshK:   {0x74, "rsh", operandImm, ruleShift, true},
	opRshX:   {0x7c, "rsh", operandX, noRule, true},
	opNeg:    {0x84, "neg", noOperand, noRule, true},
	opJa:     {0x05, "ja", operandJump, ruleJump, true},
	opJeqK:   {0x15, "jeq", operandCondK, ruleCond, true},
	opJeqX:   {0x1d, "jeq", operandCondX, ruleCond, true},
	opJgtK:   {0x25, "jgt", operandCondK, ruleCond, true},
	opJgtX:   {0x2d, "jgt", operandCondX, ruleCond, true},
	opJgeK:   {0x35, "jge", operandCondK, ruleCond, true},
	opJgeX:   {0x3d, "jge", operandCondX, ruleCond, true},
	opJsetK:  {0x45, "jset", operandCondK, ruleCond, true},
	opJsetX:  {0x4d, "jset", operandCondX, ruleCond, true},
	opTax:    {0x07, "tax", noOperand, noRule, true},
	opTxa:    {0x87, "txa", noOperand, noRule, true},
	opRetK:   {0x06, "ret", operandImm, noRule, true},
	opRetA:   {0x16, "ret", operandA, noRule, true},

	opLdhAbs: {0x28, "ldh", operandAbs, ruleAbs, false},
	opLdbAbs: {0x30, "ldb", operandAbs, ruleAbs, false},
	opLdInd:  {0x40, "ld", operandInd, noRule, false},
	opLdhInd: {0x48, "ldh", operandInd, noRule, false},
	opLdbInd: {0x50, "ldb", operandInd, noRule, false},
	opLdxMsh: {0xb1, "ldxb", operandMsh, noRule, false},
	opModK:   {0x94, "mod", operandImm, ruleDivisor, false},
	opModX:   {0x9c, "mod", operandX, noRule, false},
}

const (
	noOp = numOps + iota // stands for codes that are not legal

	// The following only occur in flattened programs.
	opMix  // a sequence of mixes
	opAddM // load a cell of scratch memory to X, then add it
	opSubM
	opMulM
	opAndM
	opOrM
	opXorM
)

// opByCode maps the low byte of a code to its op.
var opByCode = func() (t [256]op) {
	for i := range t {
		t[i] = noOp
	}
	for o, row := range codes {
		t[row.code] = op(o)
	}
	return t
}()

// opOf returns the op of a code. The kernel compares all 16 bits, so nothing above 0xff is legal.
func opOf(code uint16) (op, bool) {
	if code > 0xff {
		return noOp, false
	}
	o := opByCode[code]
	return o, o != noOp
}
