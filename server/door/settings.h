/*
 * What the configuration lets the door do. Plain data: each thread has its own
 * copy, and is given another when the configuration was read anew.
 */
#ifndef POSTERN_SERVER_DOOR_SETTINGS_H
#define POSTERN_SERVER_DOOR_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct pst_door_settings {
    size_t connections_max; /* in all */
    size_t connections_per_address;
    int64_t new_per_address_per_s; /* new connections of one address; ten times that at once */
    int64_t handshake_ms;          /* from accept to the hand-over */
    int64_t idle_ms;               /* without a byte in either direction */
    int64_t drain_ms;              /* for the rest of an upload that was answered early */
    size_t drain_bytes;
    unsigned threads;
};

#endif
