package uringsim

import "embed"

// Traces has the traces that show the quirks, as kernel.Row.TraceFile names them.
//
//go:embed testdata/kernel/quirk-*.json
//go:embed testdata/kernel/filter-payload-size.json testdata/kernel/filter-context-socket.json
//go:embed testdata/kernel/ring-list-failed-keeps-filters.json testdata/kernel/deferred-task-work-chain.json
//go:embed testdata/kernel/register-buffers-too-long.json testdata/kernel/query-zcrx.json
var Traces embed.FS
