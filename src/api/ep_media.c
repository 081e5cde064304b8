#include "api/internal.h"

#include "base/clock.h"
#include "http/range.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *extension, *content_type;
} media_types[] = {
    {"png", "image/png"},   {"jpg", "image/jpeg"},       {"webp", "image/webp"},
    {"gif", "image/gif"},   {"avif", "image/avif"},      {"heif", "image/heif"},
    {"heic", "image/heic"}, {"mp4", "video/mp4"},        {"mov", "video/quicktime"},
    {"webm", "video/webm"}, {"mkv", "video/x-matroska"}, {"mp3", "audio/mpeg"},
    {"m4a", "audio/mp4"},   {"aac", "audio/aac"},        {"wav", "audio/wav"},
    {"ogg", "audio/ogg"},   {"flac", "audio/flac"},      {"txt", "text/plain; charset=utf-8"},
};

static const char *media_type_of(const char *file)
{
    const char *dot = strrchr(file, '.');
    for (size_t i = 0; dot && i < sizeof(media_types) / sizeof(media_types[0]); i++) {
        if (strcmp(dot + 1, media_types[i].extension) == 0)
            return media_types[i].content_type;
    }
    return "application/octet-stream";
}

/* The object that the URL belongs to still exists; a deleted object's URLs die with it. */
static int media_owner_check(struct api_call *call, const struct media_url *url, struct err *err)
{
    struct store *store = call->api->settings.store;
    struct store_workflow_full *workflow;
    struct store_asset *asset;
    return url->owner == MEDIA_WORKFLOW
               ? store_workflow_get(store, call->arena, NULL, url->id, &workflow, err)
               : store_asset_get(store, call->arena, NULL, url->id, &asset, err);
}

struct media_answer {
    int fd;
    uint64_t size;
    const char *etag, *type;
};

static bool media_is_unchanged(const struct http_request *request, const char *etag)
{
    const char *known = http_request_header(request, "If-None-Match");
    return known && (strcmp(known, "*") == 0 || strstr(known, etag));
}

static bool media_range_applies(const struct http_request *request, const char *etag)
{
    const char *condition = http_request_header(request, "If-Range");
    return !condition || strcmp(condition, etag) == 0;
}

static void media_reply(struct api_call *call, struct media_answer *answer)
{
    const char *download = http_request_query_value(call->request, "download");
    const char *range = http_request_header(call->request, "Range");
    struct http_range part = {.kind = HTTP_RANGE_WHOLE, .offset = 0, .size = answer->size};
    struct http_response response = {.status = 200, .content_type = answer->type};
    struct http_header headers[7];
    size_t count = 0;
    if (range && media_range_applies(call->request, answer->etag))
        part = http_range_parse(range, answer->size);
    headers[count++] = (struct http_header){"ETag", answer->etag};
    headers[count++] = (struct http_header){"Accept-Ranges", "bytes"};
    headers[count++] = (struct http_header){"Cache-Control", "private, max-age=3600, immutable"};
    headers[count++] = (struct http_header){"X-Content-Type-Options", "nosniff"};
    headers[count++] =
        (struct http_header){"Content-Security-Policy", "sandbox; default-src 'none'"};
    if (download && strcmp(download, "1") == 0)
        headers[count++] = (struct http_header){
            "Content-Disposition",
            arena_printf(call->arena, "attachment; filename=\"%s\"", call->values[2])};
    response.file_fd = answer->fd;
    response.file_offset = part.offset;
    response.file_size = part.size;
    if (media_is_unchanged(call->request, answer->etag)) {
        response = (struct http_response){.status = 304, .file_fd = -1};
    } else if (part.kind == HTTP_RANGE_PART) {
        response.status = 206;
        headers[count++] = (struct http_header){
            "Content-Range",
            arena_printf(call->arena, "bytes %llu-%llu/%llu", (unsigned long long)part.offset,
                         (unsigned long long)(part.offset + part.size - 1),
                         (unsigned long long)answer->size)};
    } else if (part.kind == HTTP_RANGE_UNSATISFIABLE) {
        const char *text = reply_fault_text(call->arena, ERR_RANGE, NULL);
        response = (struct http_response){.status = 416,
                                          .content_type = "application/json",
                                          .body = text,
                                          .body_size = strlen(text),
                                          .file_fd = -1};
        headers[count++] =
            (struct http_header){"Content-Range", arena_printf(call->arena, "bytes */%llu",
                                                               (unsigned long long)answer->size)};
    }
    if (response.file_fd >= 0)
        answer->fd = -1;
    response.headers = headers;
    response.header_count = count;
    http_reply(call->request, &response);
}

void ep_media_read(struct api_call *call)
{
    struct media_url url;
    struct err err;
    struct media_answer answer = {.fd = -1};
    int rc =
        media_url_verify(call->api->settings.media_secret, http_request_raw_target(call->request),
                         clock_wall_us() / 1000000, &url, &err);
    if (rc == 0)
        rc = media_owner_check(call, &url, &err);
    if (rc == 0)
        rc = blob_get(call->api->settings.blobs, url.sha256, &answer.fd, &answer.size, &err);
    if (rc == ERR_NOT_FOUND) {
        reply_code(call, ERR_NOT_FOUND);
    } else if (rc < 0) {
        reply_error(call, &err);
    } else {
        answer.etag = arena_printf(call->arena, "\"%s\"", url.sha256);
        answer.type = media_type_of(call->values[2]);
        media_reply(call, &answer);
    }
    if (answer.fd >= 0)
        close(answer.fd);
}
