/*
 * The door's TLS contexts: what OpenSSL is told, and the facts of a connection.
 *
 * TLS 1.3 by default; 1.2, where configured, with AEAD suites and (EC)DHE
 * alone. A context is made on the main thread and used by all.
 */
#ifndef POSTERN_SERVER_DOOR_TLS_H
#define POSTERN_SERVER_DOOR_TLS_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "postern/err.h"
#include "server/door/tickets.h"
#include "server/handover/handover.h"
#include "server/role/role.h"

/*
 * Make a context from open files (borrowed, read from their start).
 *
 *   minimum_tls   PST_TLS_1_2 or PST_TLS_1_3
 *   tickets       borrowed as long as the context lives
 *   ret_context   given: SSL_CTX_free
 *
 * Returns PST_OK; PST_ERR_SYNTAX when certificate, key or authorities do not
 * parse; PST_ERR_CRYPTO when the key is not the certificate's; PST_ERR_IO;
 * PST_ERR_NOMEM; PST_ERR_INTERNAL.
 */
PST_MUST_CHECK enum pst_err pst_door_tls_context(const struct pst_role_tls_files *files,
                                                 unsigned minimum_tls,
                                                 struct pst_door_tickets *tickets,
                                                 SSL_CTX **ret_context);

/* The facts of a finished handshake: version, cipher, ALPN, client certificate. */
PST_MUST_CHECK enum pst_err pst_door_tls_facts(SSL *ssl, struct pst_handover *facts);

#endif
