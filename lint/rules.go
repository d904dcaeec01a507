package lint

// rules are all rules, in the order in which they are documented.
var rules = []Rule{
	{ID: "registration-refused", Severity: Error, Title: "the kernel refuses to register it", Trace: "filter-payload-size",
		Doc: "A filter or list that a kernel refuses is not in force. The errno is EINVAL for programs, opcodes and " +
			"flags, EMSGSIZE if pdu_size is larger than the kernel's payload, or not the same with SZ_STRICT: then the " +
			"kernel cannot show what the program looks at, and a program that registers the plan has to give up. Releases " +
			"before 7.0 take nothing at all.",
		Misses: "Refusals for lack of privileges or of no_new_privs.",
		check:  registrationRefused, anywhere: true},
	{ID: "filter-after-deny-rest", Severity: Warning, Title: "a filter comes after the DENY_REST that closed its opcode",
		Trace: "deny-rest-order",
		Doc: "DENY_REST closes each opcode that has no filter yet, for good: a filter that is registered later can only " +
			"deny more. Register filters that allow something first, and the one with DENY_REST last.",
		Misses: "Filters that deny everything, for which the order does not matter.",
		check:  filterAfterDenyRest},
	{ID: "filters-kept-out", Severity: Error, Title: "the list of register calls keeps the plan's filters out",
		Trace: "quirk-blind-ops-unrestricted",
		Doc: "From 7.3 on a list with REGISTER_OP entries, and the empty list, also bind calls without a ring. " +
			"Restrictions come first, so that the filters after them are refused with EACCES unless the list has BPF_FILTER.",
		Misses: "Nothing.",
		check:  filtersKeptOut},
	{ID: "list-denies-flags", Severity: Warning, Title: "a list of opcodes denies all flags",
		Trace: "task-list-denies-flags",
		Doc: "RESTRICTIONS with SQE_OP entries deny each IOSQE flag that no entry allows. Programs that link requests, " +
			"send them to workers or use fixed files get EACCES. Add SQE_FLAGS_ALLOWED, or filter by opcode, which leaves " +
			"flags alone.",
		Misses: "Lists that allow some flags, but not those that a program needs.",
		check:  listDeniesFlags},
	{ID: "list-denies-all", Severity: Warning, Title: "a list denies every request", Trace: "task-list-empty",
		Doc: "A list without entries denies all requests and register calls. A list that has entries for flags and none " +
			"for opcodes denies all requests.",
		Misses: "Lists whose opcodes are all denied by filters.",
		check:  listDeniesAll},
	{ID: "always-denies", Severity: Warning, Title: "a program with tests denies everything",
		Trace: "filter-compares-whole-head",
		Doc: "The program looks at requests and denies them all, so that one of its tests is wrong. Whoever wants to " +
			"deny an opcode writes ret #0 alone.",
		Misses: "Programs that calculate what is too large to decide, such as products of two words.",
		check:  alwaysDenies},
	{ID: "always-allows", Severity: Warning, Title: "a filter allows everything", Trace: "cbpf-cannot-loosen",
		Doc: "The filter denies no request. As filters only ever tighten, it has no effect, unless it keeps an opcode " +
			"open that DENY_REST, with it or later, would close: then ret #1 alone is enough. A note if the program is ret " +
			"#1.",
		Misses: "As always-denies.",
		check:  alwaysAllows},
	{ID: "unreachable", Severity: Note, Title: "instructions that nothing reaches", Trace: "filter-unreachable",
		Doc: "No request takes a way through the program that comes by these instructions: a jump goes too far, or a " +
			"test asks what is known already.",
		Misses: "As always-denies.",
		check:  unreachable},
	{ID: "shift-by-x", Severity: Note, Title: "a shift by 32 or more", Trace: "filter-shift-by-x",
		Doc: "The kernel takes the count of a shift by X modulo 32. golang.org/x/net/bpf and gVisor's interpreter give 0 " +
			"for 32 and more, so that a filter that was tried there decides otherwise in the kernel.",
		Misses: "Counts that only requests reach which it did not find.",
		check:  shiftByX},
	{ID: "half-of-64-bit", Severity: Warning, Title: "one half of a field of 64 bits decides",
		Trace: "filter-half-of-user-data",
		Doc: "A load takes 32 bits. A filter that compares the low half of user_data, or of flags, mode or resolve of " +
			"OPENAT2, with a number, or allows only known bits of it, has to compare the high half with 0 as well. Tests of " +
			"single flags are not meant. A note for mode and resolve, whose high bits the kernel refuses when it opens the " +
			"file.",
		Misses: "Halves that matter only if two bits change at once: it changes one, in the requests that it found.",
		check:  halfOf64Bit},
	{ID: "head-unmasked", Severity: Warning, Title: "the word at 8 is compared without a mask",
		Trace: "filter-compares-whole-head",
		Doc: "The word at 8 holds opcode, sqe_flags and pdu_size. Compared as a whole it is that of requests without " +
			"flags at best, and pdu_size differs between releases. Mask what is meant.",
		Misses: "Comparisons after shifts and sums.",
		check:  headUnmasked},
	{ID: "async-set-by-prep", Severity: Warning, Title: "IOSQE_ASYNC is denied where prep sets it",
		Trace: "filter-denies-async",
		Doc: "Filters see sqe_flags after prep, which sets IOSQE_ASYNC for opcodes that always run on a worker, and for " +
			"some others by their arguments. A filter that denies the flag denies these requests, whatever the program set.",
		Misses: "Rings that drain, which set the flag for all opcodes.",
		check:  asyncByPrep},
	{ID: "open-flags-equality", Severity: Warning, Title: "open flags are compared exactly", Trace: "open-flags-exact",
		Doc: "Prep adds O_LARGEFILE to the flags of OPENAT and OPENAT2, unless O_PATH is set, so that a comparison with " +
			"O_RDONLY never holds. A comparison that could hold and denies is got round with any further flag; one that " +
			"allows, which is a note, refuses harmless ones. Mask first: and #3 leaves the access mode.",
		Misses: "Comparisons after shifts and sums.",
		check:  openFlagsEquality},
	{ID: "socket-type-unmasked", Severity: Warning, Title: "SOCK_CLOEXEC or SOCK_NONBLOCK decides",
		Trace: "quirk-socket-type-unmasked",
		Doc: "Up to 7.2 socket.type is what the program gave, with SOCK_CLOEXEC and SOCK_NONBLOCK. A comparison with a " +
			"type misses sockets with these flags. and #0xf makes it the same on all releases.",
		Misses: "As half-of-64-bit.",
		check:  socketTypeUnmasked},
	{ID: "payload-not-filled", Severity: Warning, Title: "a load of payload that is not there",
		Trace: "quirk-no-connect-payload",
		Doc: "A load behind the payload of the opcode is accepted and gives 0. A filter that denies by what it finds " +
			"there allows everything: up to 7.1 CONNECT has no payload, and most opcodes have none on any release.",
		Misses: "Nothing. It also names loads that no request reaches.",
		check:  payloadNotFilled},
	{ID: "pdu-size-too-small", Severity: Warning, Title: "pdu_size is smaller than what the program loads",
		Trace: "quirk-no-connect-payload",
		Doc: "A kernel refuses a registration whose pdu_size is larger than its payload. A program that loads more than " +
			"pdu_size gives that up, and sees zeros on kernels with less. A note if all releases show what it loads.",
		Misses: "Nothing. It counts loads that no request reaches, too.",
		check:  pduSizeTooSmall},
	{ID: "host-order-port", Severity: Warning, Title: "a port is not in network order", Trace: "connect-port-host-order",
		Doc: "connect.port has the two bytes of the address as they are: port 80 loads as 0x5000. A comparison with 80 " +
			"is one with port 20480, and larger or smaller mean nothing.",
		Misses: "Ports that are not well known: it takes a number for one in host order by a list.",
		check:  hostOrderPort},
	{ID: "host-order-address", Severity: Warning, Title: "an address is not in network order",
		Trace: "connect-address-host-order",
		Doc: "connect.v4 and connect.v6 have the bytes of the address as they are: 127.0.0.1 loads as 0x0100007f, and " +
			"its first 8 bits are 0xff. Addresses and masks in host order match other hosts. " +
			"A note if the address may be meant as it is: 8.8.8.10 looks like 10.8.8.8.",
		Misses: "Addresses in host order that are not loopback, private or link-local. Masks it knows by their form.",
		check:  hostOrderAddress},
	{ID: "connect-v4-mapped", Severity: Warning, Title: "IPv4 is denied and IPv4-mapped IPv6 is not",
		Trace: "connect-v4-mapped",
		Doc: "A socket of AF_INET6 reaches IPv4 as ::ffff:a.b.c.d. A filter that denies an IPv4 address, a port of it or " +
			"all of AF_INET has to deny these, too.",
		Misses: "Other addresses of the same machine. It does not ask whether the plan allows sockets of AF_INET6 at all.",
		check:  connectV4Mapped},
	{ID: "connect-any-address", Severity: Warning, Title: "loopback is denied and the unspecified address is not",
		Trace: "connect-any-address",
		Doc: "Linux connects 0.0.0.0 and :: to the machine itself. A filter that denies 127.0.0.1 or ::1 has to deny " +
			"these.",
		Misses: "Other addresses of the same machine.",
		check:  connectAnyAddress},
	{ID: "sibling-left-open", Severity: Warning, Title: "an opcode that does the same is open",
		Trace: "siblings-left-open",
		Doc: "Filters deny requests of an opcode, and another opcode that does the same takes any. The groups are in the " +
			"table below. Opcodes that are closed because the plan does not name them are not compared.",
		Misses: "Ways round that take more than one request. URING_CMD sets options of sockets, but makes none.",
		check:  siblingsLeftOpen},
	{ID: "send-msg-ring-open", Severity: Warning, Title: "MSG_RING is denied and SEND_MSG_RING is not",
		Trace: "send-msg-ring",
		Doc: "io_uring_register(-1, SEND_MSG_RING) does what MSG_RING does with data, and no filter sees it. From 7.3 on " +
			"a list of REGISTER_OP entries without it binds it; before, nothing does.",
		Misses: "Plans that close MSG_RING without naming it, all of which are affected up to 7.2.",
		check:  sendMsgRingOpen},
	{ID: "runtime-needs-opcode", Severity: Note, Title: "a program in wide use does not live without it",
		Trace: "probe",
		Doc: "IORING_REGISTER_PROBE does not show what is denied, so that programs that ask it pick io_uring and fail. " +
			"The programs are in the table below.",
		Misses: "All programs that are not in the table, and requests that are denied only in part.",
		check:  runtimeNeedsOpcode},
	{ID: "known-bypass", Severity: Warning, Title: "the kernel does not keep to what the plan counts on",
		Trace: "quirk-restrictions-lost-on-exec",
		Doc: "A quirk of the release lets a sandbox be left, or leaves open what the plan closes. A note for the one " +
			"that only tightens more than was asked for: up to 7.2 later filters reach children and rings that are there " +
			"already.",
		Misses: "Fixes that a distribution carries back: say so with --kernel 7.0~restrictions-lost-on-exec.",
		check:  knownBypass},
	{ID: unusedIgnore, Severity: Note, Title: "what is to be ignored is not there",
		Doc: "A comment or remark says that what a rule finds is meant, and the rule finds nothing there. The mistake is " +
			"gone, or the comment stands at the wrong line, where it would hide the next mistake.",
		Misses: "What rules that are disabled would find. It names comments that are meant for other releases than those " +
			"that are asked for."},
}

const unusedIgnore = "unused-ignore" // it looks at what is ignored and not at the plan
