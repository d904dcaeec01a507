package uringtest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that keeps what it is told, in place of failing.
type recorder struct {
	testing.TB // for what it does not have, which would panic
	messages   []string
	cleanups   []func()
}

func (r *recorder) Name() string                 { return "recorder" }
func (r *recorder) Helper()                      {}
func (r *recorder) Error(args ...any)            { r.messages = append(r.messages, fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, a ...any)    { r.messages = append(r.messages, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatal(args ...any)            { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) { r.Errorf(f, args...); runtime.Goexit() }
func (r *recorder) Cleanup(f func())             { r.cleanups = append(r.cleanups, f) }

// record is what a test says, to its end.
func record(test func(t testing.TB)) string {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	for _, f := range r.cleanups {
		f()
	}
	return strings.Join(r.messages, "\n")
}
