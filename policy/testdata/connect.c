static int filter(const struct io_uring_bpf_ctx *c)
{
	if (c->connect.family == AF_INET) {
		if ((c->connect.v4_addr & htonl(0xff000000)) == htonl(0x0a000000))
			return c->connect.port == htons(443) || bpf_ntohs(c->connect.port) >= 1024;
		if (c->connect.v4_addr == htonl(0x7f000001))
			return 1;
	}
	return c->sqe_flags & IOSQE_IO_LINK && c->user_data < 16;
}
