/*
 * One mailbox on several computers, as a value: its messages with folder and flags, and settings
 * (folders, own lists, known senders). Each part bears the stamp of its last change, (Lamport
 * time, device); joining two states takes the later of each part, so that whatever order records
 * come in, and however often, everybody arrives at the same. Pure: no network, no disk, no clock.
 */
#ifndef PP_MAIL_DEVICE_STATE_H
#define PP_MAIL_DEVICE_STATE_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <uthash.h>

#define PP_DEVICE_ID 16
#define PP_ITEM_NAME_MAX 200 /* octets of a name or folder in the Maildir */
#define PP_LAMPORT_MAX (UINT64_MAX >> 2)

struct pp_stamp {
    uint64_t lamport; /* 0: never */
    uint8_t device[PP_DEVICE_ID];
};
/* <0, 0, >0 */
int pp_stamp_compare(const struct pp_stamp *a, const struct pp_stamp *b);

/* Flags of a Maildir, in the order of their letters. */
#define PP_FLAG_LETTERS "DFPRST"
#define PP_FLAGS 6
uint8_t pp_flags_of(const char *letters);                /* others are passed over */
void pp_flags_text(char out[PP_FLAGS + 1], uint8_t set); /* alphabetical */

/* What this computer's Maildir has of a message, as last seen or made. Not part of the value. */
struct pp_item_here {
    bool there;
    char
        file[PP_ITEM_NAME_MAX + 1]; /* the name without flags: others' may differ from the item's */
    char folder[PP_ITEM_NAME_MAX + 1];
    uint8_t flags;
};

struct pp_item {
    UT_hash_handle hh;
    char name[PP_ITEM_NAME_MAX + 1]; /* unique: of the file that first held it */
    /* the object on the nodes that holds it, encrypted to the user alone */
    struct pp_stamp added;            /* lamport 0: not known yet */
    uint8_t id[16];                   /* its identifier is their base32 */
    uint64_t size;                    /* octets stored .. */
    uint8_t digest[32];               /* .. and their SHA-256 */
    uint8_t key[32];                  /* session key */
    uint8_t content[32];              /* SHA-256 of the message as it lies in the Maildir */
    int64_t stored;                   /* seconds, wall */
    char first[PP_ITEM_NAME_MAX + 1]; /* its folder at that time */
    /* */
    struct pp_stamp moved;             /* lamport 0: it never was */
    char folder[PP_ITEM_NAME_MAX + 1]; /* "" is the inbox, else ".Name.Sub" */
    uint8_t flags;
    struct pp_stamp flagged[PP_FLAGS];
    struct pp_stamp deleted;
    int64_t deleted_at; /* seconds, wall */
    /* this computer's */
    struct pp_item_here here;
    bool dirty; /* changed here; no record says so yet */
};

enum pp_setting_kind {
    PP_SETTING_FOLDER = 1,    /* key: ".Name"; value: "1" */
    PP_SETTING_WHITELIST = 2, /* key: a line of filter.whitelist */
    PP_SETTING_BLOCKLIST = 3, /* key: a line of filter.blocklist */
    PP_SETTING_SENDER = 4     /* key: the address of a known sender */
};
#define PP_SETTING_KINDS 4
#define PP_SETTING_KEY_MAX 400

struct pp_setting {
    UT_hash_handle hh;
    char key[PP_SETTING_KEY_MAX + 2]; /* the kind's digit before it */
    bool on;
    struct pp_stamp changed;
    bool here, seen; /* as this computer last saw it; sees it now */
    bool dirty;
};

struct pp_device_state {
    struct pp_item *items;
    struct pp_setting *settings;
    uint64_t lamport; /* the latest seen */
};

void pp_device_state_finish(struct pp_device_state *s);
/* Finds or makes. NULL: no memory, or no name that a Maildir may have. */
struct pp_item *pp_item_of(struct pp_device_state *s, const char *name);
struct pp_setting *pp_setting_of(struct pp_device_state *s, const char *key);
struct pp_item *pp_item_find(const struct pp_device_state *s, const char *name);

/* May a file, or a folder, be called so? Nothing that leads out of the Maildir. */
bool pp_item_name_is_fit(const char *name);
bool pp_item_folder_is_fit(const char *folder);
bool pp_setting_key_is_fit(const char *key);

/* Takes the later of each part; true: something changed. The parts of this computer stay. */
bool pp_item_join(struct pp_item *into, const struct pp_item *from);
bool pp_setting_join(struct pp_setting *into, const struct pp_setting *from);
/* Is the message in the mailbox, by all that is known? A deletion wins over a move only if it is
 * the later; over anything else always. */
bool pp_item_lives(const struct pp_item *item);
const char *pp_item_folder(const struct pp_item *item);
/* Its latest stamp. */
uint64_t pp_item_lamport(const struct pp_item *item);

#endif
