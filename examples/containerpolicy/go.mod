module github.com/uringsim/uringsim/examples/containerpolicy

go 1.26.0

require github.com/uringsim/uringsim v0.0.0

require (
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	golang.org/x/net v0.62.0 // indirect
)

replace github.com/uringsim/uringsim => ../..
