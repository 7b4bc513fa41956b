#include "server/door/tickets.h"

#include <openssl/x509.h>
#include <string.h>

#include "unit.h"

#define HOUR PST_DOOR_TICKET_ROTATE_S

/* A certificate of its own for each run; nobody trusts it. */
static void use_throwaway_certificate(SSL_CTX *context)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    ck_assert_int_eq(SSL_CTX_use_certificate(context, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

struct party {
    SSL_CTX *server;
    SSL_CTX *client;
    struct pst_door_tickets *tickets;
    SSL_SESSION *session; /* of the last connection */
};

static SSL_SESSION *newest;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(newest);
    newest = session;
    return 1;
}

static struct party party_make(int version)
{
    struct party party = {.server = SSL_CTX_new(TLS_server_method()),
                          .client = SSL_CTX_new(TLS_client_method())};
    ck_assert_int_eq(pst_door_tickets_new(0, &party.tickets), PST_OK);
    ck_assert_int_eq(pst_door_tickets_install(party.tickets, party.server), PST_OK);
    use_throwaway_certificate(party.server);
    SSL_CTX_set_session_cache_mode(party.server, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_proto_version(party.client, version);
    SSL_CTX_set_session_cache_mode(party.client, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(party.client, keep_session);
    return party;
}

static void party_free(struct party *party)
{
    SSL_CTX_free(party->server);
    SSL_CTX_free(party->client);
    pst_door_tickets_free(&party->tickets);
    SSL_SESSION_free(newest);
    newest = NULL;
}

/* One handshake in memory with the ticket of the one before; says whether it was taken. */
static bool connect_resumes(struct party *party)
{
    SSL *server = SSL_new(party->server), *client = SSL_new(party->client);
    BIO *near = NULL, *far = NULL;
    char byte = 0;
    ck_assert_int_eq(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(server, near, near);
    SSL_set_bio(client, far, far);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    if (newest != NULL)
        ck_assert_int_eq(SSL_set_session(client, newest), 1);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(server);
    }
    ck_assert(SSL_is_init_finished(server) && SSL_is_init_finished(client));
    (void)SSL_read(client, &byte, 1);
    bool resumed = SSL_session_reused(server) == 1;
    SSL_shutdown(client);
    SSL_free(server);
    SSL_free(client);
    return resumed;
}

static void rotate_at(struct party *party, int64_t now_s, bool expected)
{
    bool rotated = !expected;
    ck_assert_int_eq(pst_door_tickets_rotate(party->tickets, now_s, &rotated), PST_OK);
    ck_assert_int_eq(rotated, expected);
}

START_TEST(resumes_by_ticket_while_its_key_lives)
{
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < 2; i++) {
        struct party party = party_make(versions[i]);
        ck_assert(!connect_resumes(&party));
        ck_assert(connect_resumes(&party));
        rotate_at(&party, HOUR, true);
        SSL_SESSION *old = newest;
        SSL_SESSION_up_ref(old);
        ck_assert_msg(connect_resumes(&party), "a key of the hour before still opens: %zu", i);
        SSL_SESSION_free(newest);
        newest = old;
        rotate_at(&party, 2 * HOUR, true);
        rotate_at(&party, 3 * HOUR, true);
        ck_assert_msg(!connect_resumes(&party), "a key three hours old opens nothing");
        party_free(&party);
    }
}
END_TEST

START_TEST(rotates_by_the_hour_and_not_before)
{
    struct party party = party_make(TLS1_3_VERSION);
    uint8_t before[PST_DOOR_TICKET_NAME_BYTES], after[PST_DOOR_TICKET_NAME_BYTES];
    pst_door_tickets_name(party.tickets, before);
    rotate_at(&party, HOUR - 1, false);
    pst_door_tickets_name(party.tickets, after);
    ck_assert_mem_eq(before, after, sizeof before);
    rotate_at(&party, HOUR, true);
    pst_door_tickets_name(party.tickets, after);
    ck_assert_mem_ne(before, after, sizeof before);
    party_free(&party);
}
END_TEST

START_TEST(after_a_long_sleep_no_old_key_is_left)
{
    struct party party = party_make(TLS1_3_VERSION);
    ck_assert(!connect_resumes(&party));
    rotate_at(&party, 100 * HOUR, true);
    ck_assert(!connect_resumes(&party));
    party_free(&party);
}
END_TEST

PST_UNIT_MAIN("door_tickets", resumes_by_ticket_while_its_key_lives,
              rotates_by_the_hour_and_not_before, after_a_long_sleep_no_old_key_is_left)
