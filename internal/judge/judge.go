// Package judge asks real kernels what they do with a trace: the running one, or one in a guest.
package judge

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/uringsim/uringsim/gen"
	"github.com/uringsim/uringsim/internal/live"
	"github.com/uringsim/uringsim/internal/vm"
	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/trace"
)

// Question is what to play: a trace, or a generated one.
type Question struct {
	Trace *trace.Trace `json:"trace,omitzero"`
	Kind  string       `json:"kind,omitzero"` // of package gen
	Seed  uint64       `json:"seed,omitzero"`
	Twice bool         `json:"twice,omitzero"` // play it twice and see whether the results are the same
}

// trace is the trace to play.
func (q *Question) trace() (*trace.Trace, error) {
	if q.Trace != nil {
		return q.Trace, nil
	}
	k, ok := gen.KindOf(q.Kind)
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", q.Kind)
	}
	return k.Trace(q.Seed), nil
}

// Verdict is what a kernel gave for a trace.
type Verdict struct {
	Release  string           // the modelled release that the kernel belongs to, or its own version
	Version  string           // as uname says
	Results  []trace.Recorded // one per event that was carried out
	Err      string           // why the rest could not be
	Unsteady string           // how the results of two runs differ (-first +second)
	Second   *Verdict         // the second run, if it differs
}

// Judge is a kernel that can be asked.
type Judge interface {
	Ask(Question) (Verdict, error)
	Close() error
}

// Here is the running kernel.
type Here struct{}

// Ask plays in fresh tasks.
func (Here) Ask(q Question) (Verdict, error) {
	t, err := q.trace()
	if err != nil {
		return Verdict{}, err
	}
	first, err := play(t)
	if err != nil || !q.Twice {
		return first, err
	}
	second, err := play(t)
	if err != nil {
		return second, err
	}
	if first.Unsteady = cmp.Diff(first, second); first.Unsteady != "" {
		first.Second = &second
	}
	return first, nil
}

// play plays the trace once.
func play(t *trace.Trace) (Verdict, error) {
	version := live.Release()
	v := Verdict{Release: ReleaseName(version), Version: version}
	sys, err := live.Open(live.Options{})
	if err != nil {
		return v, err
	}
	defer sys.Close()
	p := trace.NewPlayer(sys, v.Release)
	for i := range t.Events {
		o, err := p.Play(&t.Events[i])
		if err != nil {
			v.Err = err.Error()
			break
		}
		v.Results = append(v.Results, o.Got)
	}
	return v, nil
}

// Close does nothing.
func (Here) Close() error { return nil }

// ReleaseName is the release that models a kernel of that version, or the version itself.
func ReleaseName(version string) string {
	if r, ok := kernel.OfVersion(version); ok {
		return r.Name
	}
	return version
}

// Guest is a kernel in a guest.
type Guest struct {
	machine *vm.Machine
	cancel  context.CancelFunc
}

// Boot boots the vmlinuz on a machine with so many processors, with this very program as its user space; its main has to
// call ServeGuest.
func Boot(ctx context.Context, vmlinuz string, cpus int) (*Guest, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return BootWith(ctx, vm.Config{Kernel: vmlinuz, CPUs: cpus, Init: self})
}

// BootWith is Boot with everything to be chosen.
func BootWith(ctx context.Context, cfg vm.Config) (*Guest, error) {
	ctx, cancel := context.WithCancel(ctx)
	m, err := vm.Start(ctx, cfg)
	if err != nil {
		cancel()
		return nil, err
	}
	return &Guest{m, cancel}, nil
}

// patience is how long a trace may take: hundreds of times what the slowest takes.
const patience = 40 * time.Second

// Ask plays in the guest. A guest that does not answer within patience is killed.
func (g *Guest) Ask(q Question) (Verdict, error) {
	var v Verdict
	b, err := json.Marshal(q)
	if err != nil {
		return v, err
	}
	var late atomic.Bool
	watch := time.AfterFunc(patience, func() {
		late.Store(true)
		_ = g.machine.Kill() // the answer that does not come says the same
	})
	defer watch.Stop()
	err = send(g.machine.Channel(), b)
	if err == nil {
		b, err = receive(g.machine.Channel())
	}
	if err != nil {
		if died := g.machine.Wait(); died != nil {
			err = died
		}
		if late.Load() {
			err = fmt.Errorf("no answer within %v", patience)
		}
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, err
	}
	if v.Version == "" {
		return v, errors.New(v.Err)
	}
	return v, nil
}

// Close ends the guest.
func (g *Guest) Close() error {
	defer g.cancel()
	if err := g.machine.Channel().CloseWrite(); err != nil {
		return g.machine.Kill()
	}
	return g.machine.Wait()
}

// InGuest tells whether this program runs as the user space of a guest.
func InGuest() bool { return vm.InGuest() }

// ServeGuest is the main of a program in a guest: it answers until nobody asks any more, and powers off.
func ServeGuest() {
	vm.GuestMain(func(ch io.ReadWriteCloser, _ []string) error {
		for {
			msg, err := receive(ch)
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			var q Question
			var v Verdict
			if err = json.Unmarshal(msg, &q); err == nil {
				v, err = Here{}.Ask(q)
			}
			if err != nil {
				v = Verdict{Err: err.Error()}
			}
			b, err := json.Marshal(&v)
			if err != nil {
				return err
			}
			if err := send(ch, b); err != nil {
				return err
			}
		}
	})
}

// maxMessage bounds a message in bytes.
const maxMessage = 256 << 20

// send writes a message: its length as u32, and JSON.
func send(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func receive(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes is too long", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}
