/*
 * One record of a device's log, as octets (docs/protocol.md, "Several computers"): what changed,
 * or, in a snapshot, everything. Big-endian, versioned, bounded; decoding takes hostile octets.
 * Also the entry of the directory that makes a device known. Pure.
 */
#ifndef PP_MAIL_DEVICE_RECORD_H
#define PP_MAIL_DEVICE_RECORD_H

#include <mail/device_state.h>

#define PP_DEVICE_NAME_MAX 63
#define PP_SNAPSHOT_EVERY 256 /* a record whose number it divides is a snapshot */

struct pp_record_head {
    bool snapshot;
    uint8_t device[PP_DEVICE_ID];
    uint64_t n; /* its number in the device's log */
    uint64_t lamport;
    int64_t time;                      /* seconds, wall, of the device */
    char name[PP_DEVICE_NAME_MAX + 1]; /* of the computer */
};

/* The items and settings that are dirty, or, when head->snapshot, all. ! PP_NOMEM, PP_LIMIT */
int pp_record_write(struct pp_buf *out, const struct pp_record_head *head,
                    const struct pp_device_state *state);
/* Head and content; nothing but what was in it. state: zeroed; to be finished after a success.
 * ! PP_MALFORMED, PP_NOMEM */
int pp_record_read(struct pp_record_head *head, struct pp_device_state *state, struct pp_bytes in);

/* The parts of one item or setting, with what this computer knows of it: the value of a note. */
int pp_item_write(struct pp_buf *out, const struct pp_item *item);
int pp_item_read(struct pp_item *item, struct pp_bytes in); /* name set before; ! PP_MALFORMED */

struct pp_directory_entry {
    uint8_t device[PP_DEVICE_ID];
    uint64_t first; /* a snapshot: its log is read from there */
    int64_t time;
    char name[PP_DEVICE_NAME_MAX + 1];
};
int pp_directory_write(struct pp_buf *out, const struct pp_directory_entry *e);
int pp_directory_read(struct pp_directory_entry *e, struct pp_bytes in); /* ! PP_MALFORMED */

#endif
