#include <linux/io_uring.h>

// Sockets of TCP over IPv4 and IPv6, and no others.
SEC("io_uring_filter")
int only_tcp(struct io_uring_bpf_ctx *ctx)
{
	/* Not the families that TCP knows? */
	if (ctx->socket.family != AF_INET && ctx->socket.family != AF_INET6)
		return 0;

	if (ctx->socket.type != SOCK_STREAM)
		return 0;

	/* 0 stands for the protocol of the type. */
	if (ctx->socket.protocol != IPPROTO_TCP && ctx->socket.protocol != 0)
		return 0;

	return 1;
}
