#include "api/internal.h"

#include "base/table.h"

#include <string.h>

static const struct api_endpoint route_endpoints[] = {
#define ENDPOINT(noun, verb, method, path, access, body, summary)                                  \
    {#noun "_" #verb, method, path, summary, API_##access, API_BODY_##body, ep_##noun##_##verb},
#include "api/endpoints.def"
#undef ENDPOINT
};

/* A brace stands for one segment that is not empty; the rest is taken literally. *ret_braces counts the braces. */
static bool route_match(struct arena *a, const char *pattern, const char *path,
                        const char **ret_values, int *ret_braces)
{
    *ret_braces = 0;
    for (;;) {
        for (; *pattern && *pattern != '{'; pattern++, path++) {
            if (*pattern != *path)
                return false;
        }
        if (!*pattern)
            return !*path;
        size_t length = strcspn(path, "/");
        if (length == 0)
            return false;
        ret_values[(*ret_braces)++] = arena_strndup(a, path, length);
        pattern = strchr(pattern, '}') + 1;
        path += length;
    }
}

static bool route_takes(const struct api_endpoint *endpoint, const char *method)
{
    return strcmp(endpoint->method, method) == 0 ||
           (strcmp(endpoint->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static const char *route_allow(struct arena *a, const char *allow, const char *method)
{
    const char *more = strcmp(method, "GET") == 0 ? "GET, HEAD" : method;
    return allow ? arena_printf(a, "%s, %s", allow, more) : more;
}

/* The fewest braces among all that match the path: a literal path wins over {id}. */
static int route_fewest_braces(struct arena *a, const char *path)
{
    int fewest = API_PATH_VALUES_MAX + 1;
    for (size_t i = 0; i < TABLE_SIZE(route_endpoints); i++) {
        const char *values[API_PATH_VALUES_MAX];
        int braces;
        if (route_match(a, route_endpoints[i].path, path, values, &braces) && braces < fewest)
            fewest = braces;
    }
    return fewest;
}

const struct api_endpoint *route_find(struct arena *a, const char *method, const char *path,
                                      const char **ret_values, int *ret_status,
                                      const char **ret_allow)
{
    int fewest = route_fewest_braces(a, path);
    *ret_allow = NULL;
    for (size_t i = 0; i < TABLE_SIZE(route_endpoints); i++) {
        const struct api_endpoint *endpoint = &route_endpoints[i];
        int braces;
        if (!route_match(a, endpoint->path, path, ret_values, &braces) || braces != fewest)
            continue;
        if (route_takes(endpoint, method))
            return endpoint;
        *ret_allow = route_allow(a, *ret_allow, endpoint->method);
    }
    *ret_status = *ret_allow ? 405 : 404;
    return NULL;
}
