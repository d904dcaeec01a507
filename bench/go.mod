// The peers that filters are measured against, which the module itself does not need.
module github.com/uringsim/uringsim/bench

go 1.26.3

require github.com/uringsim/uringsim v0.0.0

require github.com/klauspost/compress v1.20.3 // indirect

require (
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	golang.org/x/exp v0.0.0-20250711185948-6ae5c78190dc // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	gvisor.dev/gvisor v0.0.0-20260905035102-160fafc42237
)

replace github.com/uringsim/uringsim => ..
