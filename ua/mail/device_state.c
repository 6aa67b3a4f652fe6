/* A mailbox as a value that joins; see device_state.h. It must not know where records come from. */
#include <mail/device_state.h>

#include <base/crash.h>
#include <stdio.h>
#include <stdlib.h>

int pp_stamp_compare(const struct pp_stamp *a, const struct pp_stamp *b)
{
    if (a->lamport != b->lamport) {
        return a->lamport < b->lamport ? -1 : 1;
    }
    return memcmp(a->device, b->device, PP_DEVICE_ID);
}

uint8_t pp_flags_of(const char *letters)
{
    uint8_t set = 0;
    for (; *letters; letters++) {
        const char *at = strchr(PP_FLAG_LETTERS, *letters);
        set = (uint8_t)(set | (at ? 1u << (at - PP_FLAG_LETTERS) : 0u));
    }
    return set;
}

void pp_flags_text(char out[PP_FLAGS + 1], uint8_t set)
{
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        if (set & 1u << i) {
            *out++ = PP_FLAG_LETTERS[i];
        }
    }
    *out = '\0';
}

/* --- names --------------------------------------------------------------------------------- */

static bool is_plain(const char *text, size_t most)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f || text[i] == '/') {
            return false;
        }
    }
    return len > 0 && len <= most;
}

bool pp_item_name_is_fit(const char *name)
{
    return is_plain(name, PP_ITEM_NAME_MAX) && name[0] != '.' && !strchr(name, ':');
}

bool pp_item_folder_is_fit(const char *folder)
{
    return !*folder || (is_plain(folder, PP_ITEM_NAME_MAX) && folder[0] == '.' &&
                        folder[1] != '\0' && folder[1] != '.');
}

bool pp_setting_key_is_fit(const char *key)
{
    int kind = key[0] - '0';
    if (kind < 1 || kind > PP_SETTING_KINDS || !key[1] || strlen(key) > PP_SETTING_KEY_MAX) {
        return false;
    }
    for (const char *p = key; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            return false;
        }
    }
    return kind != PP_SETTING_FOLDER || pp_item_folder_is_fit(key + 1);
}

/* --- the state ----------------------------------------------------------------------------- */

struct pp_item *pp_item_find(const struct pp_device_state *s, const char *name)
{
    struct pp_item *item;
    HASH_FIND_STR(s->items, name, item);
    return item;
}

struct pp_item *pp_item_of(struct pp_device_state *s, const char *name)
{
    struct pp_item *item = pp_item_find(s, name);
    if (item || !pp_item_name_is_fit(name) || !(item = calloc(1, sizeof *item))) {
        return item;
    }
    memcpy(item->name, name, strlen(name) + 1);
    HASH_ADD_STR(s->items, name, item);
    return item;
}

struct pp_setting *pp_setting_of(struct pp_device_state *s, const char *key)
{
    struct pp_setting *setting;
    HASH_FIND_STR(s->settings, key, setting);
    if (setting || !pp_setting_key_is_fit(key) || !(setting = calloc(1, sizeof *setting))) {
        return setting;
    }
    memcpy(setting->key, key, strlen(key) + 1);
    HASH_ADD_STR(s->settings, key, setting);
    return setting;
}

void pp_device_state_finish(struct pp_device_state *s)
{
    struct pp_item *item, *next_item;
    struct pp_setting *setting, *next_setting;
    HASH_ITER(hh, s->items, item, next_item)
    {
        HASH_DEL(s->items, item);
        free(item);
    }
    HASH_ITER(hh, s->settings, setting, next_setting)
    {
        HASH_DEL(s->settings, setting);
        free(setting);
    }
    *s = (struct pp_device_state){0};
}

/* --- joining ------------------------------------------------------------------------------- */

/* Which of two is later. Equal stamps come from one change and so say the same, unless two
 * computers took themselves for one; then the greater octets win, so that all agree. */
static bool is_later(const struct pp_stamp *a, const struct pp_stamp *b, int octets)
{
    int order = pp_stamp_compare(a, b);
    return order > 0 || (order == 0 && octets > 0) || pp_mutant("device-last-wins");
}

static bool join_object(struct pp_item *into, const struct pp_item *from)
{
    int octets = memcmp(from->id, into->id, sizeof from->id);
    octets = octets ? octets : memcmp(from->digest, into->digest, sizeof from->digest);
    octets = octets ? octets : strcmp(from->first, into->first);
    if (!is_later(&from->added, &into->added, octets)) {
        return false;
    }
    into->added = from->added;
    memcpy(into->id, from->id, sizeof into->id);
    into->size = from->size;
    memcpy(into->digest, from->digest, sizeof into->digest);
    memcpy(into->key, from->key, sizeof into->key);
    memcpy(into->content, from->content, sizeof into->content);
    into->stored = from->stored;
    memcpy(into->first, from->first, sizeof into->first);
    return true;
}

static bool join_flags(struct pp_item *into, const struct pp_item *from)
{
    bool changed = false;
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        int mine = into->flags >> i & 1, other = from->flags >> i & 1;
        if (is_later(&from->flagged[i], &into->flagged[i], other - mine)) {
            into->flagged[i] = from->flagged[i];
            into->flags = (uint8_t)((into->flags & ~(1u << i)) | (unsigned)other << i);
            changed = true;
        }
    }
    return changed;
}

bool pp_item_join(struct pp_item *into, const struct pp_item *from)
{
    bool changed = join_object(into, from);
    changed |= join_flags(into, from);
    if (is_later(&from->moved, &into->moved, strcmp(from->folder, into->folder))) {
        into->moved = from->moved;
        memcpy(into->folder, from->folder, sizeof into->folder);
        changed = true;
    }
    int at = (from->deleted_at > into->deleted_at) - (from->deleted_at < into->deleted_at);
    if (is_later(&from->deleted, &into->deleted, at)) {
        into->deleted = from->deleted;
        into->deleted_at = from->deleted_at;
        changed = true;
    }
    return changed;
}

bool pp_setting_join(struct pp_setting *into, const struct pp_setting *from)
{
    if (!is_later(&from->changed, &into->changed, (int)from->on - (int)into->on)) {
        return false;
    }
    into->changed = from->changed;
    into->on = from->on;
    return true;
}

bool pp_item_lives(const struct pp_item *item)
{
    return item->added.lamport &&
           (!item->deleted.lamport || pp_stamp_compare(&item->moved, &item->deleted) > 0);
}

const char *pp_item_folder(const struct pp_item *item)
{
    return item->moved.lamport ? item->folder : item->first;
}

uint64_t pp_item_lamport(const struct pp_item *item)
{
    uint64_t most = item->added.lamport;
    most = item->moved.lamport > most ? item->moved.lamport : most;
    most = item->deleted.lamport > most ? item->deleted.lamport : most;
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        most = item->flagged[i].lamport > most ? item->flagged[i].lamport : most;
    }
    return most;
}
