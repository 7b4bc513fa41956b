/*
 * The load generator's parts: load.c reads the order and reports, traffic.c
 * holds the connections. One thread, epoll.
 */
#ifndef POSTERN_TESTS_BENCH_LOAD_H
#define POSTERN_TESTS_BENCH_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

#define LOAD_TARGETS_MAX 8
#define LOAD_LANES_MAX 64
#define LOAD_STATUS_MAX 600

struct load_message {
    const uint8_t *bytes;
    size_t len;
};

/* One person's messages to one path; requests are dealt to lanes in turn. */
struct load_lane {
    const char *path;
    struct load_message *messages;
    size_t count;
};

/* What is to be done, and what came of it. Arrays live as long as the program. */
struct load {
    char *host; /* the name in the certificate; OpenSSL takes no const name */
    struct sockaddr_in targets[LOAD_TARGETS_MAX];
    size_t target_count;
    int sources; /* from 127.0.0.1 and as many addresses as this in all; 0: the kernel's choice */
    SSL_CTX *tls;
    bool fresh; /* a new connection for each request */
    bool hold;  /* one request a connection, then wait until standard input ends */
    int connections;
    double rate; /* requests a second; 0: as fast as answers come */
    double seconds;
    size_t limit; /* requests in all */
    char **paths, **tokens;
    size_t path_count, token_count;
    struct load_lane lanes[LOAD_LANES_MAX];
    size_t lane_count; /* 0: paths are asked for instead */

    size_t issued, failures, lost; /* lost: held connections that the server ended */
    uint64_t bytes_received;
    double started, took;
    struct histogram latencies;
    size_t statuses[LOAD_STATUS_MAX];
};

double load_now_s(void);
_Noreturn void load_die(const char *what);

/* Does it all, from the first connection to the last answer. */
void load_traffic(struct load *load);

#endif
