/*
 * The rules by which one record is certified, given those certified before it.
 * For lib/chain.c alone.
 */
#ifndef POSTERN_LIB_CHAIN_RULES_H
#define POSTERN_LIB_CHAIN_RULES_H

#include "postern/chain.h"

struct link {
    struct pst_record *record;
    enum pst_chain_reason reason;
};

struct pst_chain {
    char *origin;
    struct pst_sign_public root;
    struct pst_key_id root_id;
    struct link *links;
    size_t *by_time; /* indexes of links, as pst_chain_verify decides them */
    size_t count;
    size_t cap;
};

/* What is certified at the record's time is certified already. */
enum pst_chain_reason pst_chain_rule(const struct pst_chain *chain,
                                     const struct pst_record *record);

/* Serial of a statement, roster or records key; 0 of other kinds. */
int64_t pst_chain_serial(const struct pst_record *record);

#endif
