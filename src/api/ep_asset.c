#include "api/internal.h"

#include "base/clock.h"
#include "base/sniff.h"

#include <string.h>
#include <unistd.h>

/* Told by its bytes, whatever its name or header say. */
static int asset_sniff(int fd, const char **ret_type, struct err *err)
{
    unsigned char start[SNIFF_BYTES];
    ssize_t size = pread(fd, start, sizeof(start), 0);
    *ret_type = size > 0 ? sniff_content_type(start, (size_t)size) : NULL;
    if (size < 0)
        return err_set(err, ERR_STORAGE, NULL, "The upload could not be read back.");
    if (size == 0)
        return err_set(err, ERR_BAD_REQUEST, NULL, "The upload is empty.");
    if (!*ret_type)
        return err_set(err, ERR_UNSUPPORTED_TYPE, NULL,
                       "The upload is no picture, video or sound that is taken here.");
    return 0;
}

int asset_publish(struct api_call *call, int fd, const char *name, uint64_t size,
                  struct store_asset *ret_asset, struct err *err)
{
    char *id = arena_alloc(call->arena, UUID_TEXT_SIZE);
    char *sha256 = arena_alloc(call->arena, SHA256_HEX_SIZE);
    const char *type;
    int rc = asset_sniff(fd, &type, err);
    if (rc == 0)
        rc = limits_check_storage(call, size, err);
    if (rc == 0)
        rc = blob_publish(call->api->settings.blobs, fd, sha256, &size, err);
    if (rc < 0)
        return rc;
    uuid_new(id);
    *ret_asset = (struct store_asset){
        .id = id,
        .customer = call->customer,
        .sha256 = sha256,
        .content_type = type,
        .name = name ? name : "",
        .size = (int64_t)size,
        .created_at = clock_wall_us(),
    };
    return 0;
}

const char *asset_url(struct api_call *call, const struct store_asset *asset)
{
    struct media_url url = {.owner = MEDIA_ASSET,
                            .expires =
                                clock_wall_us() / 1000000 + call->api->settings.media_url_life_s};
    memcpy(url.id, asset->id, sizeof(url.id));
    memcpy(url.sha256, asset->sha256, sizeof(url.sha256));
    return media_url_sign(call->arena, call->api->settings.media_secret, render_base(call), &url,
                          asset->content_type);
}

struct asset_creation {
    struct api_call *call;
    struct store_asset asset;
};

/* On the store's writer thread, after the commit. */
static void asset_created(void *context, int rc, const struct err *err)
{
    struct asset_creation *creation = context;
    struct api_call *call = creation->call;
    const struct store_asset *asset = &creation->asset;
    blob_let_go(call->api->settings.blobs, asset->sha256);
    if (rc < 0) {
        reply_error(call, err);
        return;
    }
    reply_json(call, 200,
               json_pack("{s:{s:s, s:s, s:s, s:I, s:s}}", "data", "id", asset->id, "url",
                         asset_url(call, asset), "content_type", asset->content_type, "size",
                         (json_int_t)asset->size, "sha256", asset->sha256));
}

static void asset_create(struct api_call *call)
{
    struct asset_creation *creation = arena_alloc(call->arena, sizeof(*creation));
    struct err err;
    creation->call = call;
    if (asset_publish(call, call->upload_fd, http_request_file_name(call->request),
                      http_request_body_size(call->request), &creation->asset, &err) < 0)
        reply_error(call, &err);
    else
        store_asset_add(call->api->settings.store, &creation->asset, asset_created, creation);
}

void ep_asset_create(struct api_call *call)
{
    wait_run(call->api->room, asset_create, call);
}
