#include "server/handover/handover.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

/* What travels, as server/handover/handover.c lays it out: offsets of single fields. */
enum {
    AT_VERSION = 4,
    AT_KIND = 6,
    AT_LISTENER = 7,
    AT_FAMILY = 8,
    AT_AEAD = 9,
    AT_CERT = 11,
    AT_TLS = 14,
    AT_REFUSAL = 18,
    AT_ZERO = 24,
    AT_ADDRESS = 40,
    AT_ALPN = 56,
    WIRE = 104
};

static struct pst_handover a_stream(void)
{
    return (struct pst_handover){.kind = PST_HANDOVER_STREAM,
                                 .listener = PST_LISTENER_HTTPS,
                                 .peer = {.family = 6, .address = {0x20, 1, 0xd, 0xb8}, .port = 99},
                                 .tls_version = PST_TLS_1_3,
                                 .cipher = 0x1301,
                                 .aead = true,
                                 .resumed = true,
                                 .alpn = "http/1.1",
                                 .has_certificate = true,
                                 .certificate = {1, 2, 3}};
}

static struct pst_handover a_refusal(void)
{
    return (struct pst_handover){.kind = PST_HANDOVER_REFUSED,
                                 .listener = PST_LISTENER_INBOUND,
                                 .peer = {.family = 4, .address = {192, 0, 2, 7}},
                                 .refusal = PST_HANDOVER_TLS_REQUIRED,
                                 .count = 12,
                                 .minute = 29000000};
}

START_TEST(a_stream_arrives_with_its_facts_and_works)
{
    int pair[2], plain[2], stream = -1;
    struct pst_handover sent = a_stream(), got;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, plain), 0);
    ck_assert_int_eq(pst_handover_send(pair[0], &sent, plain[0]), PST_OK);
    ck_assert_int_eq(pst_handover_recv(pair[1], &got, &stream), PST_OK);
    ck_assert_int_eq(got.kind, PST_HANDOVER_STREAM);
    ck_assert_int_eq(got.listener, PST_LISTENER_HTTPS);
    ck_assert_mem_eq(&got.peer, &sent.peer, sizeof sent.peer);
    ck_assert_uint_eq(got.tls_version, PST_TLS_1_3);
    ck_assert_uint_eq(got.cipher, 0x1301);
    ck_assert(got.aead && got.resumed && got.has_certificate);
    ck_assert_str_eq(got.alpn, "http/1.1");
    ck_assert_mem_eq(got.certificate, sent.certificate, sizeof sent.certificate);
    ck_assert_int_eq(write(stream, "x", 1), 1);
    char byte = 0;
    ck_assert_int_eq(read(plain[1], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    int all[] = {pair[0], pair[1], plain[0], plain[1], stream};
    for (size_t i = 0; i < 5; i++)
        close(all[i]);
}
END_TEST

START_TEST(a_refusal_arrives_without_a_stream)
{
    int pair[2], stream = 77;
    struct pst_handover sent = a_refusal(), got;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_handover_send(pair[0], &sent, -1), PST_OK);
    ck_assert_int_eq(pst_handover_recv(pair[1], &got, &stream), PST_OK);
    ck_assert_int_eq(stream, -1);
    ck_assert_int_eq(got.refusal, PST_HANDOVER_TLS_REQUIRED);
    ck_assert_uint_eq(got.count, 12);
    ck_assert_int_eq(got.minute, 29000000);
    ck_assert_mem_eq(&got.peer, &sent.peer, sizeof sent.peer);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(leaving_arrives_without_facts_and_else_not_at_all)
{
    int pair[2], stream = 77;
    const struct pst_handover leaving = {
        .kind = PST_HANDOVER_LEAVING, .listener = PST_LISTENER_HTTPS, .peer = {.family = 4}};
    struct pst_handover got;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_handover_send(pair[0], &leaving, -1), PST_OK);
    ck_assert_int_eq(pst_handover_recv(pair[1], &got, &stream), PST_OK);
    ck_assert_int_eq(stream, -1);
    ck_assert_int_eq(got.kind, PST_HANDOVER_LEAVING);
    ck_assert_int_eq(pst_handover_send(pair[0], &leaving, 0), PST_ERR_INVALID);
    struct pst_handover wrong[] = {leaving, leaving, leaving, leaving, leaving};
    wrong[0].peer.family = 6;
    wrong[1].peer.address[0] = 1;
    wrong[2].count = 1;
    wrong[3].tls_version = PST_TLS_1_3;
    wrong[4].refusal = PST_HANDOVER_RATE_LIMITED;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(pst_handover_send(pair[0], &wrong[i], -1), PST_ERR_INVALID);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(says_busy_when_empty_or_full_and_truncated_at_the_end)
{
    int pair[2], stream = -1;
    struct pst_handover message = a_refusal();
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_handover_recv(pair[1], &message, &stream), PST_ERR_BUSY);
    enum pst_err r = PST_OK;
    int sent = 0;
    while ((r = pst_handover_send(pair[0], &message, -1)) == PST_OK)
        sent++;
    ck_assert_int_eq(r, PST_ERR_BUSY);
    close(pair[0]);
    for (int i = 0; i < sent; i++)
        ck_assert_int_eq(pst_handover_recv(pair[1], &message, &stream), PST_OK);
    ck_assert_int_eq(pst_handover_recv(pair[1], &message, &stream), PST_ERR_TRUNCATED);
    ck_assert_int_eq(pst_handover_send(pair[1], &message, -1), PST_ERR_IO);
    close(pair[1]);
}
END_TEST

START_TEST(does_not_send_what_would_not_be_taken)
{
    int pair[2];
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    struct pst_handover stream = a_stream(), refusal = a_refusal();
    ck_assert_int_eq(pst_handover_send(pair[0], &stream, -1), PST_ERR_INVALID);
    ck_assert_int_eq(pst_handover_send(pair[0], &refusal, 0), PST_ERR_INVALID);
    stream.tls_version = 0x0302;
    ck_assert_int_eq(pst_handover_send(pair[0], &stream, 0), PST_ERR_INVALID);
    refusal.count = 0;
    ck_assert_int_eq(pst_handover_send(pair[0], &refusal, -1), PST_ERR_INVALID);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

static void send_raw(int socket, uint8_t *bytes, size_t len, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {bytes, len};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    ck_assert_int_eq(sendmsg(socket, &header, 0), (ssize_t)len);
}

/* The bytes of a valid message, taken off a pair. */
static void valid_bytes(const struct pst_handover *message, int stream, uint8_t out[WIRE])
{
    int pair[2];
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_handover_send(pair[0], message, stream), PST_OK);
    ck_assert_int_eq(recv(pair[1], out, WIRE, 0), WIRE);
    close(pair[0]);
    close(pair[1]);
}

static enum pst_err take(uint8_t *bytes, size_t len, size_t fds)
{
    int pair[2], stream = -1;
    const int two[2] = {0, 0};
    struct pst_handover got;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    send_raw(pair[0], bytes, len, two, fds);
    enum pst_err r = pst_handover_recv(pair[1], &got, &stream);
    ck_assert_int_eq(stream >= 0, r == PST_OK && fds == 1);
    int all[] = {pair[0], pair[1], stream};
    for (size_t i = 0; i < 3; i++)
        if (all[i] >= 0)
            close(all[i]);
    return r;
}

START_TEST(takes_nothing_that_breaks_a_rule)
{
    static const struct {
        const char *name;
        bool refusal;
        size_t at;
        uint8_t value;
    } cases[] = {
        {"magic", false, 0, 'X'},
        {"version", false, AT_VERSION, 2},
        {"kind 0", false, AT_KIND, 0},
        {"kind 3", false, AT_KIND, 3},
        {"listener", false, AT_LISTENER, 9},
        {"family", false, AT_FAMILY, 5},
        {"aead", false, AT_AEAD, 2},
        {"no certificate, but one", false, AT_CERT, 0},
        {"tls 1.1", false, AT_TLS, 2},
        {"a refusal in a stream", false, AT_REFUSAL, 1},
        {"reserved", false, AT_ZERO, 1},
        {"control character in alpn", false, AT_ALPN, 10},
        {"alpn after its end", false, AT_ALPN + 15, 'x'},
        {"long ipv4", true, AT_ADDRESS + 4, 1},
        {"refusal 0", true, AT_REFUSAL, 0},
        {"refusal unknown", true, AT_REFUSAL, 9},
        {"tls in a refusal", true, AT_TLS, 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[WIRE];
        struct pst_handover message = cases[i].refusal ? a_refusal() : a_stream();
        valid_bytes(&message, cases[i].refusal ? -1 : 0, bytes);
        ck_assert_int_eq(take(bytes, WIRE, cases[i].refusal ? 0 : 1), PST_OK);
        ck_assert_msg(bytes[cases[i].at] != cases[i].value, "%s changes nothing", cases[i].name);
        bytes[cases[i].at] = cases[i].value;
        ck_assert_msg(take(bytes, WIRE, cases[i].refusal ? 0 : 1) == PST_ERR_SYNTAX, "%s",
                      cases[i].name);
    }
}
END_TEST

START_TEST(takes_no_other_length_and_no_other_number_of_streams)
{
    uint8_t bytes[WIRE + 1] = {0};
    struct pst_handover stream = a_stream(), refusal = a_refusal();
    valid_bytes(&stream, 0, bytes);
    ck_assert_int_eq(take(bytes, WIRE - 1, 1), PST_ERR_SYNTAX);
    ck_assert_int_eq(take(bytes, WIRE + 1, 1), PST_ERR_SYNTAX);
    ck_assert_int_eq(take(bytes, WIRE, 0), PST_ERR_SYNTAX);
    ck_assert_int_eq(take(bytes, WIRE, 2), PST_ERR_SYNTAX);
    valid_bytes(&refusal, -1, bytes);
    ck_assert_int_eq(take(bytes, WIRE, 1), PST_ERR_SYNTAX);
}
END_TEST

START_TEST(closes_the_descriptors_of_what_it_does_not_take)
{
    int pair[2], plain[2], stream = -1;
    struct pst_handover message = a_stream(), got;
    uint8_t bytes[WIRE];
    valid_bytes(&message, 0, bytes);
    bytes[AT_KIND] = 3;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, plain), 0);
    send_raw(pair[0], bytes, WIRE, plain, 1);
    close(plain[0]);
    ck_assert_int_eq(pst_handover_recv(pair[1], &got, &stream), PST_ERR_SYNTAX);
    ck_assert_int_eq(read(plain[1], bytes, 1), 0);
    int all[] = {pair[0], pair[1], plain[1]};
    for (size_t i = 0; i < 3; i++)
        close(all[i]);
}
END_TEST

START_TEST(names_its_codes)
{
    ck_assert_str_eq(pst_handover_code(PST_HANDOVER_TLS_REQUIRED), "tls-required");
    ck_assert_str_eq(pst_handover_code(PST_HANDOVER_RATE_LIMITED), "rate-limited");
    ck_assert_str_eq(pst_handover_code(PST_HANDOVER_TOO_LARGE), "too-large");
    ck_assert_str_eq(pst_handover_code(PST_HANDOVER_REFUSAL__MAX), "internal");
}
END_TEST

PST_UNIT_MAIN("handover", a_stream_arrives_with_its_facts_and_works,
              a_refusal_arrives_without_a_stream, leaving_arrives_without_facts_and_else_not_at_all,
              says_busy_when_empty_or_full_and_truncated_at_the_end,
              does_not_send_what_would_not_be_taken, takes_nothing_that_breaks_a_rule,
              takes_no_other_length_and_no_other_number_of_streams,
              closes_the_descriptors_of_what_it_does_not_take, names_its_codes)
