package uapi

// Aliases are constants that stand for several bits, second names of others, and names of rare values. Sources of
// filters use them, but nothing is printed with them.
var Aliases = []Row{
	{"O_ACCMODE", 3}, {"O_NDELAY", O_NONBLOCK}, {"O_SYNC", O_DSYNC | O_SYNC_}, {"O_TMPFILE", O_DIRECTORY | O_TMPFILE_},

	{"AF_LOCAL", 1}, {"AF_AX25", 3}, {"AF_IPX", 4}, {"AF_APPLETALK", 5}, {"AF_NETROM", 6}, {"AF_BRIDGE", 7},
	{"AF_ATMPVC", 8}, {"AF_X25", 9}, {"AF_ROSE", 11}, {"AF_NETBEUI", 13}, {"AF_SECURITY", 14}, {"AF_KEY", 15},
	{"AF_ROUTE", 16}, {"AF_ASH", 18}, {"AF_ECONET", 19}, {"AF_ATMSVC", 20}, {"AF_RDS", 21}, {"AF_SNA", 22},
	{"AF_IRDA", 23}, {"AF_PPPOX", 24}, {"AF_WANPIPE", 25}, {"AF_LLC", 26}, {"AF_IB", 27}, {"AF_MPLS", 28},
	{"AF_CAN", 29}, {"AF_TIPC", 30}, {"AF_BLUETOOTH", 31}, {"AF_IUCV", 32}, {"AF_RXRPC", 33}, {"AF_ISDN", 34},
	{"AF_PHONET", 35}, {"AF_IEEE802154", 36}, {"AF_CAIF", 37}, {"AF_ALG", 38}, {"AF_NFC", 39}, {"AF_KCM", 41},
	{"AF_QIPCRTR", 42}, {"AF_SMC", 43}, {"AF_XDP", 44}, {"AF_MCTP", 45},

	{"SOCK_TYPE_MASK", SOCK_TYPE_MASK}, {"SOCK_RDM", 4}, {"SOCK_DCCP", 6}, {"SOCK_PACKET", 10},

	{"IPPROTO_IGMP", 2}, {"IPPROTO_DCCP", 33}, {"IPPROTO_IPV6", 41}, {"IPPROTO_GRE", 47}, {"IPPROTO_ESP", 50},
	{"IPPROTO_AH", 51}, {"IPPROTO_ICMPV6", 58}, {"IPPROTO_SCTP", 132}, {"IPPROTO_UDPLITE", 136}, {"IPPROTO_RAW", 255},
	{"IPPROTO_SMC", 256}, {"IPPROTO_MPTCP", 262},
}
