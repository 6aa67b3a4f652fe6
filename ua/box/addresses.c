/* A list of addresses in a file; see addresses.h. */
#include <box/addresses.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define ENTRIES_MAX 1000000

struct pp_addresses {
    char *path;
    struct timespec changed;
    off_t size;
    char **entries; /* sorted, lower case */
    size_t n, cap;
};

static void clear(struct pp_addresses *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->entries[i]);
    }
    free(list->entries);
    list->entries = NULL;
    list->n = list->cap = 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(struct pp_addresses *list, const char *text)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 64;
        char **grown = realloc(list->entries, cap * sizeof *grown);
        if (!grown) {
            return;
        }
        list->entries = grown;
        list->cap = cap;
    }
    char *copy = strdup(text);
    if (copy) {
        list->entries[list->n++] = copy;
    }
}

/* The word of a line, lower case, without a leading '@' or '*@'. */
static void add_line(struct pp_addresses *list, char *line)
{
    line[strcspn(line, "#\r\n")] = '\0';
    while (isspace((unsigned char)*line)) {
        line++;
    }
    line += *line == '*';
    line += *line == '@';
    line[strcspn(line, " \t")] = '\0';
    for (char *p = line; *p; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    if (*line && list->n < ENTRIES_MAX) {
        add(list, line);
    }
}

static void refresh(struct pp_addresses *list)
{
    struct stat st;
    if (stat(list->path, &st) != 0) {
        clear(list);
        list->changed = (struct timespec){0};
        return;
    }
    if (st.st_mtim.tv_sec == list->changed.tv_sec && st.st_mtim.tv_nsec == list->changed.tv_nsec &&
        st.st_size == list->size) {
        return;
    }
    FILE *f = fopen(list->path, "re");
    char *line = NULL;
    size_t cap = 0;
    if (!f) {
        return;
    }
    clear(list);
    while (getline(&line, &cap, f) > 0) {
        add_line(list, line);
    }
    free(line);
    fclose(f);
    if (list->n) {
        qsort(list->entries, list->n, sizeof *list->entries, compare);
    }
    list->changed = st.st_mtim;
    list->size = st.st_size;
}

struct pp_addresses *pp_addresses_open(const char *path)
{
    struct pp_addresses *list = calloc(1, sizeof *list);
    if (list && !(list->path = strdup(path))) {
        free(list);
        return NULL;
    }
    return list;
}

void pp_addresses_close(struct pp_addresses *list)
{
    if (list) {
        clear(list);
        free(list->path);
        free(list);
    }
}

static bool has(const struct pp_addresses *list, const char *text)
{
    return list->n &&
           bsearch(&text, list->entries, list->n, sizeof *list->entries, compare) != NULL;
}

bool pp_addresses_have(struct pp_addresses *list, const char *address)
{
    const char *domain = strrchr(address, '@');
    refresh(list);
    if (has(list, address)) {
        return true;
    }
    for (domain = domain ? domain + 1 : NULL; domain && *domain;) {
        if (has(list, domain)) {
            return true;
        }
        const char *dot = strchr(domain, '.');
        domain = dot ? dot + 1 : NULL;
    }
    return false;
}
