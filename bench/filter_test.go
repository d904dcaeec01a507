package main

import "testing"

// BenchmarkFilter has the engines of each program side by side, for benchstat.
func BenchmarkFilter(b *testing.B) {
	all, err := subjects()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range all {
		b.Run(s.Group+"/"+s.Name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*s.Units), "ns/run")
		})
	}
}
