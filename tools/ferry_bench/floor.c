/*
 * The floor: the least that a machine does for bytes that come by a socket, or for many small files
 *
 *     bench-floor serve DIRECTORY
 *     bench-floor files DIRECTORY COUNT SIZE THREADS
 *     bench-floor blake2b BYTES
 *
 * serve takes PUT and answers HEAD, a thread for each connection: recv() into 256 KiB, pwritev2(RWF_DONTCACHE)
 * into space that is allocated ahead, and nothing else; nothing is made durable. Where there is no RWF_DONTCACHE
 * (Linux 6.14, and not on every file system) it says so and writes plainly. It prints its URL and runs until it is
 * ended. files creates, writes, fdatasyncs so many files and fsyncs the directory of each, 256 directories,
 * and prints how many it did in a second and the processor time of one. blake2b hashes so many bytes of memory and
 * prints the processor time.
 *
 * This is what others are measured against, not a server: it believes everything that it is told.
 */
#include <arpa/inet.h>
#include <blake2.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"

#ifndef RWF_DONTCACHE
#define RWF_DONTCACHE 0x80 /* Linux 6.14 */
#endif

enum {
    BUFFER_BYTES = 256 * 1024,
    DIRECTORIES = 256,
    THREADS_MAX = 256,
};

static int directory_fd;
static atomic_int write_flags = RWF_DONTCACHE;

/* ---- serve ---- */

struct request {
    bool puts;
    char name[64];
    uint64_t length;
};

static void answer(int fd, const char *status, uint64_t length)
{
    char text[128];

    int count = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %" PRIu64 "\r\n\r\n",
                         status, length);
    if (send(fd, text, (size_t)count, MSG_NOSIGNAL) != count)
        err(1, "answer");
}

/* "PUT /0-1 HTTP/1.1"; false for anything else. */
static bool request_read(char *header, struct request *ret_request)
{
    char method[8];

    if (sscanf(header, "%7s /%63[0-9-] HTTP/1.1", method, ret_request->name) != 2)
        return false;
    const char *length = strcasestr(header, "\r\nContent-Length: ");
    ret_request->puts = strcmp(method, "PUT") == 0;
    ret_request->length = length == NULL ? 0 : strtoull(length + 18, NULL, 10);
    return ret_request->puts || strcmp(method, "HEAD") == 0;
}

static ssize_t body_write_once(int fd, const struct iovec *piece, uint64_t offset)
{
    int flags = atomic_load(&write_flags);

    ssize_t written = pwritev2(fd, piece, 1, (off_t)offset, flags);
    if (written >= 0 || errno != EOPNOTSUPP || flags == 0)
        return written;
    if (atomic_exchange(&write_flags, 0) != 0)
        warnx("there is no RWF_DONTCACHE");
    return pwritev2(fd, piece, 1, (off_t)offset, 0);
}

static void body_write(int fd, const char *bytes, size_t count, uint64_t offset)
{
    while (count > 0) {
        const struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = count };
        ssize_t written = body_write_once(fd, &piece, offset);
        if (written <= 0)
            err(1, "write");
        bytes += written;
        offset += (uint64_t)written;
        count -= (size_t)written;
    }
}

/* The first bytes of the body came with the header. */
static void body_receive(int client, const struct request *request, char *buffer, size_t filled)
{
    AUTO_CLOSE int fd =
        openat(directory_fd, request->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    uint64_t offset = 0;

    if (fd < 0)
        err(1, "%s", request->name);
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)request->length);
    for (;;) {
        if (filled > 0)
            body_write(fd, buffer, filled, offset);
        offset += filled;
        if (offset >= request->length)
            return;
        ssize_t got = recv(client, buffer, BUFFER_BYTES, 0);
        if (got <= 0)
            err(1, "receive");
        filled = (size_t)got;
    }
}

static void request_serve(int client, char *buffer, const char *body, size_t filled)
{
    struct request request = { 0 };
    struct stat about;

    if (!request_read(buffer, &request))
        errx(1, "not a request: %.40s", buffer);
    if (request.puts) {
        memmove(buffer, body, filled);
        body_receive(client, &request, buffer, filled);
        answer(client, "201 Created", 0);
    } else if (fstatat(directory_fd, request.name, &about, 0) == 0) {
        answer(client, "200 OK", (uint64_t)about.st_size);
    } else {
        answer(client, "404 Not Found", 0);
    }
}

static void *connection_serve(void *argument)
{
    AUTO_CLOSE int client = (int)(intptr_t)argument;
    AUTO_FREE char *buffer = malloc(BUFFER_BYTES);
    size_t filled = 0;
    const int on = 1;

    if (buffer == NULL)
        err(1, "memory");
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (;;) {
        ssize_t got = recv(client, buffer + filled, BUFFER_BYTES - 1 - filled, 0);
        if (got <= 0)
            return NULL;
        filled += (size_t)got;
        const char *end = memmem(buffer, filled, "\r\n\r\n", 4);
        if (end == NULL)
            continue;
        size_t header = (size_t)(end - buffer) + 4;
        buffer[header - 1] = '\0';
        request_serve(client, buffer, buffer + header, filled - header);
        filled = 0;
    }
}

__attribute__((noreturn)) static void serve(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof(address);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 128) < 0 || getsockname(fd, (struct sockaddr *)&address, &bytes) < 0)
        err(1, "listen");
    (void)printf("listening on http://127.0.0.1:%u/\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    for (;;) {
        pthread_t thread;
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            err(1, "accept");
        errno = pthread_create(&thread, NULL, connection_serve, (void *)(intptr_t)client);
        if (errno != 0)
            err(1, "a thread");
        (void)pthread_detach(thread);
    }
}

/* ---- files ---- */

static struct {
    uint64_t count, size;
    atomic_uint_fast64_t next;
    int fds[DIRECTORIES];
    char *bytes;
} small;

static void small_file_write(uint64_t number)
{
    char name[32];
    int directory = small.fds[number % DIRECTORIES];

    (void)snprintf(name, sizeof(name), "%" PRIu64, number);
    AUTO_CLOSE int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || pwrite(fd, small.bytes, small.size, 0) != (ssize_t)small.size ||
        fdatasync(fd) < 0 || fsync(directory) < 0)
        err(1, "write file %s", name);
}

static void *small_files_write(void *argument)
{
    uint64_t number;

    while ((number = atomic_fetch_add(&small.next, 1)) < small.count)
        small_file_write(number);
    return argument;
}

static uint64_t cpu_ns(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void small_directories_make(void)
{
    for (int i = 0; i < DIRECTORIES; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "%02x", (unsigned)i);
        if (mkdirat(directory_fd, name, 0700) < 0 && errno != EEXIST)
            err(1, "make %s", name);
        small.fds[i] = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (small.fds[i] < 0)
            err(1, "open %s", name);
    }
}

static void files(uint64_t threads)
{
    pthread_t all[THREADS_MAX];

    small_directories_make();
    small.bytes = calloc(1, small.size);
    if (small.bytes == NULL)
        err(1, "memory");
    uint64_t begun_ns = clock_monotonic_ns(), begun_cpu_ns = cpu_ns();
    for (uint64_t i = 0; i < threads; i++) {
        errno = pthread_create(&all[i], NULL, small_files_write, NULL);
        if (errno != 0)
            err(1, "a thread");
    }
    for (uint64_t i = 0; i < threads; i++)
        (void)pthread_join(all[i], NULL);
    double seconds = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
    double cpu_s = (double)(cpu_ns() - begun_cpu_ns) / 1e9;

    (void)printf("{\"per_s\": %.1f, \"cpu_us\": %.1f}\n", (double)small.count / seconds,
                 cpu_s * 1e6 / (double)small.count);
    free(small.bytes);
}

/* ---- blake2b ---- */

/* In pieces, from more memory than a processor's cache has. */
static void blake2b_measure(uint64_t bytes)
{
    const size_t piece = (size_t)512 * 1024, all = 128 * piece;
    AUTO_FREE uint8_t *memory = malloc(all);
    blake2b_state state;
    uint8_t digest[BLAKE2B_OUTBYTES];

    if (memory == NULL)
        err(1, "memory");
    memset(memory, 0x5a, all);
    uint64_t begun_ns = cpu_ns();
    (void)blake2b_init(&state, sizeof(digest));
    for (uint64_t done = 0; done < bytes; done += piece)
        (void)blake2b_update(&state, memory + done % all,
                             bytes - done < piece ? (size_t)(bytes - done) : piece);
    (void)blake2b_final(&state, digest, sizeof(digest));
    (void)printf("{\"cpu_s\": %.4f}\n", (double)(cpu_ns() - begun_ns) / 1e9);
}

static uint64_t number(const char *text, uint64_t most)
{
    uint64_t number;

    if (!number_parse(bytes_of_text(text), most, &number) || number == 0)
        errx(2, "not a number from 1 to %" PRIu64 ": %s", most, text);
    return number;
}

__attribute__((noreturn)) static void usage(void)
{
    errx(2,
         "usage: bench-floor serve DIRECTORY\n"
         "       bench-floor files DIRECTORY COUNT SIZE THREADS\n"
         "       bench-floor blake2b BYTES");
}

int main(int count, char **arguments)
{
    if (count == 3 && strcmp(arguments[1], "blake2b") == 0) {
        blake2b_measure(number(arguments[2], UINT64_C(1) << 40));
        return 0;
    }
    bool serves = count == 3 && strcmp(arguments[1], "serve") == 0;
    if (!serves && (count != 6 || strcmp(arguments[1], "files") != 0))
        usage();

    directory_fd = open(arguments[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        err(1, "%s", arguments[2]);
    if (serves)
        serve();
    small.count = number(arguments[3], UINT32_MAX);
    small.size = number(arguments[4], 1 << 30);
    files(number(arguments[5], THREADS_MAX));
    return 0;
}
