/*
 * Prints what the helpers of liburing write, a line for each call below: its number among the calls of that helper, and
 * the bytes of the SQE. liburing.txt beside it is the output, with liburing 2.15:
 *
 *	./configure && gcc -D_GNU_SOURCE -Isrc/include -o dump liburing.c && ./dump >liburing.txt
 *
 * The same calls stand in Go in sqe/liburing_test.go. No helper reads what its pointers point to, so that any will do.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <liburing.h>

#define P(n) ((void *)(uintptr_t)(n))
#define ONE P(0x1111000)	/* the path "one" */
#define TWO P(0x2222000)	/* the path "two" */
#define VEC P(0x3333000)	/* an array of iovecs */
#define MSG P(0x4444000)	/* a msghdr */
#define TIME P(0x5555000)	/* a timespec */
#define ADDR P(0x6666000)	/* a socket address */
#define HOW P(0x7777000)	/* an open_how */
#define FDS P(0x8888000)	/* an array of descriptors */
#define BUF P(0xb0000000)	/* a buffer */
#define BUF2 P(0xc0000000)

#define DUMP(size, helper, ...) do { \
	unsigned char raw[128] = {0}; \
	io_uring_##helper((struct io_uring_sqe *)raw, ##__VA_ARGS__); \
	printf("%s ", #helper); \
	for (int i = 0; i < size; i++) printf("%02x", raw[i]); \
	printf("\n"); \
} while (0)
#define D(helper, ...) DUMP(64, helper, ##__VA_ARGS__)

int main(void)
{
	D(prep_splice, 5, 6, 7, 8, 9, 2);
	D(prep_splice, 5, -1, 7, -1, 9, 0);
	D(prep_tee, 5, 7, 9, 2);
	D(prep_readv, 5, VEC, 2, 77);
	D(prep_readv2, 5, VEC, 2, 77, 3);
	D(prep_read_fixed, 5, BUF, 99, 77, 6);
	D(prep_readv_fixed, 5, VEC, 2, 77, 3, 6);
	D(prep_writev, 5, VEC, 2, 77);
	D(prep_writev2, 5, VEC, 2, 77, 3);
	D(prep_write_fixed, 5, BUF, 99, 77, 6);
	D(prep_writev_fixed, 5, VEC, 2, 77, 3, 6);
	D(prep_recvmsg, 5, MSG, 0x40);
	D(prep_recvmsg_multishot, 5, MSG, 0x40);
	D(prep_sendmsg, 5, MSG, 0x40);
	D(prep_poll_add, 5, 0x80000001);
	D(prep_poll_multishot, 5, 4);
	D(prep_poll_remove, 0x123456789abcdef0);
	D(prep_poll_update, 0x123456789abcdef0, 0xfedcba987654321, 4, 3);
	D(prep_fsync, 5, 1);
	D(prep_nop);
	DUMP(128, prep_nop128);
	D(prep_timeout, TIME, 3, 1);
	D(prep_timeout_remove, 0x123456789abcdef0, 0);
	D(prep_timeout_update, TIME, 0x123456789abcdef0, 1);
	D(prep_accept, 5, BUF, BUF2, 0x80000);
	D(prep_accept_direct, 5, BUF, BUF2, 0x800, 8);
	D(prep_accept_direct, 5, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC);
	D(prep_multishot_accept, 5, BUF, BUF2, 0x800);
	D(prep_multishot_accept_direct, 5, BUF, BUF2, 0x800);
	D(prep_cancel64, 0x123456789abcdef0, 1);
	D(prep_cancel, P(0xb0000000), 0);
	D(prep_cancel_fd, 5, 1);
	D(prep_link_timeout, TIME, 1);
	D(prep_connect, 5, ADDR, 16);
	D(prep_connect, 5, ADDR, 28);
	D(prep_connect, 5, ADDR, 11);
	D(prep_bind, 5, ADDR, 16);
	D(prep_listen, 5, 128);
	D(prep_epoll_wait, 5, BUF, 4, 0);
	D(prep_files_update, FDS, 2, 3);
	D(prep_files_update, FDS, 2, IORING_FILE_INDEX_ALLOC);
	D(prep_fallocate, 5, 1, 77, 0x100000000);
	D(prep_openat, 5, ONE, 0x80042, 0600);
	D(prep_openat_direct, 5, ONE, 0x42, 0600, 8);
	D(prep_openat_direct, 5, ONE, 0x42, 0600, IORING_FILE_INDEX_ALLOC);
	D(prep_open, ONE, 0x42, 0600);
	D(prep_open_direct, ONE, 0x42, 0600, 8);
	D(prep_close, 5);
	D(prep_close_direct, 8);
	D(prep_read, 5, BUF, 99, 77);
	D(prep_read, 5, BUF, 99, -1);
	D(prep_read_multishot, 5, 0, 77, 6);
	D(prep_write, 5, BUF, 99, 77);
	D(prep_statx, 5, ONE, 0x1000, 0x7ff, BUF);
	D(prep_fadvise, 5, 77, 99, 3);
	D(prep_madvise, BUF, 99, 4);
	D(prep_fadvise64, 5, 77, 0x100000000, 3);
	D(prep_madvise64, BUF, 0x100000000, 4);
	D(prep_send, 5, BUF, 99, 0x40);
	D(prep_send_bundle, 5, 99, 0x40);
	D(prep_send_set_addr, ADDR, 16);
	D(prep_sendto, 5, BUF, 99, 0x40, ADDR, 16);
	D(prep_send_zc, 5, BUF, 99, 0x40, 8);
	D(prep_send_zc_fixed, 5, BUF, 99, 0x40, 8, 6);
	D(prep_sendmsg_zc, 5, MSG, 0x40);
	D(prep_sendmsg_zc_fixed, 5, MSG, 0x40, 6);
	D(prep_recv, 5, BUF, 99, 0x40);
	D(prep_recv_multishot, 5, NULL, 0, 0x40);
	D(prep_openat2, 5, ONE, HOW);
	D(prep_openat2_direct, 5, ONE, HOW, 8);
	D(prep_openat2_direct, 5, ONE, HOW, IORING_FILE_INDEX_ALLOC);
	D(prep_epoll_ctl, 5, 6, 1, BUF);
	D(prep_provide_buffers, BUF, 99, 4, 6, 10);
	D(prep_remove_buffers, 4, 6);
	D(prep_shutdown, 5, 2);
	D(prep_unlinkat, 5, ONE, 0x200);
	D(prep_unlink, ONE, 0);
	D(prep_renameat, 5, ONE, 6, TWO, 1);
	D(prep_rename, ONE, TWO);
	D(prep_sync_file_range, 5, 99, 77, 2);
	D(prep_mkdirat, 5, ONE, 0700);
	D(prep_mkdir, ONE, 0700);
	D(prep_symlinkat, ONE, 5, TWO);
	D(prep_symlink, ONE, TWO);
	D(prep_linkat, 5, ONE, 6, TWO, 0x1000);
	D(prep_link, ONE, TWO, 0);
	D(prep_msg_ring_cqe_flags, 5, 99, 0x123456789abcdef0, 1, 3);
	D(prep_msg_ring, 5, 99, 0x123456789abcdef0, 1);
	D(prep_msg_ring_fd, 5, 6, 8, 0x123456789abcdef0, 1);
	D(prep_msg_ring_fd, 5, 6, IORING_FILE_INDEX_ALLOC, 0x123456789abcdef0, 1);
	D(prep_msg_ring_fd_alloc, 5, 6, 0x123456789abcdef0, 1);
	D(prep_getxattr, ONE, BUF, TWO, 99);
	D(prep_setxattr, ONE, BUF, TWO, 1, 99);
	D(prep_fgetxattr, 5, ONE, BUF, 99);
	D(prep_fsetxattr, 5, ONE, BUF, 1, 99);
	D(prep_socket, 2, 0x80001, 6, 0);
	D(prep_socket_direct, 2, 1, 6, 8, 0);
	D(prep_socket_direct, 2, 1, 6, IORING_FILE_INDEX_ALLOC, 0);
	D(prep_socket_direct_alloc, 2, 1, 6, 0);
	D(prep_uring_cmd, 0x1234, 5);
	DUMP(128, prep_uring_cmd128, 0x1234, 5);
	D(prep_cmd_sock, SOCKET_URING_OP_SETSOCKOPT, 5, 1, 9, BUF, 4);
	D(prep_cmd_getsockname, 5, BUF, BUF2, 1);
	D(prep_waitid, 1, 5, BUF, 4, 0);
	D(prep_futex_wake, BUF, 1, 0xffffffff, 2, 0);
	D(prep_futex_wait, BUF, 7, 0xffffffff, 0x82, 0);
	D(prep_futex_waitv, P(0x9999000), 2, 0);
	D(prep_fixed_fd_install, 5, 1);
	D(prep_ftruncate, 5, 0x100000000);
	D(prep_cmd_discard, 5, 0x1000, 0x2000);
	D(prep_pipe, BUF, 0x80000);
	D(prep_pipe_direct, BUF, 0x800, 8);
	D(prep_pipe_direct, BUF, 0x800, IORING_FILE_INDEX_ALLOC);
	return 0;
}
