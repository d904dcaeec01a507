package sim

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/tctx"
	"github.com/uringsim/uringsim/trace"
	"github.com/uringsim/uringsim/uapi"
)

// TestPlainIssued: what an Issuer says of plain SQEs comes to the same whether or not anybody asks for accounts.
func TestPlainIssued(t *testing.T) {
	socket := &tctx.File{Kind: tctx.SocketFile}
	rows := []struct {
		says Completion
		want string // of the first batch
		why  string
	}{
		{Result(5), "8: 1 0, 2 5, 3 EACCES, 4 0, 5 5, 6 EACCES, 8 5, 7 ECANCELED", "links and denials go the long way, in order"},
		{Fails(uapi.EMFILE), "8: 1 0, 2 EMFILE, 3 EACCES, 4 0, 5 EMFILE, 6 EACCES, 8 EMFILE, 7 ECANCELED", "errors"},
		{Completion{State: Done, Res: 1, Flags: uapi.IORING_CQE_F_SOCK_NONEMPTY}, "", "flags"},
		{Completion{State: Done, Opens: socket}, "", "each gets a descriptor of its own"},
		{Completion{State: Pending}, "", "the next look has what Complete said"},
		{Completion{}, "8: 1 0, 3 EACCES, 4 0, 6 EACCES, 7 ECANCELED", "what is not known never comes"},
	}
	for _, row := range rows {
		for _, setup := range []uint32{0, uapi.IORING_SETUP_CQE32, uapi.IORING_SETUP_DEFER_TASKRUN | uapi.IORING_SETUP_SINGLE_ISSUER} {
			var got [2][]string
			for i, quiet := range []bool{false, true} {
				d := drive(t, kernel.V7_3)
				d.k.SetQuiet(quiet)
				d.k.SetIssuer(IssuerFunc(func(*Issue) Completion { return row.says }))
				d.setup(trace.InitTask, "r", setup|uapi.IORING_SETUP_SUBMIT_ALL)
				d.filter(trace.InitTask, "r", uapi.IORING_OP_SOCKET, "ld [socket.family]\njeq #2, yes\nret #0\nyes: ret #1", 0)
				const batch = "1 NOP,2 SOCKET fd=2,3 SOCKET fd=1,4 NOP,5 SOCKET fd=2,6 SOCKET+L fd=1,7 SOCKET fd=2,8 SOCKET fd=2"
				for range 3 {
					got[i] = append(got[i], d.enter(trace.InitTask, "r", batch, uapi.IORING_ENTER_GETEVENTS))
					if err := d.k.Complete("r", 5, 9, 0); (err == nil) != (row.says.State == Pending) {
						t.Fatal(row.why, err)
					}
				}
			}
			if diff := cmp.Diff(got[0], got[1]); diff != "" {
				t.Errorf("%s: (-with accounts +without)\n%s", row.why, diff)
			}
			if row.want != "" && got[0][0] != row.want {
				t.Errorf("%s: %s, want %s", row.why, got[0][0], row.want)
			}
		}
	}
}
