/*
 * peerpost show: a message in readable form, by GMime. Nothing of it may move the cursor or run;
 * attachments are named only.
 */
#include <cli/cli.h>

#include <session/mailbox.h>
#include <session/reading.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print_header(const char *name, const char *value)
{
    if (value && *value) {
        printf("%s: ", name);
        cli_print_safe(value);
        putchar('\n');
    }
}

static void print_addresses(const char *name, InternetAddressList *list)
{
    char *text = list ? internet_address_list_to_string(list, NULL, FALSE) : NULL;
    print_header(name, text);
    g_free(text);
}

/* Text line by line, so that line ends stay and all else that controls goes. */
static void print_text(const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        char *line = strndup(text, len);
        if (line) {
            for (char *p = line; *p; p++) {
                *p = *p == '\r' || *p == '\t' ? ' ' : *p;
            }
            cli_print_safe(line);
            free(line);
        }
        putchar('\n');
        text += len + (text[len] == '\n');
    }
}

static void print_part(GMimeObject *parent, GMimeObject *part, gpointer ctx)
{
    (void)parent;
    (void)ctx;
    if (GMIME_IS_TEXT_PART(part) && !g_mime_part_is_attachment(GMIME_PART(part)) &&
        g_mime_content_type_is_type(g_mime_object_get_content_type(part), "text", "plain")) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        putchar('\n');
        print_text(text ? text : "");
        g_free(text);
    } else if (GMIME_IS_PART(part)) {
        char *type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(part));
        const char *name = g_mime_part_get_filename(GMIME_PART(part));
        printf("\n[");
        cli_print_safe(type ? type : "part");
        printf("%s", name ? ": " : "");
        cli_print_safe(name ? name : "");
        printf("]\n");
        g_free(type);
    }
}

/* "smime=pass .." in words. */
static void print_signature(const char *results)
{
    const char *by, *why;
    if (!results) {
        return;
    }
    bool is_signed = reading_signature(results, &by, &why);
    printf(is_signed ? "Signed-By: " : "Signed-By: nobody ");
    cli_print_safe(is_signed ? by : why);
    putchar('\n');
}

static int show_file(const char *path)
{
    if (access(path, R_OK) != 0) {
        return cli_fails(EX_NOINPUT, "cannot read %s: %s", path, g_strerror(errno));
    }
    GMimeMessage *message = reading_parse(path);
    if (message) {
        GMimeObject *root = GMIME_OBJECT(message);
        print_addresses("From", g_mime_message_get_from(message));
        print_addresses("To", g_mime_message_get_to(message));
        print_addresses("Cc", g_mime_message_get_cc(message));
        print_header("Date", g_mime_object_get_header(root, "Date"));
        print_header("Subject", g_mime_message_get_subject(message));
        print_signature(g_mime_object_get_header(root, "Authentication-Results"));
        g_mime_message_foreach(message, print_part, NULL);
        g_object_unref(message);
    }
    return message ? EX_OK : cli_fails(EX_DATAERR, "%s holds no message", path);
}

static int show_number(struct cli *cli, size_t number)
{
    struct mailbox box = {0};
    struct pp_error error = {0};
    int code;
    if (mailbox_read(&box, cli->config, &error) != PP_OK) {
        code = cli_fail(&error);
    } else if (number < 1 || number > box.n) {
        code = cli_fails(EX_NOINPUT, "there is no message %zu: peerpost list shows %zu", number,
                         box.n);
    } else if (box.letters[number - 1].waiting) {
        code = cli_fails(EX_NOINPUT, "its body still waits on the nodes: run peerpost fetch");
    } else {
        code = show_file(box.letters[number - 1].path);
    }
    mailbox_finish(&box);
    return code;
}

int cli_show(struct cli *cli, int argc, char **argv)
{
    char *end;
    if (argc != 2) {
        return cli_usage(cli, "which message? Give its number in peerpost list, or a file");
    }
    g_mime_init();
    unsigned long number = strtoul(argv[1], &end, 10);
    return *end || access(argv[1], R_OK) == 0 ? show_file(argv[1]) : show_number(cli, number);
}
