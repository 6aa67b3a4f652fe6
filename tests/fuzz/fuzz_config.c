/* Any octets as a configuration file: a configuration or one sentence, never a fault. */
#include <config/config.h>

#include <stdlib.h>

static const struct pp_option options[] = {
    {"network.name", PP_OPT_STRING, "campus", 0, 0, PP_SCOPE_NODE, "name"},
    {"network.k", PP_OPT_INT, "5", 1, 32, PP_SCOPE_NETWORK, "copies"},
    {"overlay.contacts", PP_OPT_LIST, "", 0, 0, PP_SCOPE_NODE, "contacts"},
    {"http.tls", PP_OPT_BOOL, "true", 0, 0, PP_SCOPE_NODE, "tls"},
    {"http.body", PP_OPT_OCTETS, "72 MiB", 1, INT64_MAX, PP_SCOPE_NODE, "body"},
    {"send.wait", PP_OPT_TIME, "10s", 0, (int64_t)PP_DAY, PP_SCOPE_NODE, "wait"},
};
static const struct pp_option plugin_options[] = {
    {"successors", PP_OPT_INT, "16", 1, 64, PP_SCOPE_NETWORK, "successors"},
    {"stabilise", PP_OPT_TIME, "1s", 1, (int64_t)PP_HOUR, PP_SCOPE_NODE, "period"},
};
static const struct pp_plugin plugin = {
    .name = "chord", .version = "1", .options = plugin_options, .n_options = 2};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pp_config *config;
    struct pp_error error = {0};
    const struct pp_schema schema = {options, sizeof options / sizeof *options};
    const union pp_value *values;
    int code = pp_config_parse(&config, "fuzz.yaml", pp_bytes(data, size), &schema, 1, &error);
    if (code) {
        if (config || error.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    size_t items = 0;
    while (pp_config_item(config, "overlay.contacts", items)) {
        items++;
    }
    if (pp_config_number(config, "network.k") < 1 || pp_config_number(config, "network.k") > 32) {
        abort();
    }
    if (!pp_config_plugin(config, "substrate", &plugin, &values, &error) &&
        (values[0].number < 1 || values[0].number > 64)) {
        abort();
    }
    pp_config_free(config);
    return 0;
}
