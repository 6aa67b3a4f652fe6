/*
 * What mail readers log in with: 128 random bits in user.state/serve.password, made once. It must
 * not know who asks for it.
 */
#include <serve/serve.h>

#include <base/encode.h>
#include <base/file.h>
#include <base/hash.h>
#include <box/files.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define RANDOM_OCTETS 16
#define PASSWORD_MIN 8
#define PASSWORD_MAX 200

static int make(const char *path, struct pp_error *error)
{
    uint8_t random[RANDOM_OCTETS];
    struct pp_buf text = {0};
    pp_random(random, sizeof random);
    pp_base32(&text, pp_bytes(random, sizeof random));
    int rc = pp_buf_add_str(&text, "\n");
    rc = rc == PP_OK ? pp_file_write(path, pp_buf_bytes(&text), 0600, error)
                     : pp_fail(error, rc, "out of memory");
    pp_buf_wipe(&text);
    return rc;
}

static int check(const struct pp_buf *text, const char *path, struct pp_error *error)
{
    bool whole = text->len >= PASSWORD_MIN && !memchr(text->data, 0, text->len);
    return whole ? PP_OK
                 : pp_fail(error, PP_FORMAT,
                           "%s holds no password of at least %d characters: remove it, and serve "
                           "makes a new one",
                           path, PASSWORD_MIN);
}

int serve_password(struct pp_buf *out, struct pp_config *config, struct pp_error *error)
{
    const char *state = pp_config_path(config, "user.state");
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/serve.password", state);
    int rc = pp_box_make_folder(state, error);
    if (rc == PP_OK && access(path, F_OK) != 0) {
        rc = make(path, error);
    }
    int fd = rc == PP_OK ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (rc == PP_OK) {
        rc = fd < 0 ? pp_fail(error, PP_IO, "cannot read %s", path)
                    : pp_file_is_private(fd, path, error);
    }
    if (fd >= 0) {
        close(fd);
    }
    rc = rc == PP_OK ? pp_file_read(out, path, PASSWORD_MAX, error) : rc;
    while (rc == PP_OK && out->len &&
           (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r')) {
        out->data[--out->len] = '\0';
    }
    return rc == PP_OK ? check(out, path, error) : rc;
}
