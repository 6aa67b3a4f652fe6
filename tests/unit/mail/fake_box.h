/* A Maildir and lists in memory, durable at once, for synchronising over the fake world. */
#ifndef FAKE_BOX_H
#define FAKE_BOX_H

#include "fake_net.h"

#include <mail/sync.h>

#define FAKE_BOX_FILES 400

struct fake_box_file {
    char folder[64], name[80], letters[16];
    struct pp_buf octets;
};

struct fake_box {
    struct pp_net_impl *net; /* a process that is dead changes nothing */
    struct fake_box_file files[FAKE_BOX_FILES];
    size_t n;
    char settings[16][64];
    size_t n_settings;
    bool no_lists; /* this computer has no whitelist */
    bool full;
};

extern const struct pp_box_ops fake_box_ops;

/* What a mail program or a fetch does. */
void fake_box_add(struct fake_box *box, const char *folder, const char *name, const char *letters,
                  const char *text);
struct fake_box_file *fake_box_find(struct fake_box *box, const char *text);
void fake_box_delete(struct fake_box *box, const char *text);
void fake_box_change(struct fake_box *box, const char *text, const char *folder,
                     const char *letters);
void fake_box_setting(struct fake_box *box, const char *key, bool on);
bool fake_box_has(const struct fake_box *box, const char *key);
/* All of it in one order: folder, flags, octets, settings. */
void fake_box_print(const struct fake_box *box, struct pp_buf *out);
void fake_box_finish(struct fake_box *box);

#endif
