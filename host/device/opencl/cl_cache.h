/* Compiled programs on disk. A binary is code that will run, so the directory must be
 * ours alone, and an entry is used only where its key and the hash of its bytes agree. */
#ifndef GP_DEVICE_CL_CACHE_H
#define GP_DEVICE_CL_CACHE_H

#include "base/error.h"

#define GP_CL_KEY_BYTES 32

/* Everything that decides whether a binary fits. Parts are hashed with their lengths, so
 * that no two lists of parts look alike. */
typedef struct gp_cl_key {
    uint8_t byte[GP_CL_KEY_BYTES];
    bool lasting; /* never dropped for want of room: what cost minutes to find; false after gp_cl_cache_key */
} gp_cl_key;

typedef struct gp_cl_cache gp_cl_cache;

/* dir: NULL: $XDG_CACHE_HOME/gpuproc or ~/.cache/gpuproc; "": no cache. Returns NULL where there
 * is to be none or nowhere to put it. Touches no file. max_bytes: of all entries; 0: 256 MiB.
 * Thread-safe, and safe among processes. */
gp_cl_cache *gp_cl_cache_new(const char *dir, uint64_t max_bytes);
void gp_cl_cache_free(gp_cl_cache *cache);

/* The SHA-256 of the parts (NUL-terminated) and this format's version. */
void gp_cl_cache_key(const char *const *part, size_t parts, gp_cl_key *key);

/* True: *binary (to be freed) holds the bytes stored under `key`. Every trouble is "not there". */
bool gp_cl_cache_load(const gp_cl_cache *cache, const gp_cl_key *key, void **binary,
                      size_t *bytes);

/* Whether there is an entry; it is not looked at. */
bool gp_cl_cache_has(const gp_cl_cache *cache, const gp_cl_key *key);

/* Stores by a temporary sibling and a rename, then drops the oldest entries beyond the
 * limit. False where it could not, which does no harm. */
bool gp_cl_cache_store(const gp_cl_cache *cache, const gp_cl_key *key, const void *binary,
                       size_t bytes);

/* Removes an entry that a driver refused. */
void gp_cl_cache_drop(const gp_cl_cache *cache, const gp_cl_key *key);

#endif
