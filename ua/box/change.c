/* Files replaced together; see change.h. It must not know what they are. */
#include <box/change.h>

#include <base/crash.h>
#include <base/file.h>
#include <box/files.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANIFEST_MAX (1u << 20)
/* First line of the manifest: what a crash shall leave. */
#define STAGING "staging"
#define REPLACE "replace"

int pp_change_add(struct pp_change *c, const char *path, struct pp_bytes octets, mode_t mode)
{
    if (c->n == PP_CHANGE_FILES) {
        return PP_LIMIT;
    }
    char here[PATH_MAX];
    struct pp_buf name = {0};
    if (strchr(path, '\n')) {
        return PP_INVALID;
    }
    if (*path != '/' && getcwd(here, sizeof here)) { /* recover may run elsewhere */
        pp_buf_printf(&name, "%s/", here);
    }
    pp_buf_add_str(&name, path);
    char *copy = name.failed ? NULL : strdup((const char *)name.data);
    pp_buf_free(&name);
    if (!copy || pp_buf_add(&c->file[c->n].octets, octets.data, octets.len) != PP_OK) {
        free(copy);
        return PP_NOMEM;
    }
    c->file[c->n].path = copy;
    c->file[c->n++].mode = mode;
    return PP_OK;
}

void pp_change_finish(struct pp_change *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->file[i].path);
        pp_buf_wipe(&c->file[i].octets);
    }
    *c = (struct pp_change){.folder = c->folder};
}

static void staged_name(char out[PATH_MAX], const char *path)
{
    snprintf(out, PATH_MAX, "%s.new", path);
}

static void manifest_name(char out[PATH_MAX], const char *folder)
{
    snprintf(out, PATH_MAX, "%s/change", folder);
}

static int write_manifest(const struct pp_change *c, const char *state, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf text = {0};
    manifest_name(path, c->folder);
    pp_buf_printf(&text, "%s\n", state);
    for (size_t i = 0; i < c->n; i++) {
        pp_buf_printf(&text, "%s\n", c->file[i].path);
    }
    int rc = text.failed ? pp_fail(error, PP_NOMEM, "out of memory")
                         : pp_file_write(path, pp_buf_bytes(&text), 0600, error);
    pp_buf_free(&text);
    return rc;
}

static int replace(const char *path, struct pp_error *error)
{
    char staged[PATH_MAX];
    staged_name(staged, path);
    if (rename(staged, path) != 0 && errno != ENOENT) {
        return pp_fail(error, PP_IO, "cannot replace %s: %s", path, strerror(errno));
    }
    int rc = pp_box_sync_folder(path);
    return rc == PP_OK ? rc : pp_fail(error, rc, "cannot sync the folder of %s", path);
}

static int end(const char *folder, struct pp_error *error)
{
    char path[PATH_MAX];
    manifest_name(path, folder);
    if (unlink(path) != 0 && errno != ENOENT) {
        return pp_fail(error, PP_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    int rc = pp_box_sync_folder(path);
    return rc == PP_OK ? rc : pp_fail(error, rc, "cannot sync %s", folder);
}

static int replace_all(const struct pp_change *c, struct pp_error *error)
{
    int rc = PP_OK;
    for (size_t i = 0; rc == PP_OK && i < c->n; i++) {
        rc = replace(c->file[i].path, error);
        pp_crash("change-replaced");
    }
    return rc == PP_OK ? end(c->folder, error) : rc;
}

int pp_change_commit(struct pp_change *c, struct pp_error *error)
{
    char staged[PATH_MAX];
    if (pp_mutant("change-in-place")) {
        for (size_t i = 0; i < c->n; i++) {
            pp_file_write(c->file[i].path, pp_buf_bytes(&c->file[i].octets), c->file[i].mode,
                          error);
            pp_crash("change-replaced");
        }
        return PP_OK;
    }
    int rc = write_manifest(c, STAGING, error);
    for (size_t i = 0; rc == PP_OK && i < c->n; i++) {
        staged_name(staged, c->file[i].path);
        rc = pp_file_write(staged, pp_buf_bytes(&c->file[i].octets), c->file[i].mode, error);
        pp_crash("change-staged");
    }
    if (rc != PP_OK) {
        pp_change_recover(c->folder, NULL);
        return rc;
    }
    rc = write_manifest(c, REPLACE, error);
    pp_crash("change-decided");
    return rc == PP_OK ? replace_all(c, error) : rc;
}

int pp_change_recover(const char *folder, struct pp_error *error)
{
    char path[PATH_MAX], staged[PATH_MAX];
    struct pp_buf text = {0};
    manifest_name(path, folder);
    if (access(path, F_OK) != 0) {
        return PP_OK;
    }
    int rc = pp_file_read(&text, path, MANIFEST_MAX, error);
    bool go_on = false;
    char *save = NULL;
    char *line = rc == PP_OK && text.len ? strtok_r((char *)text.data, "\n", &save) : NULL;
    go_on = line && strcmp(line, REPLACE) == 0;
    for (line = line ? strtok_r(NULL, "\n", &save) : NULL; rc == PP_OK && line;
         line = strtok_r(NULL, "\n", &save)) {
        if (go_on) {
            rc = replace(line, error);
        } else {
            staged_name(staged, line);
            unlink(staged);
        }
    }
    pp_buf_free(&text);
    return rc == PP_OK ? end(folder, error) : rc;
}
