#include "api/internal.h"

#include "base/table.h"

#include <string.h>

static const struct api_endpoint route_endpoints[] = {
#define ENDPOINT(noun, verb, method, path, access, body, summary)                                  \
    {#noun "_" #verb, method, path, summary, API_##access, API_BODY_##body, ep_##noun##_##verb},
#include "api/endpoints.def"
#undef ENDPOINT
};

/* Every request looks here, so patterns and path are compared by segments, whose lengths tell most of them apart. */
enum { ROUTE_SEGMENTS_MAX = 8 };

struct route_path {
    int count; /* 0: more segments than any endpoint has */
    struct {
        const char *text;
        size_t size;
    } segments[ROUTE_SEGMENTS_MAX];
};

static struct route_path route_patterns[TABLE_SIZE(route_endpoints)];
static int route_braces[TABLE_SIZE(route_endpoints)];
static pthread_once_t route_once = PTHREAD_ONCE_INIT;

static void route_split(const char *path, struct route_path *ret_path)
{
    ret_path->count = 0;
    while (*path == '/') {
        size_t size = strcspn(++path, "/");
        if (ret_path->count == ROUTE_SEGMENTS_MAX) {
            ret_path->count = 0;
            return;
        }
        ret_path->segments[ret_path->count].text = path;
        ret_path->segments[ret_path->count++].size = size;
        path += size;
    }
}

static void route_split_patterns(void)
{
    for (size_t i = 0; i < TABLE_SIZE(route_endpoints); i++) {
        struct route_path *pattern = &route_patterns[i];
        route_split(route_endpoints[i].path, pattern);
        for (int k = 0; k < pattern->count; k++)
            route_braces[i] += *pattern->segments[k].text == '{';
    }
}

/* A brace stands for one segment that is not empty; the rest is taken literally. */
static bool route_match(const struct route_path *pattern, const struct route_path *path)
{
    if (pattern->count != path->count)
        return false;
    for (int i = pattern->count - 1; i >= 0; i--) {
        size_t size = path->segments[i].size;
        bool matches =
            *pattern->segments[i].text == '{'
                ? size > 0
                : size == pattern->segments[i].size &&
                      memcmp(path->segments[i].text, pattern->segments[i].text, size) == 0;
        if (!matches)
            return false;
    }
    return true;
}

static void route_values(struct arena *a, const struct route_path *pattern,
                         const struct route_path *path, const char **ret_values)
{
    for (int i = 0; i < pattern->count; i++) {
        if (*pattern->segments[i].text == '{')
            *ret_values++ = arena_strndup(a, path->segments[i].text, path->segments[i].size);
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

const struct api_endpoint *route_find(struct arena *a, const char *method, const char *path,
                                      const char **ret_values, int *ret_status,
                                      const char **ret_allow)
{
    struct route_path split = {0};
    const struct api_endpoint *found = NULL;
    int fewest = API_PATH_VALUES_MAX + 1; /* braces of a match: a literal path wins over {id} */
    pthread_once(&route_once, route_split_patterns);
    route_split(path, &split);
    *ret_allow = NULL;
    for (size_t i = 0; i < TABLE_SIZE(route_endpoints); i++) {
        const struct api_endpoint *endpoint = &route_endpoints[i];
        if (route_braces[i] > fewest || !route_match(&route_patterns[i], &split))
            continue;
        if (route_braces[i] < fewest) {
            fewest = route_braces[i];
            found = NULL;
            *ret_allow = NULL;
        }
        if (!found && route_takes(endpoint, method)) {
            found = endpoint;
            route_values(a, &route_patterns[i], &split, ret_values);
        }
        if (!found)
            *ret_allow = route_allow(a, *ret_allow, endpoint->method);
    }
    *ret_status = *ret_allow ? 405 : 404;
    return found;
}
