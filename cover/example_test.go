package cover_test

import (
	"fmt"
	"os"

	"github.com/uringsim/uringsim/cbpfvm"
	"github.com/uringsim/uringsim/cover"
	"github.com/uringsim/uringsim/uapi"
)

// A Profile can be fed with programs and contexts.
func ExampleProfile_Ran() {
	insns, err := cbpfvm.Assemble("ld [socket.family]\n jeq #AF_INET, ok\n ret #0\n ok: ret #1")
	if err != nil {
		panic(err)
	}
	prog, refused := cbpfvm.Check(insns, uapi.SizeofBPFCtx)
	if refused != nil {
		panic(refused)
	}
	profile := cover.New()
	profile.Registered(uapi.IORING_OP_SOCKET, prog)
	var ctx cbpfvm.Context
	ctx.SetWord(uapi.BPFCtxPDU, uapi.AF_INET)
	profile.Ran(uapi.IORING_OP_SOCKET, prog, &ctx)

	report := profile.Report()
	fmt.Printf("%.0f%%\n", report.Total().Percent())
	if err := report.Write(os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// 67%
	// filter for SOCKET: registered once, ran once, allowed 1
	// instructions 3 of 4 (75.0%), branches 1 of 2 (50.0%)
	//        1                 ld [16]     ; socket.family
	// !      1       1/0       jeq #2, L3  ; AF_INET
	// !      0                 ret #0      ; deny
	//        1            L3:  ret #1      ; allow
	// coverage of 1 filter: 4 of 6 (66.7%)
}
