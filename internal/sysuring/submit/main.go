// Command submit is a small program that uses io_uring, for tests and documents. It submits requests in one call, on a
// ring with SUBMIT_ALL, and prints what each gave: the result, or the name of the errno.
//
//	submit nop socket:unix socket:inet+ nop
//
// A request that ends in + is linked to the next one. With -children N it has a chain of N children do it, each one the
// child of the one before. With -thread the ring has a submission thread, which is woken only if it says that it sleeps.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/uringsim/uringsim/internal/sysuring"
	"github.com/uringsim/uringsim/uapi"
)

func main() {
	children := flag.Int("children", 0, "how many children come before the one that submits")
	thread := flag.Bool("thread", false, "have a submission thread take the requests")
	flag.Parse()
	do := func(words []string) error { return submit(*thread, words) }
	if *children > 0 {
		do = func(words []string) error { return descend(*children-1, words) }
	}
	if err := do(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "submit:", err)
		os.Exit(1)
	}
}

// descend runs this program as a child.
func descend(children int, words []string) error {
	cmd := exec.Command(os.Args[0], append([]string{"-children", strconv.Itoa(children)}, words...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// requests are the SQEs by name.
var requests = map[string]func(*uapi.SQE){
	"nop":         func(s *uapi.SQE) { s.SetOpcode(uapi.IORING_OP_NOP) },
	"socket:unix": socket(uapi.AF_UNIX),
	"socket:inet": socket(uapi.AF_INET),
}

func socket(family int32) func(*uapi.SQE) {
	return func(s *uapi.SQE) {
		s.SetOpcode(uapi.IORING_OP_SOCKET)
		s.SetFD(family)
		s.SetOff(uapi.SOCK_STREAM)
	}
}

// submit submits the requests and prints their results.
func submit(thread bool, words []string) error {
	if len(words) == 0 || len(words) > uapi.IORING_MAX_ENTRIES {
		return errors.New("there must be requests")
	}
	n := uint32(len(words))
	setup := uint32(uapi.IORING_SETUP_SUBMIT_ALL)
	if thread {
		setup |= uapi.IORING_SETUP_SQPOLL
	}
	ring, err := sysuring.NewRingWith(n, setup)
	if err != nil {
		return err
	}
	defer ring.Close()
	for i, word := range words {
		name, linked := strings.CutSuffix(word, "+")
		fill, ok := requests[name]
		if !ok {
			return fmt.Errorf("%q is no request such as nop", word)
		}
		var s uapi.SQE
		fill(&s)
		s.SetUserData(uint64(i))
		if linked {
			s.SetFlags(uapi.IOSQE_IO_LINK)
		}
		copy(ring.SQE(i), s[:])
	}
	ring.Publish(n)
	enter := uint32(uapi.IORING_ENTER_GETEVENTS)
	if ring.SQFlags()&uapi.IORING_SQ_NEED_WAKEUP != 0 {
		enter |= uapi.IORING_ENTER_SQ_WAKEUP
	}
	if _, err := ring.Submit(n, n, enter); err != nil {
		return err
	}
	cqes := make([]uapi.CQE, n)
	results := make([]string, n)
	for _, c := range cqes[:ring.Reap(cqes)] {
		results[c.UserData] = "done" // descriptors differ
		if e, failed := uapi.ErrnoOf(int64(c.Res)); failed {
			results[c.UserData] = e.String()
		}
	}
	for i, word := range words {
		fmt.Printf("%-12s %s\n", word, results[i])
	}
	return nil
}
