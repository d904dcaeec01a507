package trace

// Prepare, Busy and ReadStd are for benchmarks with the model, which imports this package.
const Prepare = prepare

var (
	Busy  = busy
	Ratio = ratio
)

// ReadStd reads events as encoding/json does.
func ReadStd(text []byte) error { return readStd(text, func(*stdEvent) {}) }
