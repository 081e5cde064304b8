/*
 * The older API of the same vendor, where it is the same job: a form creates a workflow, and the object has `images` and
 * `media_result` as well. Everything else is what the endpoints below /v2 do.
 */
#include "api/internal.h"

#include <string.h>

void ep_legacy_read(struct api_call *call)
{
    call->legacy = true;
    ep_workflow_read(call);
}

void ep_legacy_update(struct api_call *call)
{
    call->legacy = true;
    ep_workflow_update(call);
}

void ep_legacy_delete(struct api_call *call)
{
    call->legacy = true;
    ep_lifecycle_delete(call);
}

/* --- creating out of a form ----------------------------------------------------------------------- */

static void legacy_release_json(void *object)
{
    json_decref(object);
}

/* The text of a part as a JSON string; NULL with a fault. */
static json_t *legacy_text(const struct http_part *part, const char *path,
                           struct plan_faults *faults)
{
    json_t *text = strlen(part->text) == part->text_size ? json_string(part->text) : NULL;
    if (!text)
        plan_fault_add(faults, path, 0, "value_error", "%s is UTF-8 text without NUL.", path + 1);
    return text;
}

static void legacy_take_options(struct api_call *call, const struct http_part *part,
                                struct plan_faults *faults)
{
    json_t *options;
    struct err err;
    if (part->text_size == 0)
        return;
    if (json_parse(part->text, part->text_size, call->api->settings.json_bytes_max, &options,
                   &err) < 0)
        plan_fault_add(faults, "/options", 0, "value_error", "%s", err.message);
    else
        json_object_set_new(call->body, "options", options);
}

static void legacy_take_url(struct api_call *call, json_t *urls, const struct http_part *part,
                            struct plan_faults *faults)
{
    json_t *url = legacy_text(
        part, json_pointer_index(call->arena, "/image_urls", json_array_size(urls)), faults);
    if (url)
        json_array_append_new(urls, url);
}

static void legacy_take_text(struct api_call *call, const struct http_part *part,
                             struct plan_faults *faults)
{
    static const char *const members[] = {"template_id", "title", "description",
                                          "visibility_status", "event_id"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (strcmp(members[i], part->name) != 0)
            continue;
        json_t *text = legacy_text(part, json_pointer(call->arena, "", part->name), faults);
        if (text)
            json_object_set_new(call->body, part->name, text);
    }
}

/* Keeps a file as an asset, durably, and adds its URL. */
static int legacy_take_file(struct api_call *call, json_t *urls, const struct http_part *part,
                            struct err *err)
{
    struct store_asset asset;
    struct store_wait wait;
    int rc = asset_publish(call, part->fd, part->file_name, part->file_size, &asset, err);
    if (rc < 0)
        return rc;
    store_wait_init(&wait);
    store_asset_add(call->api->settings.store, &asset, store_wait_done, &wait);
    rc = store_wait_finish(&wait, err);
    blob_let_go(call->api->settings.blobs, asset.sha256);
    if (rc == 0)
        json_array_append_new(urls, json_string(asset_url(call, &asset)));
    return rc;
}

static int legacy_take_files(struct api_call *call, json_t *urls, struct err *err)
{
    size_t count;
    const struct http_part *parts = http_request_parts(call->request, &count);
    for (size_t i = 0; i < count; i++) {
        bool file = parts[i].fd >= 0 && parts[i].file_size > 0;
        int rc = file ? legacy_take_file(call, urls, &parts[i], err) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool legacy_has_files(const struct http_part *parts, size_t count)
{
    bool has = false;
    for (size_t i = 0; i < count; i++)
        has |= parts[i].fd >= 0 && parts[i].file_size > 0;
    return has;
}

/* Before files are kept for a workflow that cannot be. */
static int legacy_find_template(struct api_call *call, struct err *err)
{
    const char *id = json_member_string(call->body, "template_id");
    struct template_found found;
    return id ? template_find(call, id, &found, err) : 0;
}

/* Makes the body of a creation out of the form; on the room's thread, for the files. */
static void legacy_create(struct api_call *call)
{
    size_t count;
    const struct http_part *parts = http_request_parts(call->request, &count);
    json_t *urls = json_array();
    struct plan_faults faults;
    struct err err;
    plan_faults_init(&faults, call->arena);
    call->body = json_object();
    arena_defer(call->arena, legacy_release_json, call->body);
    bool files = legacy_has_files(parts, count);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].fd >= 0)
            continue;
        if (strcmp(parts[i].name, "options") == 0)
            legacy_take_options(call, &parts[i], &faults);
        else if (strcmp(parts[i].name, "image_urls") == 0 && !files && parts[i].text_size > 0)
            legacy_take_url(call, urls, &parts[i], &faults);
        else
            legacy_take_text(call, &parts[i], &faults);
    }
    int rc = faults.error_count == 0 ? legacy_find_template(call, &err) : 0;
    if (rc == 0 && faults.error_count == 0)
        rc = legacy_take_files(call, urls, &err);
    json_object_set_new(call->body, "image_urls", urls);
    if (faults.error_count > 0)
        reply_faults(call, "body", &faults);
    else if (rc < 0)
        reply_error(call, &err);
    else
        workflow_create_from_body(call);
}

void ep_legacy_create(struct api_call *call)
{
    call->legacy = true;
    wait_run(call->api->room, legacy_create, call);
}
