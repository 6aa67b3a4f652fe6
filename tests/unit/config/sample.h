/* A schema and two small calls that the tests of this folder share. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <check.h>
#include <config/config.h>
#include <stdio.h>

static const struct pp_option sample_options[] = {
    {"network.name", PP_OPT_STRING, "campus", 0, 0, PP_SCOPE_NODE, "Name of the network."},
    {"network.k", PP_OPT_INT, "5", 1, 32, PP_SCOPE_NETWORK, "Copies of everything."},
    {"overlay.contacts", PP_OPT_LIST, "", 0, 0, PP_SCOPE_NODE, "Nodes to meet."},
    {"http.tls", PP_OPT_BOOL, "true", 0, 0, PP_SCOPE_NODE, "Speak TLS."},
    {"http.body_max", PP_OPT_OCTETS, "72 MiB", 1024, (int64_t)1 << 40, PP_SCOPE_NODE, "Body."},
    {"send.wait", PP_OPT_TIME, "10s", 0, (int64_t)PP_DAY, PP_SCOPE_NODE, "Patience."},
    {"node.state", PP_OPT_STRING, "/var/lib/x", 0, 0, PP_SCOPE_NODE, "Folder."},
    {"node.keys", PP_OPT_STRING, "keys", 0, 0, PP_SCOPE_NODE, "Folder, relative by default."},
    {"substrate.plugin", PP_OPT_STRING, "chord", 0, 0, PP_SCOPE_NODE, "Substrate."},
};
static const struct pp_schema sample_schema = {sample_options,
                                               sizeof sample_options / sizeof *sample_options};

static inline struct pp_config *sample(const char *yaml, struct pp_error *error)
{
    struct pp_config *config;
    *error = (struct pp_error){0};
    int code = pp_config_parse(&config, "dir/t.yaml", pp_str(yaml), &sample_schema, 1, error);
    CU_ASSERT_EQUAL(code == PP_OK, config != NULL);
    return config;
}

static inline void sample_refused(const char *yaml, const char *words)
{
    struct pp_error error;
    struct pp_config *config = sample(yaml, &error);
    CU_ASSERT_PTR_NULL(config);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, words));
    if (!strstr(error.text, words)) {
        printf("\n    got: %s\n", error.text);
    }
    pp_config_free(config);
}

#endif
