package lint_test

import "github.com/uringsim/uringsim/kernel"

// allowOrDeny ends programs that jump to allow or deny.
const allowOrDeny = " ; deny: ret #0 ; allow: ret #1"

// ruleRows are plans and where a rule finds something in them; "" is nowhere. The release is 7.3 if none is given.
var ruleRows = []struct {
	rule string
	on   kernel.Release
	plan []string
	want string
	why  string
}{
	{"registration-refused", kernel.V7_1, []string{"CONNECT 24: ret #0"}, "error filters/0", "no payload of that size"},
	{"registration-refused", kernel.V7_2, []string{"CONNECT 24: ret #0"}, "", "there is one"},
	{"registration-refused", kernel.V7_3, []string{"SOCKET 8 SZ_STRICT: ret #0"}, "error filters/0", "a size that is not the kernel's"},
	{"registration-refused", kernel.V7_3, []string{"SOCKET 8: ret #0"}, "", "less is taken"},
	{"registration-refused", kernel.V7_3, []string{"NOP: ld [op] ; mod #3 ; ret a"}, "error filters/0/insns/1", "no such instruction"},
	{"registration-refused", kernel.V7_3, []string{"65: ret #1"}, "error filters/0", "no such opcode"},
	{"registration-refused", kernel.V7_3, []string{"NOP 0 4: ret #1"}, "error filters/0", "no such flag"},
	{"registration-refused", kernel.V7_3, []string{`list [{"sqe_op": 65}]`}, "error plan", "a list with no such opcode"},
	{"registration-refused", kernel.V6_19, []string{"NOP: ret #1"}, "error plan", "no filters at all"},
	{"registration-refused", kernel.V6_19, nil, "", "and none wanted"},

	{rule: "filter-after-deny-rest", plan: []string{"NOP 0 DENY_REST: ret #1", "READ: ret #1"}, want: "warning filters/1",
		why: "READ is closed by then"},
	{rule: "filter-after-deny-rest", plan: []string{"READ: ret #1", "NOP 0 DENY_REST: ret #1", "READ: ret #1"},
		why: "READ had a filter before"},
	{rule: "filter-after-deny-rest", plan: []string{"NOP 0 DENY_REST: ret #1", "READ: ret #0"}, why: "it denies anyhow"},

	{rule: "filters-kept-out", plan: []string{`list [{"register_op": "FILES"}]`, "NOP: ret #0"}, want: "error plan",
		why: "BPF_FILTER is not in the list"},
	{rule: "filters-kept-out", plan: []string{`list [{"register_op": "BPF_FILTER"}]`, "NOP: ret #0"}, why: "it is"},
	{rule: "filters-kept-out", plan: []string{`list [{"sqe_op": "NOP"}]`, "NOP: ret #0"}, why: "register calls are not restricted"},
	{rule: "filters-kept-out", on: kernel.V7_2, plan: []string{`list [{"register_op": "FILES"}]`, "NOP: ret #0"},
		why: "calls without a ring are not bound"},

	{rule: "list-denies-flags", plan: []string{`list [{"sqe_op": "NOP"}]`}, want: "warning plan", why: "no flag is allowed"},
	{rule: "list-denies-flags", plan: []string{`list [{"sqe_op": "NOP"}, {"sqe_flags_allowed": "ASYNC"}]`}, why: "one is"},
	{rule: "list-denies-flags", plan: []string{`list [{"register_op": "FILES"}]`}, why: "requests are not restricted"},

	{rule: "list-denies-all", plan: []string{"list []"}, want: "warning plan", why: "an empty list"},
	{rule: "list-denies-all", plan: []string{`list [{"sqe_flags_allowed": "ASYNC"}]`}, want: "warning plan", why: "flags alone"},
	{rule: "list-denies-all", plan: []string{`list [{"register_op": "FILES"}]`}, why: "requests are not restricted"},

	{rule: "always-denies", plan: []string{"SOCKET 12: ld [op] ; jeq #IORING_OP_SOCKET, allow, deny" + allowOrDeny},
		want: "warning filters/0", why: "pdu_size is in the word"},
	{rule: "always-denies", plan: []string{"NOP: ld [op] ; jeq #IORING_OP_NOP, allow, deny" + allowOrDeny}, why: "NOP has none"},
	{rule: "always-denies", plan: []string{"NOP: ret #0"}, why: "that is how to deny"},
	{rule: "always-denies", plan: []string{"NOP: ld [user_data] ; and #6 ; jeq #1, allow, deny" + allowOrDeny},
		want: "warning filters/0", why: "the mask has not the bit"},
	{rule: "always-denies", plan: []string{"NOP: ld [user_data] ; mul #2 ; jeq #2, allow, deny" + allowOrDeny}, why: "1 is allowed"},
	{rule: "always-denies", plan: []string{"NOP: ld [user_data] ; mul #2 ; jeq #1, allow, deny" + allowOrDeny},
		want: "warning filters/0", why: "twice a number is even"},
	{rule: "always-denies", plan: []string{"NOP: ld [user_data] ; tax ; ld [user_data.hi] ; sub x ; jeq #1, allow, deny" + allowOrDeny},
		why: "two words together allow some"},

	{rule: "always-allows", plan: []string{"NOP: ld [op] ; jeq #0x7f0001, deny, allow" + allowOrDeny}, want: "warning filters/0",
		why: "no NOP has this word"},
	{rule: "always-allows", plan: []string{"NOP: ld [op] ; jeq #0x5f00, deny, allow" + allowOrDeny}, why: "one with many flags has"},
	{rule: "always-allows", plan: []string{"NOP: ret #1"}, want: "note filters/0", why: "it has no effect"},
	{rule: "always-allows", plan: []string{"NOP: ret #1", "READ 0 DENY_REST: ret #0"}, why: "it keeps NOP open"},
	{rule: "always-allows", plan: []string{"NOP 0 DENY_REST: ret #1"}, why: "it closes the rest"},

	{rule: "unreachable", plan: []string{"NOP: ret #1 ; ld [op] ; ret #0"}, want: "note filters/0/insns/1", why: "after a ret"},
	{rule: "unreachable", plan: []string{"NOP: ld [user_data] ; jeq #1, one ; ret #1 ; one: jeq #2, two ; ret #0 ; two: ret #1"},
		want: "note filters/0/insns/5", why: "1 is not 2"},
	{rule: "unreachable", plan: []string{"NOP: ld [user_data] ; jgt #1, one ; ret #1 ; one: jeq #2, two ; ret #0 ; two: ret #1"},
		why: "2 is more than 1"},

	{rule: "half-of-64-bit", plan: []string{"NOP: ld [user_data] ; jeq #7, allow, deny" + allowOrDeny},
		want: "warning filters/0/insns/0", why: "the low half alone"},
	{rule: "half-of-64-bit", plan: []string{"NOP: ld [user_data.hi] ; jeq #7, allow, deny" + allowOrDeny},
		want: "warning filters/0/insns/0", why: "the high half alone"},
	{rule: "half-of-64-bit", plan: []string{"NOP: ld [user_data] ; jne #7, deny ; ld [user_data.hi] ; jeq #0, allow, deny" + allowOrDeny},
		why: "both"},
	{rule: "half-of-64-bit", plan: []string{"OPENAT2 24: ld [open.flags] ; and #0xfff77ffc ; jeq #0, allow, deny" + allowOrDeny},
		want: "warning filters/0/insns/0", why: "allows known flags, and any high ones"},
	{rule: "half-of-64-bit", plan: []string{"OPENAT2 24: ld [open.flags] ; jset #O_CREAT, deny, allow" + allowOrDeny},
		why: "a test of one flag"},
	{rule: "half-of-64-bit", plan: []string{"OPENAT 24: ld [open.flags] ; and #0xfff77ffc ; jeq #0, allow, deny" + allowOrDeny},
		why: "OPENAT has no high flags"},
	{rule: "half-of-64-bit", plan: []string{"OPENAT2 24: ld [open.resolve] ; jeq #RESOLVE_BENEATH, allow, deny" + allowOrDeny},
		want: "note filters/0/insns/0", why: "the kernel refuses high bits later"},

	{rule: "head-unmasked", plan: []string{"SOCKET 12: ld [op] ; jeq #IORING_OP_SOCKET, allow, deny" + allowOrDeny},
		want: "warning filters/0/insns/1", why: "no mask"},
	{rule: "head-unmasked", plan: []string{"SOCKET 12: ld [op] ; and #0xff ; jeq #IORING_OP_SOCKET, allow, deny" + allowOrDeny},
		why: "the opcode alone"},
	{rule: "head-unmasked", plan: []string{"SOCKET 12: ld [op] ; and #0x7f00 ; jeq #0, allow, deny" + allowOrDeny}, why: "the flags alone"},

	{rule: "async-set-by-prep", plan: []string{"RENAMEAT: ld [op] ; jset #0x1000, deny, allow" + allowOrDeny},
		want: "warning filters/0/insns/0", why: "RENAMEAT always shows it"},
	{rule: "async-set-by-prep", plan: []string{"OPENAT 24: ld [op] ; and #0x7f00 ; jeq #0, allow, deny" + allowOrDeny},
		want: "warning filters/0/insns/0", why: "OPENAT with O_CREAT shows it"},
	{rule: "async-set-by-prep", plan: []string{"READ: ld [op] ; jset #0x1000, deny, allow" + allowOrDeny}, why: "READ does not"},
	{rule: "async-set-by-prep", plan: []string{"RENAMEAT: ld [op] ; jset #0x0400, deny, allow" + allowOrDeny}, why: "another flag"},

	{rule: "open-flags-equality", plan: []string{"OPENAT 24: ld [open.flags] ; jeq #O_RDONLY, allow, deny" + allowOrDeny},
		want: "warning filters/0/insns/1", why: "O_LARGEFILE is set"},
	{rule: "open-flags-equality", plan: []string{"OPENAT 24: ld [open.flags] ; and #3 ; jeq #O_RDONLY, allow, deny" + allowOrDeny},
		why: "the access mode alone"},
	{rule: "open-flags-equality", plan: []string{"OPENAT2 24: ld [open.flags] ; jeq #O_WRONLY|O_LARGEFILE, deny, allow" + allowOrDeny},
		want: "warning filters/0/insns/1", why: "one flag more is allowed"},
	{rule: "open-flags-equality", plan: []string{"OPENAT2 24: ld [open.flags] ; jeq #O_LARGEFILE, allow, deny" + allowOrDeny},
		want: "note filters/0/insns/1", why: "one flag more is denied"},
	{rule: "open-flags-equality", plan: []string{"OPENAT2 24: ld [open.flags] ; and #0x203 ; jeq #O_WRONLY, deny, allow" + allowOrDeny},
		why: "only what matters is compared"},

	{"socket-type-unmasked", kernel.V7_2, []string{"SOCKET 12: ld [socket.type] ; jeq #1, allow, deny" + allowOrDeny},
		"warning filters/0/insns/0", "SOCK_CLOEXEC shows"},
	{"socket-type-unmasked", kernel.V7_2, []string{"SOCKET 12: ld [socket.type] ; and #0xf ; jeq #1, allow, deny" + allowOrDeny}, "", "a mask"},
	{"socket-type-unmasked", kernel.V7_3, []string{"SOCKET 12: ld [socket.type] ; jeq #1, allow, deny" + allowOrDeny}, "", "it does not show"},

	{"payload-not-filled", kernel.V7_1, []string{"CONNECT: ld [connect.family] ; jeq #2, deny, allow" + allowOrDeny},
		"warning filters/0/insns/0", "CONNECT has no payload yet"},
	{"payload-not-filled", kernel.V7_2, []string{"CONNECT: ld [connect.family] ; jeq #2, deny, allow" + allowOrDeny}, "", "it has"},
	{"payload-not-filled", kernel.V7_3, []string{"READ: ld [16] ; ret a"}, "warning filters/0/insns/0", "READ never has one"},
	{"payload-not-filled", kernel.V7_3, []string{"SOCKET: ld [28] ; ret a"}, "warning filters/0/insns/0", "SOCKET's has 12 bytes"},
	{"payload-not-filled", kernel.V7_3, []string{"SOCKET: ld [24] ; ret a"}, "", "the last of them"},
	{"payload-not-filled", kernel.V7_3, []string{"SOCKET: ld [12] ; ret a"}, "warning filters/0/insns/0", "padding"},

	{rule: "pdu-size-too-small", plan: []string{"CONNECT: ld [connect.v4] ; ret a"}, want: "warning filters/0", why: "7.1 shows zeros"},
	{rule: "pdu-size-too-small", plan: []string{"CONNECT 24: ld [connect.v4] ; ret a"}, why: "7.1 refuses it"},
	{rule: "pdu-size-too-small", plan: []string{"SOCKET 4: ld [socket.type] ; ret a"}, want: "note filters/0", why: "all show it"},
	{rule: "pdu-size-too-small", plan: []string{"SOCKET 4: ld [socket.family] ; ret a"}, why: "four bytes are enough"},

	{rule: "host-order-port", plan: []string{"CONNECT 24: ld [connect.port] ; jeq #443, deny, allow" + allowOrDeny},
		want: "warning filters/0/insns/1", why: "443 is 0xbb01 there"},
	{rule: "host-order-port", plan: []string{"CONNECT 24: ld [connect.port] ; jeq #0xbb01, deny, allow" + allowOrDeny}, why: "it is"},
	{rule: "host-order-port", plan: []string{"CONNECT 24: ld [connect.port] ; jgt #1023, deny, allow" + allowOrDeny},
		want: "warning filters/0/insns/1", why: "no order"},
	{rule: "host-order-port", plan: []string{"CONNECT 24: ld [connect.port] ; jgt #0, allow, deny" + allowOrDeny}, why: "0 is 0"},

	{rule: "host-order-address", plan: []string{"CONNECT 24: ld [connect.v4] ; jeq #0x7f000001, deny, allow" + allowOrDeny},
		want: "warning filters/0/insns/1", why: "1.0.0.127"},
	{rule: "host-order-address", plan: []string{"CONNECT 24: ld [connect.v4] ; jeq #0x0100007f, deny, allow" + allowOrDeny}, why: "127.0.0.1"},
	{rule: "host-order-address", plan: []string{"CONNECT 24: ld [connect.v4] ; and #0xffff0000 ; jeq #0x0a000000, deny, allow" + allowOrDeny},
		want: "warning filters/0/insns/2", why: "a mask for the last bytes"},
	{rule: "host-order-address", plan: []string{"CONNECT 24: ld [connect.v6.0] ; and #0xffff ; jeq #0x80fe, deny, allow" + allowOrDeny},
		why: "fe80::/16"},

	{rule: "connect-v4-mapped", plan: []string{"CONNECT 24: ld [connect.family] ; jne #AF_INET, allow ; ld [connect.v4] ; " +
		"jeq #0x0100007f, deny, allow" + allowOrDeny}, want: "warning filters/0", why: "::ffff:127.0.0.1 is open"},
	{rule: "connect-v4-mapped", plan: []string{"CONNECT 24: ld [connect.family] ; jeq #AF_INET, deny, allow" + allowOrDeny},
		want: "warning filters/0", why: "so is all of IPv4"},
	{rule: "connect-v4-mapped", plan: []string{"CONNECT 24: ld [connect.family] ; jeq #AF_INET, deny ; jeq #AF_INET6, deny, allow" +
		allowOrDeny}, why: "IPv6 is closed, too"},
	{rule: "connect-v4-mapped", plan: []string{"CONNECT 24: ld [connect.family] ; jeq #AF_INET, deny, allow" + allowOrDeny,
		"CONNECT 24: ld [connect.v6.2] ; jeq #0xffff0000, deny, allow" + allowOrDeny}, why: "another filter closes it"},

	{rule: "connect-any-address", plan: []string{"CONNECT 24: ld [connect.v4] ; jeq #0x0100007f, deny, allow" + allowOrDeny,
		"CONNECT 24: ld [connect.family] ; jeq #AF_INET6, deny, allow" + allowOrDeny}, want: "warning filters/0", why: "0.0.0.0 is open"},
	{rule: "connect-any-address", plan: []string{"CONNECT 24: ld [connect.v4] ; jeq #0x0100007f, deny ; jeq #0, deny, allow" +
		allowOrDeny}, why: "0.0.0.0 is closed, too"},
	{rule: "connect-any-address", plan: []string{"CONNECT 24: ld [connect.v4] ; jeq #0x08080808, deny, allow" + allowOrDeny},
		why: "another machine"},

	{rule: "sibling-left-open", plan: []string{"OPENAT: ret #0"}, want: "warning plan", why: "OPENAT2 is open"},
	{rule: "sibling-left-open", plan: []string{"OPENAT: ret #0", "OPENAT2: ret #0"}, why: "it is closed"},
	{rule: "sibling-left-open", plan: []string{"OPENAT: ret #1", "NOP 0 DENY_REST: ret #0"}, why: "nobody named OPENAT2"},
	{rule: "sibling-left-open", plan: []string{"OPENAT2: ret #1", "OPENAT 24 DENY_REST: ld [open.flags] ; jset #3, deny, allow" +
		allowOrDeny}, want: "warning plan", why: "OPENAT2 may write"},
	{rule: "sibling-left-open", plan: []string{"CONNECT: ret #0"}, want: "warning plan", why: "a message with an address"},

	{rule: "send-msg-ring-open", plan: []string{"MSG_RING: ret #0"}, want: "warning plan", why: "no filter sees it"},
	{rule: "send-msg-ring-open", plan: []string{`list [{"register_op": "BPF_FILTER"}]`, "MSG_RING: ret #0"}, why: "the list closes it"},
	{rule: "send-msg-ring-open", on: kernel.V7_2, plan: []string{`list [{"register_op": "BPF_FILTER"}]`, "MSG_RING: ret #0"},
		want: "warning plan", why: "the list does not bind it"},

	{rule: "runtime-needs-opcode", plan: []string{"EPOLL_CTL: ret #0"}, want: "note plan", why: "libuv"},
	{rule: "runtime-needs-opcode", plan: []string{"EPOLL_WAIT: ret #0"}, why: "nobody is known"},

	{rule: "known-bypass", on: kernel.V7_0, plan: []string{"NOP: ret #0"}, want: "warning plan", why: "lost over execve"},
	{rule: "known-bypass", on: kernel.V7_0.Without(kernel.RestrictionsLostOnExec), plan: []string{"NOP: ret #0"}, why: "the fix was carried back"},
	{rule: "known-bypass", on: kernel.V7_1, plan: []string{`list [{"register_op": "FILES"}]`}, want: "warning plan, warning plan",
		why: "disabled rings, and calls without a ring"},
	{rule: "known-bypass", on: kernel.V7_2, plan: []string{"NOP: ret #0", "READ: ret #0"}, want: "note plan", why: "it tightens more"},
	{rule: "known-bypass", plan: []string{"NOP: ret #0"}, why: "7.3 has none of them"},
}
