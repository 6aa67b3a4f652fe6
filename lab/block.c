/*
 * Which third octets of 127.1.0.0/16 are this lab's. A folder of this machine's user holds one file
 * an octet, naming the lab that has it; the choice is made under a lock. A claim whose lab is gone
 * is free again; an octet where somebody else listens is passed over.
 */
#include <lab/lab.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_OCTET 1
#define LAST_OCTET 250
#define SPARE_NODES 64 /* room for `add` */
#define NODES_PER_OCTET 250

static unsigned octets_needed(const struct lab *lab)
{
    size_t most =
        lab->n_nodes + SPARE_NODES > lab->n_users ? lab->n_nodes + SPARE_NODES : lab->n_users;
    return (unsigned)((most + NODES_PER_OCTET - 1) / NODES_PER_OCTET);
}

static void claims_folder(char out[64])
{
    snprintf(out, 64, "/tmp/peerpost-lab-%u", (unsigned)getuid());
}

static void claim_path(unsigned octet, char out[96])
{
    char folder[64];
    claims_folder(folder);
    snprintf(out, 96, "%s/%u", folder, octet);
}

static int lock_claims(struct pp_error *error)
{
    char folder[64], path[96];
    struct stat st;
    claims_folder(folder);
    int code = lab_make_dir(folder, error);
    if (code) {
        return code;
    }
    if (lstat(folder, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != getuid()) {
        return pp_fail(error, PP_DENIED, "%s is not our folder; remove it", folder);
    }
    snprintf(path, sizeof path, "%s/lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        code = pp_fail(error, PP_IO, "cannot lock %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return code;
    }
    return fd;
}

/* Whose claim is it? A claim without its lab is nobody's. */
static bool is_claimed(const struct lab *lab, unsigned octet)
{
    char path[96], state[LAB_PATH + 16];
    struct pp_buf owner = {0};
    claim_path(octet, path);
    bool claimed = false;
    if (lab_read_file(path, LAB_PATH, &owner) == PP_OK && owner.len > 0 && owner.len < LAB_PATH) {
        snprintf(state, sizeof state, "%s/lab.json", (const char *)owner.data);
        claimed = strcmp((const char *)owner.data, lab->dir) != 0 && access(state, F_OK) == 0;
    }
    pp_buf_free(&owner);
    return claimed;
}

/* Does anybody listen where our first node would? */
static bool is_in_use(unsigned octet)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(LAB_HTTP_PORT)};
    to.sin_addr.s_addr = htonl((127u << 24) | (1u << 16) | (octet << 8) | 1u);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool used = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return used;
}

static bool is_free(const struct lab *lab, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        if (is_claimed(lab, i) || is_in_use(i)) {
            return false;
        }
    }
    return true;
}

static int claim(const struct lab *lab, unsigned first, unsigned n, struct pp_error *error)
{
    struct pp_buf owner = {0};
    pp_buf_add_str(&owner, lab->dir);
    int code = PP_OK;
    for (unsigned i = first; !code && i < first + n; i++) {
        char path[96];
        claim_path(i, path);
        code = lab_write_file(path, &owner, error);
    }
    pp_buf_free(&owner);
    return code;
}

int lab_block_take(struct lab *lab, struct pp_error *error)
{
    unsigned needed = octets_needed(lab);
    int lock = lock_claims(error);
    if (lock < 0) {
        return lock;
    }
    int code = PP_BUSY;
    for (unsigned first = FIRST_OCTET; code == PP_BUSY && first + needed <= LAST_OCTET; first++) {
        if (is_free(lab, first, needed)) {
            lab->block = first;
            code = claim(lab, first, needed, error);
            /* lab.json makes the claim hold: it must be there before the lock goes */
            code = code ? code : lab_save(lab, error);
        }
    }
    if (code == PP_BUSY) {
        pp_fail(error, PP_BUSY,
                "no free addresses in 127.1.0.0/16: too many labs run; end some with `down`");
    }
    close(lock);
    return code;
}

void lab_block_give(const struct lab *lab)
{
    unsigned needed = octets_needed(lab);
    int lock = lock_claims(NULL);
    for (unsigned i = lab->block; lock >= 0 && i < lab->block + needed; i++) {
        char path[96];
        struct pp_buf owner = {0};
        claim_path(i, path);
        if (lab_read_file(path, LAB_PATH, &owner) == PP_OK && owner.len > 0 &&
            strcmp((const char *)owner.data, lab->dir) == 0) {
            unlink(path);
        }
        pp_buf_free(&owner);
    }
    if (lock >= 0) {
        close(lock);
    }
}
