/*
 * Load generator: TLS requests to servers on loopback, from a process of its
 * own.
 *
 *   load [OPTION VALUE]... PORT [PORT]...
 *
 *     --ca FILE            whom the certificates come from
 *     --host NAME          the name in them; localhost
 *     --connections N      1
 *     --sources N          from so many addresses: 127.0.0.1, 127.0.0.2, …
 *     --tokens FILE        one a line; each lane, or else each connection, takes the next
 *     --get PATH           request this, or
 *     --paths FILE         these in turn, one a line, or
 *     --post PATH          each message of the following --bundle FILE once; several such pairs
 *                          are lanes of as many messages each, taken in turn
 *     --kind KIND          kept: connections stay (the default); fresh: a new one, and a full
 *                          handshake, for every request; hold: one request each, then all idle
 *                          until standard input ends ("holding" is printed when all are there)
 *     --rate R             requests a second, sent when they are due and counted from then;
 *                          without it, each connection asks when it was answered
 *     --requests N, --seconds S   when to stop
 *
 * Several ports: connections are dealt to them in turn, and so are lanes. A bundle is messages
 * one after the other, each after its length in four bytes, little-endian.
 *
 * Prints one JSON object: requests, failures, seconds, per_second, cpu_s (its
 * own), bytes_received, lost, latencies of a histogram (mean_ms, p50_ms, p90_ms, p99_ms,
 * p999_ms, max_ms) and how often each status came.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000
#define LINE_MAX_BYTES 512

double load_now_s(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

_Noreturn void load_die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(EXIT_FAILURE);
}

/* Doubles the room of an array; the memory lives as long as the program. */
static void *grow(void *array, size_t *cap, size_t size)
{
    *cap = *cap == 0 ? 4096 : *cap * 2;
    void *grown = realloc(array, *cap * size);
    if (grown == NULL)
        load_die("memory");
    return grown;
}

static void read_lines(const char *path, char ***ret_lines, size_t *ret_count)
{
    char line[LINE_MAX_BYTES];
    char **lines = NULL;
    size_t cap = 0, count = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        load_die(path);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] == 0)
            continue;
        if (count == cap)
            lines = grow(lines, &cap, sizeof *lines);
        lines[count] = strdup(line);
        if (lines[count++] == NULL)
            load_die("memory");
    }
    fclose(file);
    if (count == 0)
        load_die(path);
    *ret_lines = lines;
    *ret_count = count;
}

static void read_messages(struct load_lane *lane, const uint8_t *at, size_t len)
{
    size_t cap = 0;
    while (len > 4) {
        size_t size =
            (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
        if (size > len - 4)
            load_die("bundle is cut short");
        if (lane->count == cap)
            lane->messages = grow(lane->messages, &cap, sizeof *lane->messages);
        lane->messages[lane->count++] = (struct load_message){at + 4, size};
        at += 4 + size;
        len -= 4 + size;
    }
}

static void read_bundle(struct load_lane *lane, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    if (fd < 0 || fstat(fd, &facts) != 0 || facts.st_size == 0)
        load_die(path);
    size_t len = (size_t)facts.st_size;
    const uint8_t *at = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        load_die(path);
    close(fd);
    read_messages(lane, at, len);
}

/* ---- the order -------------------------------------------------------------- */

static void usage(const char *what)
{
    fprintf(stderr, "load: %s\nusage: load [OPTION VALUE]... PORT [PORT]...; see load.c\n", what);
    exit(64);
}

static long number_of(const char *text, long min, long max)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || value < min || value > max)
        usage(text);
    return value;
}

static void read_kind(struct load *load, const char *kind)
{
    load->fresh = strcmp(kind, "fresh") == 0;
    load->hold = strcmp(kind, "hold") == 0;
    if (!load->fresh && !load->hold && strcmp(kind, "kept") != 0)
        usage("--kind");
}

static void one_path(struct load *load, char *path)
{
    static char *only[1];
    only[0] = path;
    load->paths = only;
    load->path_count = 1;
}

static void read_ca(struct load *load, const char *ca)
{
    if (SSL_CTX_load_verify_file(load->tls, ca) != 1)
        load_die(ca);
}

static struct load_lane *new_lane(struct load *load)
{
    if (load->lane_count == LOAD_LANES_MAX)
        usage("too many bundles");
    return &load->lanes[load->lane_count];
}

static void read_option(struct load *load, const char *name, char *value)
{
    if (strcmp(name, "--ca") == 0)
        read_ca(load, value);
    else if (strcmp(name, "--host") == 0)
        load->host = value;
    else if (strcmp(name, "--connections") == 0)
        load->connections = (int)number_of(value, 1, CONNECTIONS_MAX);
    else if (strcmp(name, "--sources") == 0)
        load->sources = (int)number_of(value, 1, 250);
    else if (strcmp(name, "--tokens") == 0)
        read_lines(value, &load->tokens, &load->token_count);
    else if (strcmp(name, "--get") == 0)
        one_path(load, value);
    else if (strcmp(name, "--paths") == 0)
        read_lines(value, &load->paths, &load->path_count);
    else if (strcmp(name, "--post") == 0)
        new_lane(load)->path = value;
    else if (strcmp(name, "--bundle") == 0)
        read_bundle(new_lane(load), value), load->lane_count++;
    else if (strcmp(name, "--kind") == 0)
        read_kind(load, value);
    else if (strcmp(name, "--rate") == 0)
        load->rate = strtod(value, NULL);
    else if (strcmp(name, "--requests") == 0)
        load->limit = (size_t)number_of(value, 1, LONG_MAX);
    else if (strcmp(name, "--seconds") == 0)
        load->seconds = strtod(value, NULL);
    else
        usage(name);
}

static void add_target(struct load *load, const char *port)
{
    if (load->target_count == LOAD_TARGETS_MAX)
        usage("too many ports");
    struct sockaddr_in *target = &load->targets[load->target_count++];
    target->sin_family = AF_INET;
    target->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target->sin_port = htons((uint16_t)number_of(port, 1, 65535));
}

static void prepare_tls(struct load *load)
{
    load->tls = SSL_CTX_new(TLS_client_method());
    if (load->tls == NULL || SSL_CTX_set_min_proto_version(load->tls, TLS1_3_VERSION) != 1)
        load_die("TLS context");
    SSL_CTX_set_verify(load->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(load->tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
}

/* Each connection is a descriptor. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void check_lanes(struct load *load)
{
    size_t messages = 0;
    if ((load->lane_count > 0) == (load->path_count > 0))
        usage("either paths, or --post and --bundle");
    for (size_t i = 0; i < load->lane_count; i++) {
        if (load->lanes[i].path == NULL || load->lanes[i].count != load->lanes[0].count)
            usage("--post before each --bundle, and bundles of one length");
        messages += load->lanes[i].count;
    }
    if (load->lane_count == 0)
        return;
    if (load->lane_count % load->target_count != 0 ||
        (size_t)load->connections < load->target_count)
        usage("as many lanes for each port, and a connection to each");
    if (messages < load->limit)
        load->limit = messages;
}

static void read_order(struct load *load, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            add_target(load, argv[i]);
        else if (i + 1 < argc)
            read_option(load, argv[i], argv[i + 1]), i++;
        else
            usage(argv[i]);
    }
    if (load->target_count == 0)
        usage("no port");
    check_lanes(load);
    if (load->hold)
        load->limit = (size_t)load->connections;
    if (load->limit == SIZE_MAX && load->seconds > 1e6)
        usage("--requests or --seconds");
}

/* ---- the report ------------------------------------------------------------- */

static void print_latency(const struct histogram *latencies, const char *name, double share)
{
    printf(",\"%s_ms\":%.3f", name, (double)histogram_at(latencies, share) / 1e6);
}

static void report(const struct load *load)
{
    const struct histogram *latencies = &load->latencies;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                   (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    uint64_t count = latencies->count;
    printf("{\"requests\":%ju,\"failures\":%zu,\"lost\":%zu,\"seconds\":%.3f,\"per_second\":%.1f,"
           "\"cpu_s\":%.3f,\"bytes_received\":%ju",
           (uintmax_t)count, load->failures, load->lost, load->took, (double)count / load->took,
           cpu_s, (uintmax_t)load->bytes_received);
    printf(",\"mean_ms\":%.3f", count > 0 ? (double)latencies->sum_ns / (double)count / 1e6 : 0);
    print_latency(latencies, "p50", 0.5);
    print_latency(latencies, "p90", 0.9);
    print_latency(latencies, "p99", 0.99);
    print_latency(latencies, "p999", 0.999);
    printf(",\"max_ms\":%.3f,\"statuses\":{", (double)latencies->max_ns / 1e6);
    const char *comma = "";
    for (int status = 0; status < LOAD_STATUS_MAX; status++) {
        if (load->statuses[status] == 0)
            continue;
        printf("%s\"%d\":%zu", comma, status, load->statuses[status]);
        comma = ",";
    }
    printf("}}\n");
}

int main(int argc, char **argv)
{
    static char localhost[] = "localhost";
    static struct load load = {
        .host = localhost, .connections = 1, .limit = SIZE_MAX, .seconds = 1e9};
    raise_files();
    prepare_tls(&load);
    read_order(&load, argc, argv);
    load_traffic(&load);
    report(&load);
    SSL_CTX_free(load.tls);
    return load.failures == 0 && load.lost == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
