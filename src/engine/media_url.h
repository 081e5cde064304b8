/*
 * URLs that the server itself hands out for its files: signed, with a time limit, naming the object (a workflow or an asset)
 * and the blob. api/ makes and serves them, engine/ takes them as inputs. Pure; any thread.
 *
 *   BASE/media/workflow/ID/SHA256.EXT?expires=UNIX_SECONDS&signature=HEX
 */
#ifndef ENGINE_MEDIA_URL_H
#define ENGINE_MEDIA_URL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sha256.h"
#include "base/uuid.h"

enum media_owner { MEDIA_WORKFLOW, MEDIA_ASSET };

struct media_url {
    enum media_owner owner;
    char id[UUID_TEXT_SIZE];
    char sha256[SHA256_HEX_SIZE];
    int64_t expires; /* Unix seconds */
};

/* Base of the references that the engine hands from step to step. No host answers to it: only the signature counts. */
#define MEDIA_URL_INTERNAL_BASE "http://media.reeld.internal"

/* `base` has no slash at its end. `content_type` gives the extension. Arena text. */
char *media_url_sign(struct arena *a, const char *secret, const char *base,
                     const struct media_url *url, const char *content_type);

/* Reads a whole URL or a path with query of that form. ERR_NOT_FOUND when it is not one that was signed with this secret (then it is
 * a stranger's URL like any other), ERR_FORBIDDEN when its time has passed (*ret_url is filled then as well). */
int media_url_verify(const char *secret, const char *url, int64_t now_s, struct media_url *ret_url,
                     struct err *err);

/* "png" for "image/png"; "bin" when unknown. Static. */
const char *media_extension(const char *content_type);

#endif
