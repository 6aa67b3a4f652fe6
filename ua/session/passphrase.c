/*
 * Keys under a passphrase, opened and written; where the passphrase comes from. See identity.h. It
 * must not know what the keys are for.
 */
#include <session/identity.h>

#include <session/token.h>

#include <base/file.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PASSPHRASE_MAX 1024
#define KEY_FILE_MAX (16u << 10)

bool identity_is_locked(const char *path)
{
    struct pp_buf text = {0};
    bool locked = access(path, R_OK) == 0 &&
                  pp_file_read(&text, path, KEY_FILE_MAX, NULL) == PP_OK && text.len &&
                  strstr((const char *)text.data, "ENCRYPTED") != NULL;
    pp_buf_wipe(&text);
    return locked;
}

/* --- where it comes from ------------------------------------------------------------------- */

static int read_line(int fd, char out[PASSPHRASE_MAX])
{
    size_t n = 0;
    char c;
    while (n < PASSPHRASE_MAX - 1 && read(fd, &c, 1) == 1 && c != '\n') {
        out[n++] = c;
    }
    out[n] = '\0';
    return n && n < PASSPHRASE_MAX - 1 ? PP_OK : PP_DENIED;
}

int identity_ask(struct pp_buf *out, const char *prompt, struct pp_error *error)
{
    struct termios before, silent;
    char line[PASSPHRASE_MAX];
    int fd = isatty(STDERR_FILENO) ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || tcgetattr(fd, &before) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return pp_fail(error, PP_DENIED,
                       "a passphrase is needed and there is no terminal to ask on: set "
                       "PEERPOST_PASSPHRASE, or user.passphrase_command");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    dprintf(fd, "%s: ", prompt);
    int rc = read_line(fd, line);
    tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    close(fd);
    if (pp_buf_reserve(out, PASSPHRASE_MAX) != PP_OK || pp_buf_add_str(out, line) != PP_OK) {
        rc = PP_NOMEM;
    }
    OPENSSL_cleanse(line, sizeof line);
    return rc == PP_OK ? rc : pp_fail(error, rc, "no passphrase was given");
}

/* Starts it in a shell; *out: the reading end of its standard output. */
static bool spawn(const char *command, pid_t *pid, int *out)
{
    int ends[2];
    char *const argv[] = {"sh", "-c", (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    bool started = posix_spawn(pid, "/bin/sh", &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *out = ends[0];
    if (!started) {
        close(ends[0]);
    }
    return started;
}

static int from_command(struct pp_buf *out, const char *command, struct pp_error *error)
{
    char line[PASSPHRASE_MAX];
    pid_t pid;
    int fd, status = 0;
    if (!spawn(command, &pid, &fd)) {
        return pp_fail(error, PP_CONFIG, "user.passphrase_command cannot be started");
    }
    int rc = read_line(fd, line);
    close(fd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pp_buf_reserve(out, PASSPHRASE_MAX) != PP_OK || pp_buf_add_str(out, line) != PP_OK) {
        rc = PP_NOMEM;
    }
    OPENSSL_cleanse(line, sizeof line);
    return rc == PP_OK && (status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE))
               ? PP_OK
               : pp_fail(error, PP_CONFIG,
                         "user.passphrase_command prints no passphrase (exit %d): run it yourself "
                         "to see why",
                         WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static struct pp_buf known; /* of this process: one question is enough */

/* It did not open a key: changed since, perhaps. True: there is a command to ask again. The octets
 * stay where they are, lent. */
static bool forget(struct pp_config *config)
{
    bool again = known.len && *pp_config_text(config, "user.passphrase_command");
    if (again) {
        OPENSSL_cleanse(known.data, known.len);
        known.len = 0;
    }
    return again;
}

/* Of the environment, of a command, of the terminal; kept in `kept`. */
static int have(const char **out, struct pp_buf *kept, const char *variable,
                struct pp_config *config, const char *prompt, struct pp_error *error)
{
    const char *command = pp_config_text(config, "user.passphrase_command");
    const char *given = getenv(variable);
    int rc = PP_OK;
    *out = given ? given : "";
    if (given) {
        return PP_OK;
    }
    if (!kept->len && *command) {
        rc = from_command(kept, command, error);
    } else if (!kept->len && prompt) {
        rc = identity_ask(kept, prompt, error);
    }
    if (rc == PP_OK && kept->len) {
        *out = (const char *)kept->data;
    }
    return rc;
}

int identity_passphrase(const char **out, struct pp_config *config, const char *prompt,
                        struct pp_error *error)
{
    return have(out, &known, "PEERPOST_PASSPHRASE", config, prompt, error);
}

int identity_pin(const char **out, struct pp_config *config, const char *prompt,
                 struct pp_error *error)
{
    static struct pp_buf pin;
    int rc = have(out, &pin, "PEERPOST_PIN", config, prompt, error);
    return rc == PP_DENIED ? pp_fail(error, rc,
                                     "the token wants its PIN and there is no terminal to ask on: "
                                     "set PEERPOST_PIN, or user.passphrase_command")
                           : rc;
}

/* --- keys ---------------------------------------------------------------------------------- */

const char *identity_key_name(struct pp_config *config)
{
    const char *text = pp_config_text(config, "user.key");
    return token_is_uri(text) ? text : pp_config_path(config, "user.key");
}

bool identity_key_uri(struct pp_buf *out, const char *name)
{
    out->len = 0;
    if (token_is_uri(name)) {
        return pp_buf_add_str(out, name) == PP_OK;
    }
    if (access(name, R_OK) != 0 || pp_file_read(out, name, KEY_FILE_MAX, NULL) != PP_OK ||
        !out->len || !token_is_uri((const char *)out->data)) {
        pp_buf_wipe(out);
        return false;
    }
    out->len = strcspn((const char *)out->data, "\r\n");
    out->data[out->len] = '\0';
    return true;
}

int identity_load_key(EVP_PKEY **key, struct pp_config *config, const char *path,
                      struct pp_error *error)
{
    const char *passphrase = "";
    struct pp_buf uri = {0};
    if (identity_key_uri(&uri, path)) {
        int rc = token_load_key(key, config, (const char *)uri.data, error);
        pp_buf_free(&uri);
        return rc;
    }
    bool locked = identity_is_locked(path);
    for (bool again = true;; again = false) {
        int rc = locked ? identity_passphrase(&passphrase, config, "Passphrase of your key", error)
                        : PP_OK;
        rc = rc == PP_OK ? pp_key_load(key, path, *passphrase ? passphrase : NULL, error) : rc;
        if (rc != PP_DENIED || !locked || !again || !forget(config)) {
            return rc;
        }
    }
}

int identity_add_key(struct pp_change *c, const char *path, EVP_PKEY *key, const char *passphrase,
                     struct pp_error *error)
{
    struct pp_buf pem = {0};
    int rc = pp_key_pem(&pem, key, *passphrase ? passphrase : NULL, error);
    if (rc == PP_OK && (rc = pp_change_add(c, path, pp_buf_bytes(&pem), 0600)) != PP_OK) {
        pp_fail(error, rc, "cannot change %s: %s", path, pp_error_text(rc));
    }
    pp_buf_wipe(&pem);
    return rc;
}

int identity_add_certificate(struct pp_change *c, const char *path, const struct pp_certificate *x,
                             struct pp_error *error)
{
    struct pp_buf pem = {0};
    int rc = pp_certificate_pem(&pem, x);
    rc = rc == PP_OK ? pp_change_add(c, path, pp_buf_bytes(&pem), 0644) : rc;
    if (rc != PP_OK) {
        pp_fail(error, rc, "cannot change %s: %s", path, pp_error_text(rc));
    }
    pp_buf_free(&pem);
    return rc;
}
