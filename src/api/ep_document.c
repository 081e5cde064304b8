#include "api/internal.h"
#include "api/openapi.h"

#include "base/pack.h"

#include <string.h>

static const struct {
    const char *extension, *type;
} document_types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
};

void ep_document_openapi(struct api_call *call)
{
    reply_json(call, 200, openapi_document(render_base(call)));
}

static const char *document_type_of(const char *name)
{
    const char *extension = strrchr(name, '.');
    for (size_t i = 0; extension && i < sizeof(document_types) / sizeof(document_types[0]); i++) {
        if (strcmp(extension, document_types[i].extension) == 0)
            return document_types[i].type;
    }
    return "application/octet-stream";
}

static void document_keep(void *context)
{
    (void)context;
}

/* The pack is mapped for the life of the process, so its bytes go out as they lie. */
static void document_reply(struct api_call *call, const char *name)
{
    static const struct http_header headers[] = {
        {"Cache-Control", "public, max-age=3600"},
        {"X-Content-Type-Options", "nosniff"},
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
         "data:;"
         " font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
         " frame-ancestors 'none'"},
    };
    const void *bytes;
    size_t size;
    if (!call->api->settings.pack ||
        pack_find(call->api->settings.pack, name, &bytes, &size, NULL) < 0) {
        reply_code(call, ERR_NOT_FOUND);
        return;
    }
    http_reply(call->request, &(struct http_response){
                                  .status = 200,
                                  .content_type = document_type_of(name),
                                  .body = bytes,
                                  .body_size = size,
                                  .file_fd = -1,
                                  .headers = headers,
                                  .header_count = sizeof(headers) / sizeof(headers[0]),
                                  .shared = true,
                                  .release = document_keep,
                              });
}

void ep_document_docs(struct api_call *call)
{
    document_reply(call, "web/docs/index.html");
}

void ep_document_file(struct api_call *call)
{
    document_reply(call, arena_printf(call->arena, "web/docs/%s", call->values[0]));
}
