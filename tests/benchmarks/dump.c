/* Does the minimum that is necessary to see the same sockets as the check: asks the
 * kernel for the TCP and UDP sockets on the ephemeral ports of the namespace, and
 * discards them. Prints their number.
 *
 * Source: linux/inet_diag.h, linux/netlink.h, sock_diag(7).
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ALL_STATES ((1 << 14) - 1) /* with bit 13, bound but idle (Linux 6.8) */

/* Two operations; a second one behind each holds its port. A jump to 4 bytes past the
 * end rejects the socket (kernel: inet_diag_bc_run()). */
struct filter {
    struct nlattr attribute;
    struct inet_diag_bc_op from, first, to, last;
};

static char buffer[65536];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct filter ephemeral_ports(void)
{
    unsigned first, last;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "r");

    if (!file || fscanf(file, "%u %u", &first, &last) != 2)
        fail("net.ipv4.ip_local_port_range");
    fclose(file);
    return (struct filter) {
        .attribute = { sizeof(struct filter), INET_DIAG_REQ_BYTECODE },
        .from = { INET_DIAG_BC_S_GE, 8, 20 }, .first = { .no = first },
        .to = { INET_DIAG_BC_S_LE, 8, 12 }, .last = { .no = last },
    };
}

static long receive_all(int netlink)
{
    for (long rows = 0;;) {
        int length = recv(netlink, buffer, sizeof buffer, 0);
        struct nlmsghdr *message = (struct nlmsghdr *)buffer;

        if (length <= 0)
            fail("recv");
        for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
            if (message->nlmsg_type == NLMSG_DONE)
                return rows;
            if (message->nlmsg_type == NLMSG_ERROR) {
                fputs("the kernel refuses the request\n", stderr);
                exit(1);
            }
            rows++;
        }
    }
}

/* The older request type: the kernel lists IPv4 and IPv6 in one walk of the table. */
static long dump_tcp(int netlink, struct filter filter)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req body;
        struct filter filter;
    } request = {
        .header = { .nlmsg_len = sizeof request, .nlmsg_type = TCPDIAG_GETSOCK,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .body = { .idiag_states = ALL_STATES },
        .filter = filter,
    };

    if (send(netlink, &request, sizeof request, 0) < 0)
        fail("send");
    return receive_all(netlink);
}

static long dump_udp(int netlink, struct filter filter, int family)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
        struct filter filter;
    } request = {
        .header = { .nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .body = { .sdiag_family = family, .sdiag_protocol = IPPROTO_UDP,
                  .idiag_states = ALL_STATES },
        .filter = filter,
    };

    if (send(netlink, &request, sizeof request, 0) < 0)
        fail("send");
    return receive_all(netlink);
}

int main(void)
{
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    struct filter filter = ephemeral_ports();

    if (netlink < 0)
        fail("socket");
    printf("%ld\n", dump_tcp(netlink, filter) + dump_udp(netlink, filter, AF_INET)
                    + dump_udp(netlink, filter, AF_INET6));
    return 0;
}
