/*
 * Loads plugins with dlopen. Each refusal has its own sentence that says what to try: no file, no
 * symbol, another ABI, wrong kind, wrong name, missing function.
 */
#ifndef PP_CONFIG_LOADER_H
#define PP_CONFIG_LOADER_H

#include <peerpost/store.h>
#include <peerpost/substrate.h>

struct pp_loaded; /* an open shared object */

/* name: "chord" is looked for as DIR/substrate-chord.so (store: DIR/store-lmdb.so); a name with a
 * '/' is the file itself and its plugin may have any name. dir NULL: PEERPOST_PLUGINS, else
 * ../plugins or ../lib/peerpost beside the running program, else the folder that was configured.
 * ! PP_PLUGIN */
int pp_load_substrate(struct pp_loaded **loaded, const struct pp_substrate **plugin,
                      const char *dir, const char *name, struct pp_error *error);
int pp_load_store(struct pp_loaded **loaded, const struct pp_store_plugin **plugin, const char *dir,
                  const char *name, struct pp_error *error);
/* That folder, for programs that list what there is. */
void pp_plugin_folder(const char *given, char *out, size_t cap);
void pp_unload(struct pp_loaded *loaded);

#endif
