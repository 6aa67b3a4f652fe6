/* Built without libp11: no key on any token; see token.h. */
#include <session/token.h>

int token_load_key(EVP_PKEY **key, struct pp_config *config, const char *uri,
                   struct pp_error *error)
{
    (void)key, (void)config, (void)uri;
    return pp_fail(error, PP_PLUGIN,
                   "this peerpost was built without PKCS#11 tokens: build it where libp11-dev is "
                   "installed");
}

bool token_holds(const EVP_PKEY *key)
{
    (void)key;
    return false;
}
