/* Runs a command and discards its output. Prints wall seconds, CPU seconds, peak
 * resident KiB and exit code.
 *
 * It is written in C because a child starts with the peak memory of its parent (kernel:
 * exec_mmap() keeps the old peak). A parent in Python would use as much memory as the
 * check.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
    return time.tv_sec + time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct rusage usage;
    int status;
    double begin = now();
    pid_t child = argc > 1 ? fork() : -1;

    if (child < 0)
        return 1;
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
        execvp(argv[1], argv + 1);
        perror(argv[1]);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status))
        return 1;
    printf("%.6f %.6f %ld %d\n", now() - begin,
           seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss,
           WEXITSTATUS(status));
    return 0;
}
