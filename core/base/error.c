/* The table of errors; see peerpost/error.h. */
#include <peerpost/error.h>

#include <stdio.h>

int pp_fail(struct pp_error *error, int code, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        error->code = code;
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
    }
    return code;
}

const char *pp_error_text(int code)
{
    switch (code) {
#define X(name, number, text, status)                                                              \
    case number:                                                                                   \
        return text;
        PP_ERRORS(X)
#undef X
    default:
        return "unknown error";
    }
}

int pp_error_status(int code)
{
    switch (code) {
#define X(name, number, text, status)                                                              \
    case number:                                                                                   \
        return status;
        PP_ERRORS(X)
#undef X
    default:
        return 500;
    }
}
