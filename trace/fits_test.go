package trace

import (
	"reflect"
	"strings"
	"testing"
)

// wide are the numbers that are 64 bits wide for the kernel.
var wide = strings.Fields(`MapArgs.Addr MapArgs.Size ProtectArgs.Addr ProtectArgs.Size UnmapArgs.Addr UnmapArgs.Size
	WriteArgs.Addr SetupArgs.SQAddr SetupArgs.CQAddr EnterArgs.ArgSize Recorded.Ret CQEOut.UserData CQEOut.Big Iovec.Len
	Timespec.Sec Timespec.Nsec OpenHow.Flags OpenHow.Mode OpenHow.Resolve Msghdr.Iovlen Msghdr.Controllen Probe.Ops
	RingFD.FD BufReg.RingAddr SyncCancel.Addr
	RsrcRegister.Resv2 FileIndexRange.Resv Object.Tags MemRegion.Flags Region.UserAddr Region.Size Region.MmapOffset
	ResizeParams.SQAddr ResizeParams.CQAddr ZCRXArea.Addr ZCRXArea.Len ZCRXArea.Token ZCRXEvents.UserData
	ZCRXEvents.Stats`)

// TestWidths: every number of a trace says how wide it is, or is as wide as the kernel's largest.
func TestWidths(t *testing.T) {
	known := map[string]bool{}
	for _, name := range wide {
		known[name] = true
	}
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			visit(typ.Elem())
			return
		}
		if typ.Kind() != reflect.Struct || seen[typ] || typ == reflect.TypeFor[Pointer]() {
			if typ == reflect.TypeFor[Pointer]() {
				visit(reflect.TypeFor[Object]())
			}
			return
		}
		seen[typ] = true
		for f := range typ.Fields() {
			number := f.Type
			for number.Kind() == reflect.Pointer || number.Kind() == reflect.Slice || number.Kind() == reflect.Array {
				number = number.Elem()
			}
			name := typ.Name() + "." + f.Name
			isNumber := number.Kind() == reflect.Uint64 || number.Kind() == reflect.Int64
			if _, bits := f.Tag.Lookup("bits"); isNumber && bits == known[name] {
				t.Errorf("%s states its bits: %v, is as wide as can be: %v", name, bits, known[name])
			}
			visit(f.Type)
		}
	}
	for _, a := range allArgs {
		visit(reflect.TypeOf(a).Elem())
	}
	visit(reflect.TypeFor[Recorded]())
	if len(seen) < 30 {
		t.Errorf("only %d types", len(seen))
	}
}
