/* Reads .dynsym and its strings; see elf_symbols.h. */
#include "elf_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct image {
    const uint8_t *octets;
    size_t len;
};

static bool holds(const struct image *i, uint64_t offset, uint64_t len)
{
    return offset <= i->len && len <= i->len - offset;
}

static bool section(const struct image *i, const ElfW(Ehdr) * head, size_t at, ElfW(Shdr) * out)
{
    uint64_t offset = head->e_shoff + at * sizeof *out;
    if (at >= head->e_shnum || !holds(i, head->e_shoff, at * sizeof *out) ||
        !holds(i, offset, sizeof *out)) {
        return false;
    }
    memcpy(out, i->octets + offset, sizeof *out);
    return holds(i, out->sh_offset, out->sh_type == SHT_NOBITS ? 0 : out->sh_size);
}

static bool walk(const struct image *i, const ElfW(Shdr) * table, const ElfW(Shdr) * strings,
                 void (*fn)(void *ctx, const char *name, bool defined), void *ctx)
{
    const char *names = (const char *)i->octets + strings->sh_offset;
    if (strings->sh_size == 0 || names[strings->sh_size - 1] != '\0') {
        return false;
    }
    for (size_t n = 0; n < table->sh_size / sizeof(ElfW(Sym)); n++) {
        ElfW(Sym) symbol;
        memcpy(&symbol, i->octets + table->sh_offset + n * sizeof symbol, sizeof symbol);
        bool global = symbol.st_info >> 4 != STB_LOCAL;
        if (global && symbol.st_name > 0 && symbol.st_name < strings->sh_size) {
            fn(ctx, names + symbol.st_name, symbol.st_shndx != SHN_UNDEF);
        }
    }
    return true;
}

static bool read_image(const struct image *i, void (*fn)(void *ctx, const char *name, bool defined),
                       void *ctx)
{
    ElfW(Ehdr) head;
    ElfW(Shdr) table, strings;
    if (i->len < sizeof head || memcmp(i->octets, ELFMAG, SELFMAG) != 0) {
        return false;
    }
    memcpy(&head, i->octets, sizeof head);
    if (head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)) {
        return false;
    }
    for (size_t n = 0; n < head.e_shnum; n++) {
        if (!section(i, &head, n, &table)) {
            return false;
        }
        if (table.sh_type == SHT_DYNSYM) {
            return section(i, &head, table.sh_link, &strings) && strings.sh_type == SHT_STRTAB &&
                   walk(i, &table, &strings, fn, ctx);
        }
    }
    return false;
}

bool elf_symbols(const char *file, void (*fn)(void *ctx, const char *name, bool defined), void *ctx)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    bool good = false;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            struct image image = {map, (size_t)st.st_size};
            good = read_image(&image, fn, ctx);
            munmap(map, image.len);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}
