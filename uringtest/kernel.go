package uringtest

import (
	"slices"
	"testing"

	"github.com/uringsim/uringsim/kernel"
	"github.com/uringsim/uringsim/sqe"
)

// Kernel is a release that is asked. Its method Has tells whether it has a quirk.
type Kernel struct{ kernel.Release }

// On is the kernel of a release, also of one with quirks switched.
func On(r kernel.Release) Kernel { return Kernel{r} }

// Kernels are the measured releases that have filters, oldest first: those that Allow, Deny and Check ask.
func Kernels() []Kernel {
	var all []Kernel
	for _, r := range kernel.Measured() {
		if !r.Has(kernel.NoBPFFilter) {
			all = append(all, Kernel{r})
		}
	}
	return all
}

// ForEachKernel runs a subtest for each measured release, from the given one on.
func ForEachKernel(t *testing.T, from kernel.Release, test func(t *testing.T, k Kernel)) {
	t.Helper()
	releases := kernel.Measured()
	first := slices.IndexFunc(releases, func(r kernel.Release) bool { return r.Name == from.Name })
	if first < 0 {
		t.Fatalf("uringtest: %q is none of the measured releases; ask others with On", from.Name)
	}
	for _, r := range releases[first:] {
		t.Run(r.Name, func(t *testing.T) { test(t, Kernel{r}) })
	}
}

// Allow fails the test unless the kernel lets the request of a sandboxed task through.
func (k Kernel) Allow(t testing.TB, s *Sandbox, request sqe.SQE) {
	t.Helper()
	check(t, []Kernel{k}, s, request, Allowed)
}

// Deny fails the test unless a restriction or filter of the sandbox denies the request.
func (k Kernel) Deny(t testing.TB, s *Sandbox, request sqe.SQE) {
	t.Helper()
	check(t, []Kernel{k}, s, request, Denied)
}

// Check runs a subtest for each vector.
func (k Kernel) Check(t *testing.T, s *Sandbox, vectors []Vector) {
	t.Helper()
	checkAll(t, []Kernel{k}, s, vectors)
}

// Allow fails the test unless every release that has filters lets the request of a sandboxed task through.
func Allow(t testing.TB, s *Sandbox, request sqe.SQE) {
	t.Helper()
	check(t, Kernels(), s, request, Allowed)
}

// Deny fails the test unless a restriction or filter of the sandbox denies the request on every release that has
// filters. A request that fails for another reason is neither allowed nor denied, and fails the test.
func Deny(t testing.TB, s *Sandbox, request sqe.SQE) {
	t.Helper()
	check(t, Kernels(), s, request, Denied)
}

// Vector is one row of a table: a request, and what has to become of it.
type Vector struct {
	Name string
	Why  string // why it has to be so, which a failure repeats
	SQE  sqe.SQE
	Want Decision
}

// Check runs a subtest for each vector, on every release that has filters.
func Check(t *testing.T, s *Sandbox, vectors []Vector) {
	t.Helper()
	checkAll(t, Kernels(), s, vectors)
}

func checkAll(t *testing.T, kernels []Kernel, s *Sandbox, vectors []Vector) {
	t.Helper()
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Helper()
			if text := disagree(t, kernels, s, v.SQE, v.Want); text != "" {
				if v.Why != "" {
					text += "\nwhy: " + v.Why
				}
				t.Error(text)
			}
		})
	}
}

func check(t testing.TB, kernels []Kernel, s *Sandbox, request sqe.SQE, want Decision) {
	t.Helper()
	if text := disagree(t, kernels, s, request, want); text != "" {
		t.Error(text)
	}
}
