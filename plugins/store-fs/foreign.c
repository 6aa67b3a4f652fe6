/*
 * Names what lies in the store's folders and is not the store's: it is left alone, whoever put it
 * there, and told once a check.
 */
#include "fs_store.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

typedef bool own_fn(const char *name, const char *folder);

static bool is_one_of(const char *name, const char *const *list)
{
    while (*list && strcmp(name, *list) != 0) {
        list++;
    }
    return *list != NULL;
}

static bool own_top(const char *name, const char *folder)
{
    static const char *const own[] = {"state",   "state.new", "log",        "index", "objects",
                                      "inboxes", "bodies",    "quarantine", NULL};
    (void)folder;
    return is_one_of(name, own);
}

/* A number as we print it, and nothing but `end` behind. */
static bool is_number(const char *name, const char *end)
{
    const char *at = name;
    uint64_t number;
    return fs_number(&at, 10, &number) && strcmp(at, end) == 0 &&
           (name[0] != '0' || at == name + 1);
}

static bool own_log(const char *name, const char *folder)
{
    (void)folder;
    return is_number(name, "") || strcmp(name, "new") == 0;
}

static bool own_index(const char *name, const char *folder)
{
    (void)folder;
    return is_number(name, ".run");
}

static bool own_body(const char *name, const char *folder)
{
    (void)folder;
    return is_number(name, "");
}

static bool is_hex(const char *name, size_t len)
{
    return strspn(name, "0123456789abcdef") == len;
}

static bool own_shelf(const char *name, const char *folder)
{
    (void)folder;
    return is_hex(name, 2) && name[2] == '\0';
}

static bool own_file(const char *name, const char *folder)
{
    const char *shelf = strrchr(folder, '/') + 1;
    return is_hex(name, 64) && memcmp(name, shelf, 2) == 0 &&
           (name[64] == '\0' || strcmp(name + 64, ".new") == 0);
}

static void name_in(struct fs_store *s, const char *folder, own_fn *own, const struct pp_sink *sink)
{
    int fd = rows_folder_at(s->path, folder);
    DIR *walk = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (!walk) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((entry = readdir(walk)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !own(name, folder)) {
            fs_say(sink, "%s%s%.200s: not the store's, left alone",
                   strcmp(folder, ".") ? folder : "", strcmp(folder, ".") ? "/" : "", name);
        }
    }
    closedir(walk);
}

void fs_foreign_name(struct fs_store *s, const struct pp_sink *sink)
{
    static const char *const kinds[] = {"objects", "inboxes"};
    name_in(s, ".", own_top, sink);
    name_in(s, "log", own_log, sink);
    name_in(s, "index", own_index, sink);
    name_in(s, "bodies", own_body, sink);
    for (size_t k = 0; k < 2; k++) {
        name_in(s, kinds[k], own_shelf, sink);
        for (unsigned i = 0; i < 256; i++) {
            char folder[16];
            snprintf(folder, sizeof folder, "%s/%02x", kinds[k], i);
            name_in(s, folder, own_file, sink);
        }
    }
}
