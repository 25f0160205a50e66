/* Runs a command as on a kernel before Linux 6.3, which has no IP_LOCAL_PORT_RANGE:
 * setsockopt() refuses it.
 *
 * Source: linux/seccomp.h, seccomp(2), ip(7).
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORT_RANGE 51 /* IP_LOCAL_PORT_RANGE; older headers lack it */
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)

int main(int argc, char **argv)
{
    struct sock_filter code[] = {
        LOAD(nr),
        SKIP_UNLESS(__NR_setsockopt, 5),
        LOAD(args[1]),
        SKIP_UNLESS(IPPROTO_IP, 3),
        LOAD(args[2]),
        SKIP_UNLESS(PORT_RANGE, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    if (argc < 2 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 125;
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
