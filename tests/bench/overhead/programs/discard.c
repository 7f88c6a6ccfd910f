/* discard DIRECTORY MASK MILLISECONDS: mark the filesystem of a directory with fanotify, listen to the process
 * connector, and throw away what comes, the files' queue once in so many milliseconds. Prints "ready".
 *
 * What this costs a workload is what the kernel itself takes for telling; no reader of these marks costs less.
 * Sources: fanotify_mark(2), Documentation/driver-api/connector.rst, include/uapi/linux/cn_proc.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <unistd.h>

static int listening(void)
{
    struct sockaddr_nl here = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC, .nl_pid = getpid()};
    int connector = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    char request[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op))] = {0};
    struct nlmsghdr *header = (void *)request;
    struct cn_msg *message = NLMSG_DATA(header);
    enum proc_cn_mcast_op listen = PROC_CN_MCAST_LISTEN;
    if (connector < 0 || bind(connector, (void *)&here, sizeof here) < 0)
        return -1;
    header->nlmsg_len = NLMSG_LENGTH(sizeof *message + sizeof listen);
    header->nlmsg_type = NLMSG_DONE;
    message->id.idx = CN_IDX_PROC;
    message->id.val = CN_VAL_PROC;
    message->len = sizeof listen;
    memcpy(message->data, &listen, sizeof listen);
    return send(connector, request, header->nlmsg_len, 0) < 0 ? -1 : connector;
}

int main(int count, char **words)
{
    static char buffer[1 << 18];
    if (count < 4)
        return 2;
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS |
                                  FAN_REPORT_DFID_NAME_TARGET, O_RDONLY);
    if (group < 0 || fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, strtoul(words[2], NULL, 0), AT_FDCWD,
                                   words[1]) < 0) {
        perror("fanotify");
        return 1;
    }
    int connector = listening();
    if (connector < 0) {
        perror("connector");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd processes = {.fd = connector, .events = POLLIN};
        poll(&processes, 1, atoi(words[3]));
        while (recv(connector, buffer, sizeof buffer, 0) > 0)
            ;
        while (read(group, buffer, sizeof buffer) > 0)
            ;
    }
}
