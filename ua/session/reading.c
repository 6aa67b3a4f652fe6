/* A delivered message for people; see reading.h. It must not know where it is shown. */
#include <session/reading.h>

#include <stdio.h>
#include <string.h>

GMimeMessage *reading_parse(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return NULL;
    }
    GMimeStream *stream = g_mime_stream_file_new(f);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return message;
}

char *reading_subject(struct pp_bytes raw)
{
    return g_mime_utils_header_decode_text(NULL, raw.len ? (const char *)raw.data : "(no subject)");
}

bool reading_signature(const char *results, const char **by, const char **why)
{
    static const char identifier[] = "smime-identifier=", reason[] = "reason=";
    const char *who = results ? strstr(results, identifier) : NULL;
    const char *said = results ? strstr(results, reason) : NULL;
    *by = who ? who + strlen(identifier) : "";
    *why = said ? said + strlen(reason) : "";
    return results && strstr(results, "smime=pass");
}
