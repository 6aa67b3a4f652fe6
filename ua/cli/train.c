/*
 * peerpost train: teaches the spam filter by messages, and moves them to where they belong. It must
 * not know how a filter learns.
 */
#include <cli/cli.h>
#include <session/mailbox.h>

#include <base/file.h>
#include <box/files.h>
#include <box/scan.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t read_file(void *ctx, uint64_t offset, void *out, size_t cap)
{
    return pread(*(int *)ctx, out, cap, (off_t)offset);
}

static const char *option(struct cli *cli, const char *name)
{
    const char *text = pp_config_text(cli->config, name);
    return *text ? text : NULL;
}

static int learn(struct cli *cli, bool spam, const char *path)
{
    char text[PP_SCAN_TEXT];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cli_fails(EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    }
    struct pp_scanned message = {read_file, &fd};
    int rc = pp_scan_train(pp_config_text(cli->config, "filter.spam"),
                           option(cli, spam ? "filter.train_spam" : "filter.train_ham"), spam,
                           &message, text);
    close(fd);
    return rc == 0 ? EX_OK : cli_fails(EX_UNAVAILABLE, "%s", text);
}

static bool lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 &&
           (strncmp(path + len, "/new/", 5) == 0 || strncmp(path + len, "/cur/", 5) == 0);
}

/* From one Maildir into the other, into the same of its folders, when it lies in the first. */
static int move(const char *path, const char *from, const char *to)
{
    char target[4096];
    if (!lies_in(path, from)) {
        return EX_OK; /* a file from elsewhere stays where it is */
    }
    if (snprintf(target, sizeof target, "%s%s", to, path + strlen(from)) >= (int)sizeof target ||
        rename(path, target) != 0 || pp_box_sync_folder(target) != PP_OK) {
        return cli_fails(EX_IOERR, "learned, but %s cannot be moved to %s: %s", path, to,
                         strerror(errno));
    }
    return EX_OK;
}

static int train_file(struct cli *cli, bool spam, const char *path)
{
    char inbox[4096], junk[4096];
    snprintf(inbox, sizeof inbox, "%s", session_maildir(cli->config));
    snprintf(junk, sizeof junk, "%s", session_junk(cli->config));
    int code = learn(cli, spam, path);
    return code == EX_OK ? move(path, spam ? inbox : junk, spam ? junk : inbox) : code;
}

/* N of `peerpost list`, jN of `peerpost list --junk`, or a file. */
static int train_one(struct cli *cli, bool spam, const char *what)
{
    struct mailbox box = {0};
    struct pp_error error = {0};
    bool junk = what[0] == 'j';
    char *end;
    unsigned long number = strtoul(what + junk, &end, 10);
    if (*end || !number || access(what, R_OK) == 0) {
        return train_file(cli, spam, what);
    }
    int rc = junk ? mailbox_read_junk(&box, cli->config, &error)
                  : mailbox_read(&box, cli->config, &error);
    int code = rc != PP_OK ? cli_fail(&error) : EX_OK;
    if (code == EX_OK && (number > box.n || box.letters[number - 1].waiting)) {
        code = cli_fails(EX_NOINPUT, "there is no message %s here", what);
    }
    code = code == EX_OK ? train_file(cli, spam, box.letters[number - 1].path) : code;
    mailbox_finish(&box);
    return code;
}

int cli_train(struct cli *cli, int argc, char **argv)
{
    bool spam = false, ham = false;
    int first = 1;
    for (; first < argc && argv[first][0] == '-'; first++) {
        spam = spam || cli_flag(argv, first, "--spam");
        ham = ham || cli_flag(argv, first, "--ham");
        if (!cli_flag(argv, first, "--spam") && !cli_flag(argv, first, "--ham")) {
            return cli_usage(cli, "unknown argument %s", argv[first]);
        }
    }
    if (spam == ham || first == argc) {
        return cli_usage(cli, "give --spam or --ham, and messages");
    }
    /* the last first: numbers count what is there, and a message that moved is not */
    for (int i = argc - 1; i >= first; i--) {
        int code = train_one(cli, spam, argv[i]);
        if (code != EX_OK) {
            return code;
        }
    }
    printf("learned %d\n", argc - first);
    return EX_OK;
}
