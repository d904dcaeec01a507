package inorder

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// TestHeld: a job behind the first one waits when it has written too much, and ends with the first one's error.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		o := New(&text, func() (string, error) { return "a", nil }, func() {})
		o.Begin()
		o.Begin()
		var second error
		var ended sync.WaitGroup
		ended.Go(func() {
			for second == nil {
				_, second = o.Writer(1).Write(make([]byte, 1<<20))
			}
		})
		synctest.Wait()
		if o.held != maxHeld {
			t.Errorf("%d bytes are held, want %d", o.held, maxHeld)
		}
		bad := errors.New("bad")
		o.Finish(0, bad, nil)
		ended.Wait()
		if second != ErrStopped || o.Err() != bad || text.Len() != 0 {
			t.Errorf("%v, %v, %d bytes", second, o.Err(), text.Len())
		}
	})
}
