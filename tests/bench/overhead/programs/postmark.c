/* postmark FILES TRANSACTIONS: what a mail server does to a file system (after Katcher, 1997).
 *
 * Makes a pool of small files in the current directory; each transaction reads a file or appends to it,
 * and makes a file or removes one; at the end all are removed. The sequence is the same every time.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SMALLEST = 500, LARGEST = 10000, BLOCK = 4096 };

static unsigned long long seed = 42;
static char data[LARGEST];
static int *pool, held, next;

static unsigned below(unsigned limit)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(seed >> 33) % limit;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int opened(int number, int flags)
{
    char name[32];
    snprintf(name, sizeof name, "s%02d/mail_%07d", number % 10, number);
    int file = open(name, flags, 0600);
    if (file < 0)
        fail(name);
    return file;
}

static void put(int file, unsigned size)
{
    for (unsigned done = 0; done < size; done += BLOCK)
        if (write(file, data + done, size - done < BLOCK ? size - done : BLOCK) < 0)
            fail("write");
    close(file);
}

static void make_one(void)
{
    pool[held++] = next;
    put(opened(next++, O_CREAT | O_EXCL | O_WRONLY), SMALLEST + below(LARGEST - SMALLEST));
}

static void remove_one(unsigned place)
{
    char name[32];
    snprintf(name, sizeof name, "s%02d/mail_%07d", pool[place] % 10, pool[place]);
    if (unlink(name) < 0)
        fail(name);
    pool[place] = pool[--held];
}

static void read_one(int number)
{
    char block[BLOCK];
    int file = opened(number, O_RDONLY);
    while (read(file, block, sizeof block) > 0)
        ;
    close(file);
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    int files = atoi(words[1]), transactions = atoi(words[2]);
    pool = malloc(sizeof *pool * (size_t)(files + transactions));
    if (pool == NULL)
        fail("malloc");
    for (int number = 0; number < LARGEST; number++)
        data[number] = (char)('a' + number % 26);
    while (held < files)
        make_one();
    for (int number = 0; number < transactions; number++) {
        int chosen = pool[below((unsigned)held)];
        if (below(2))
            read_one(chosen);
        else
            put(opened(chosen, O_WRONLY | O_APPEND), SMALLEST + below(BLOCK - SMALLEST));
        if (below(2) || held < 2)
            make_one();
        else
            remove_one(below((unsigned)held));
    }
    while (held > 0)
        remove_one((unsigned)held - 1);
    return 0;
}
