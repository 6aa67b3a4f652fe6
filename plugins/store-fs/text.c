/*
 * The text of a file: a first line with the format, a checksum and the length of the text, then a
 * line a field, the certificates and notifications in base64, an empty line, and the octets of an
 * object's body as they are. What was read is checked: a disk may lie.
 */
#include "fs_store.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define FIRST 43 /* octets of the first line, its newline included */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_base64(struct pp_buf *out, struct pp_bytes in)
{
    if (pp_buf_reserve(out, (in.len + 2) / 3 * 4 + 1) != PP_OK) {
        return;
    }
    uint8_t *at = out->data + out->len;
    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t v = (uint32_t)in.data[i] << 16;
        v |= i + 1 < in.len ? (uint32_t)in.data[i + 1] << 8 : 0;
        v |= i + 2 < in.len ? in.data[i + 2] : 0;
        *at++ = (uint8_t)digits[v >> 18];
        *at++ = (uint8_t)digits[v >> 12 & 63];
        *at++ = (uint8_t)(i + 1 < in.len ? digits[v >> 6 & 63] : '=');
        *at++ = (uint8_t)(i + 2 < in.len ? digits[v & 63] : '=');
    }
    *at = '\0';
    out->len = (size_t)(at - out->data);
}

static int value_of(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Decodes behind `skip` octets left free. */
static int read_base64(struct fs_group *g, struct pp_bytes in, size_t skip, struct pp_bytes *out)
{
    uint8_t *to = in.len % 4 ? NULL : fs_group_hold(g, skip + in.len / 4 * 3 + 1);
    size_t n = skip;
    if (!to) {
        return in.len % 4 ? PP_BROKEN : PP_NOMEM;
    }
    for (size_t i = 0; i < in.len; i += 4) {
        uint32_t v = 0;
        int pad = 0;
        for (size_t j = i; j < i + 4; j++) {
            bool equals = in.data[j] == '=' && j + 2 >= in.len && j >= i + 2;
            int c = equals ? 0 : value_of(in.data[j]);
            if (c < 0) {
                return PP_BROKEN;
            }
            pad += equals;
            v = v << 6 | (uint32_t)c;
        }
        to[n] = (uint8_t)(v >> 16);
        to[n + 1] = (uint8_t)(v >> 8);
        to[n + 2] = (uint8_t)v;
        n += (size_t)(3 - pad);
    }
    *out = pp_bytes(to, n);
    return PP_OK;
}

static void add_hex(struct pp_buf *out, const uint8_t *octets, size_t len)
{
    if (pp_buf_reserve(out, 2 * len + 1) == PP_OK) {
        pp_hex((char *)out->data + out->len, octets, len);
        out->len += 2 * len;
    }
}

/* Any identifier as one readable word. */
static void add_word(struct pp_buf *out, struct pp_bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (c > ' ' && c < 127 && c != '%') {
            pp_buf_add(out, &c, 1);
        } else {
            pp_buf_printf(out, "%%%02X", c);
        }
    }
}

static int read_word(struct fs_group *g, struct pp_bytes in, struct pp_bytes *out)
{
    uint8_t *to = fs_group_hold(g, in.len + 1);
    size_t n = 0;
    if (!to) {
        return PP_NOMEM;
    }
    for (size_t i = 0; i < in.len; i++) {
        to[n] = in.data[i];
        if (in.data[i] == '%') {
            if (in.len - i < 3 || pp_unhex(to + n, 1, pp_bytes(in.data + i + 1, 2)) != PP_OK) {
                return PP_BROKEN;
            }
            i += 2;
        }
        n++;
    }
    *out = pp_bytes(to, n);
    return PP_OK;
}

static int write_head(struct pp_buf *out, struct pp_bytes value)
{
    struct rows_head head;
    const struct pp_head *h = &head.h;
    if (rows_head_decode(&head, value) != PP_OK) {
        return PP_BROKEN;
    }
    pp_buf_add_str(out, "Identifier: ");
    add_word(out, h->identifier);
    pp_buf_add_str(out, "\nDigest: ");
    add_hex(out, h->digest, sizeof h->digest);
    pp_buf_printf(out, "\nState: %s\nNumbers: %llu %llu %llu %llu %llu %lu %lu %lu %llu %lu %llu\n",
                  head.tombstone ? "tombstone"
                  : head.large   ? "body in bodies/"
                                 : "here",
                  (unsigned long long)h->serial, (unsigned long long)h->size,
                  (unsigned long long)h->created, (unsigned long long)h->expires,
                  (unsigned long long)h->stamp, (unsigned long)h->copies, (unsigned long)h->members,
                  (unsigned long)h->entries[0], (unsigned long long)h->octets[0],
                  (unsigned long)h->entries[1], (unsigned long long)h->octets[1]);
    pp_buf_add_str(out, "# serial size created expires stamp copies members, then entries and "
                        "octets of each queue; times in nanoseconds\n");
    return PP_OK;
}

/* The value of a long row's only chunk; false: there are more. */
static bool only_chunk(struct pp_bytes value, struct pp_bytes *octets)
{
    if (value.len < 4 || pp_get32(value.data) != value.len - 4) {
        return false;
    }
    *octets = pp_bytes(value.data + 4, value.len - 4);
    return true;
}

static void write_row(struct pp_buf *out, struct pp_bytes key, struct pp_bytes value)
{
    struct pp_bytes octets;
    struct rows_entry entry;
    char type = fs_key_type(key);
    bool first = key.len > 2 && key.data[key.len - 1] == 0 && key.data[key.len - 2] == 0;
    if (type == 'C' && key.len == ROWS_OF_NAME + 34 && first && only_chunk(value, &octets)) {
        pp_buf_add_str(out, octets.len ? "Member: " : "Taken: ");
        add_hex(out, key.data + ROWS_OF_NAME, 32);
        pp_buf_add_str(out, octets.len ? " " : "");
        add_base64(out, octets);
    } else if (type == 'I' && key.len == ROWS_OF_NAME + 8 &&
               rows_entry_decode(&entry, value) == PP_OK) {
        pp_buf_printf(out, "Entry: %llu %u %llu %lu ",
                      (unsigned long long)pp_get64(key.data + ROWS_OF_NAME), entry.queue,
                      (unsigned long long)entry.expires, (unsigned long)entry.size);
        add_hex(out, entry.digest, sizeof entry.digest);
    } else if (type == 'Z' && key.len == ROWS_OF_NAME + 10 && first && only_chunk(value, &octets)) {
        pp_buf_printf(out, "Octets: %llu ", (unsigned long long)pp_get64(key.data + ROWS_OF_NAME));
        add_base64(out, octets);
    } else if (type == 'D') {
        return; /* comes with the entry */
    } else {
        pp_buf_add_str(out, "Row: ");
        add_hex(out, key.data, key.len);
        pp_buf_add_str(out, " ");
        add_base64(out, value);
    }
    pp_buf_add_str(out, "\n");
}

int fs_text_write(struct pp_buf *out, const struct fs_group *g)
{
    struct pp_bytes body = {NULL, 0};
    int err = PP_OK;
    char first[80];
    memset(first, ' ', FIRST);
    pp_buf_add(out, first, FIRST);
    for (size_t i = 0; i < g->n; i++) { /* the head above all */
        if (fs_key_type(g->row[i].key) == 'H') {
            err = write_head(out, g->row[i].value);
        }
    }
    for (size_t i = 0; !err && i < g->n; i++) {
        struct pp_bytes key = g->row[i].key;
        if (fs_key_type(key) == 'O' && pp_get32(key.data + ROWS_OF_NAME) == 0) {
            body = g->row[i].value;
        } else if (fs_key_type(key) != 'H') {
            write_row(out, key, g->row[i].value);
        }
    }
    size_t text = out->len;
    pp_buf_add_str(out, "\n");
    pp_buf_add(out, body.data, body.len);
    if (err || out->failed) {
        return err ? err : PP_NOMEM;
    }
    uLong crc = crc32(0, out->data + FIRST, (uInt)(out->len - FIRST));
    snprintf(first, sizeof first, "Peerpost file %u, check %08lx, %9zu\n", FS_FORMAT, crc, text);
    memcpy(out->data, first, FIRST);
    return PP_OK;
}

/* The next number of a line. */
static uint64_t number(struct pp_bytes *line, bool *failed)
{
    uint64_t v = 0;
    size_t i = 0;
    while (i < line->len && line->data[i] >= '0' && line->data[i] <= '9' && i < 20) {
        v = 10 * v + (uint64_t)(line->data[i++] - '0');
    }
    *failed = *failed || i == 0;
    i += i < line->len && line->data[i] == ' ';
    *line = pp_bytes(line->data + i, line->len - i);
    return v;
}

static bool takes(struct pp_bytes *line, const char *word)
{
    size_t len = strlen(word);
    if (line->len < len || memcmp(line->data, word, len) != 0) {
        return false;
    }
    *line = pp_bytes(line->data + len, line->len - len);
    return true;
}

static int add_row(struct fs_group *g, const struct rows_key *key, struct pp_bytes value)
{
    uint8_t *copy = fs_group_hold(g, key->len);
    if (!copy) {
        return PP_NOMEM;
    }
    memcpy(copy, key->b, key->len);
    return fs_group_add(g, pp_bytes(copy, key->len), value);
}

static void read_numbers(struct pp_head *h, struct pp_bytes line, bool *failed)
{
    h->serial = number(&line, failed);
    h->size = number(&line, failed);
    h->created = number(&line, failed);
    h->expires = number(&line, failed);
    h->stamp = number(&line, failed);
    h->copies = (uint32_t)number(&line, failed);
    h->members = (uint32_t)number(&line, failed);
    for (int q = 0; q < PP_QUEUES; q++) {
        h->entries[q] = (uint32_t)number(&line, failed);
        h->octets[q] = number(&line, failed);
    }
}

static int finish_head(struct fs_group *g, const struct rows_head *head)
{
    struct pp_buf row = {0};
    struct rows_key key = rows_key_head(g->kind, &g->name);
    rows_head_encode(&row, head);
    uint8_t *copy = row.failed ? NULL : fs_group_hold(g, row.len);
    int err = copy ? PP_OK : PP_NOMEM;
    if (copy) {
        memcpy(copy, row.data, row.len);
        err = add_row(g, &key, pp_bytes(copy, row.len));
    }
    pp_buf_free(&row);
    return err;
}

static int read_member(struct fs_group *g, struct pp_bytes line)
{
    struct rows_key key = rows_key_name('C', &g->name);
    uint8_t keyid[32];
    struct pp_bytes value;
    if (line.len < 64 || pp_unhex(keyid, 32, pp_bytes(line.data, 64)) != PP_OK) {
        return PP_BROKEN;
    }
    rows_key_add(&key, keyid, 32);
    rows_key_add(&key, "\0", 2);
    size_t skip = line.len > 65 ? 65 : line.len;
    int err = read_base64(g, pp_bytes(line.data + skip, line.len - skip), 4, &value);
    if (err) {
        return err;
    }
    pp_put32((uint8_t *)(uintptr_t)value.data, (uint32_t)(value.len - 4));
    return add_row(g, &key, value);
}

static int read_entry(struct fs_group *g, struct pp_bytes line)
{
    struct rows_key key = rows_key_name('I', &g->name), known = rows_key_name('D', &g->name);
    struct rows_entry entry;
    bool failed = false;
    uint64_t seq = number(&line, &failed);
    entry.queue = (unsigned)number(&line, &failed);
    entry.expires = number(&line, &failed);
    entry.size = (uint32_t)number(&line, &failed);
    if (failed || pp_unhex(entry.digest, 32, line) != PP_OK) {
        return PP_BROKEN;
    }
    uint8_t *row = fs_group_hold(g, ROWS_ENTRY_LEN), *sequence = fs_group_hold(g, 8);
    if (!row || !sequence) {
        return PP_NOMEM;
    }
    rows_entry_encode(row, &entry);
    pp_put64(sequence, seq);
    rows_key_u64(&key, seq);
    rows_key_add(&known, entry.digest, 32);
    int err = add_row(g, &key, pp_bytes(row, ROWS_ENTRY_LEN));
    return err ? err : add_row(g, &known, pp_bytes(sequence, 8));
}

static int read_octets(struct fs_group *g, struct pp_bytes line)
{
    struct rows_key key = rows_key_name('Z', &g->name);
    struct pp_bytes value;
    bool failed = false;
    rows_key_u64(&key, number(&line, &failed));
    rows_key_add(&key, "\0", 2);
    int err = failed ? PP_BROKEN : read_base64(g, line, 4, &value);
    if (err) {
        return err;
    }
    pp_put32((uint8_t *)(uintptr_t)value.data, (uint32_t)(value.len - 4));
    return add_row(g, &key, value);
}

static int read_any(struct fs_group *g, struct pp_bytes line)
{
    struct rows_key key = {.len = 0};
    struct pp_bytes value;
    const uint8_t *space = memchr(line.data, ' ', line.len);
    size_t hex = space ? (size_t)(space - line.data) : 0;
    if (hex < 2 || hex % 2 || hex / 2 > sizeof key.b ||
        pp_unhex(key.b, hex / 2, pp_bytes(line.data, hex)) != PP_OK) {
        return PP_BROKEN;
    }
    key.len = hex / 2;
    int err = read_base64(g, pp_bytes(space + 1, line.len - hex - 1), 0, &value);
    return err ? err : add_row(g, &key, value);
}

static int read_line(struct fs_group *g, struct rows_head *head, struct pp_bytes line)
{
    bool failed = false;
    if (takes(&line, "Identifier: ")) {
        return read_word(g, line, &head->h.identifier);
    }
    if (takes(&line, "Digest: ")) {
        return pp_unhex(head->h.digest, 32, line) ? PP_BROKEN : PP_OK;
    }
    if (takes(&line, "State: ")) {
        head->tombstone = pp_bytes_is(line, "tombstone");
        head->large = pp_bytes_is(line, "body in bodies/");
        return PP_OK;
    }
    if (takes(&line, "Numbers: ")) {
        read_numbers(&head->h, line, &failed);
        return failed ? PP_BROKEN : PP_OK;
    }
    if (takes(&line, "Member: ") || takes(&line, "Taken: ")) {
        return read_member(g, line);
    }
    if (takes(&line, "Entry: ")) {
        return read_entry(g, line);
    }
    if (takes(&line, "Octets: ")) {
        return read_octets(g, line);
    }
    if (takes(&line, "Row: ")) {
        return read_any(g, line);
    }
    return takes(&line, "# ") ? PP_OK : PP_BROKEN;
}

/* The first line; text ends at *end. */
bool fs_skip(const char **at, const char *literal)
{
    size_t len = strlen(literal);
    bool same = strncmp(*at, literal, len) == 0;
    *at += same ? len : 0;
    return same;
}

bool fs_number(const char **at, int base, uint64_t *value)
{
    char *end;
    bool digit = base == 16 ? isxdigit((unsigned char)**at) : isdigit((unsigned char)**at);
    errno = 0;
    *value = strtoull(*at, &end, base);
    *at = digit ? end : *at;
    return digit && errno == 0;
}

bool fs_word(const char **at, char *out, size_t cap)
{
    size_t len = strcspn(*at, " \n");
    if (len == 0 || len >= cap) {
        return false;
    }
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len;
    return true;
}

static int read_first(const struct pp_buf *file, size_t *end)
{
    uint64_t format = 0, crc = 0, text_end = 0;
    char first[FIRST + 1];
    const char *at = first;
    if (file->len <= FIRST) {
        return PP_BROKEN;
    }
    memcpy(first, file->data, FIRST);
    first[FIRST] = '\0';
    bool read = fs_skip(&at, "Peerpost file ") && fs_number(&at, 10, &format) &&
                fs_skip(&at, ", check ") && fs_number(&at, 16, &crc) && fs_skip(&at, ", ");
    while (read && fs_skip(&at, " ")) {
    }
    if (!read || !fs_number(&at, 10, &text_end)) {
        return PP_BROKEN;
    }
    *end = (size_t)text_end;
    if (format != FS_FORMAT || *end < FIRST || *end >= file->len || file->data[*end] != '\n') {
        return PP_BROKEN;
    }
    return crc == crc32(0, file->data + FIRST, (uInt)(file->len - FIRST)) ? PP_OK : PP_BROKEN;
}

int fs_text_read(struct fs_group *g)
{
    struct rows_head head = {.tombstone = false};
    size_t end, at = FIRST;
    int err = read_first(&g->memory, &end);
    while (!err && at < end) {
        const uint8_t *line = g->memory.data + at;
        const uint8_t *newline = memchr(line, '\n', end - at);
        if (!newline) {
            return PP_BROKEN;
        }
        err = read_line(g, &head, pp_bytes(line, (size_t)(newline - line)));
        at += (size_t)(newline - line) + 1;
    }
    err = err ? err : finish_head(g, &head);
    if (!err && ++end < g->memory.len) {
        struct rows_key key = rows_key_name('O', &g->name);
        rows_key_add(&key, "\0\0\0", 4);
        err = add_row(g, &key, pp_bytes(g->memory.data + end, g->memory.len - end));
    }
    return err;
}
