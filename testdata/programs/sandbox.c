/* The filters of a small program, as it registers them. */
#include <linux/filter.h>
#include <liburing.h>

#define CTX(member)  offsetof(struct io_uring_bpf_ctx, member)
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CTX(member))
#define DENY         BPF_STMT(BPF_RET | BPF_K, 0)
#define ALLOW        BPF_STMT(BPF_RET | BPF_K, 1)

static struct sock_filter open_read_only[] = {
	LOAD(open.flags),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_RDONLY, 0, 1),
	ALLOW,
	DENY,
};

static struct sock_filter connect_https[] = {
	LOAD(connect.port),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(443), 0, 1),
	ALLOW,
	DENY,
};
