package ptrace

import "bytes"

// Patch is a place in a program's memory that has another content during a call.
type Patch struct {
	Addr       uint64
	Was, While []byte
}

// Apply changes the place.
func (t *Task) Apply(p Patch) error { return t.Write(p.Addr, p.While) }

// Restore undoes patches, unless the program has written something else there meanwhile.
func (t *Task) Restore(patches []Patch) error {
	for _, p := range patches {
		now := make([]byte, len(p.While))
		if err := t.Read(p.Addr, now); err != nil || !bytes.Equal(now, p.While) {
			continue // it is not there any more
		}
		if err := t.Write(p.Addr, p.Was); err != nil {
			return err
		}
	}
	return nil
}
