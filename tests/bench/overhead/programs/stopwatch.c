/* stopwatch OUT PROGRAM ARGUMENT...: write how many nanoseconds the program took into OUT.
 *
 * It runs inside of whatever traces the program, so that what a tracer needs for its own start and end
 * is not taken for a cost of the program.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words)
{
    struct timespec began, ended;
    int status;
    if (count < 3)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t child = fork();
    if (child == 0) {
        execvp(words[2], words + 2);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &ended);
    FILE *out = fopen(words[1], "w");
    if (out == NULL)
        return 2;
    long long took = (ended.tv_sec - began.tv_sec) * 1000000000LL + (ended.tv_nsec - began.tv_nsec);
    fprintf(out, "%lld\n", took);
    if (fclose(out) != 0)
        return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
