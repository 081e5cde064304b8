#include "net/internal.h"

#include "base/arena.h"
#include "base/table.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int url_refuse(struct err *err, const char *reason)
{
    return err_set(err, ERR_FETCH_REFUSED, NULL, "%s", reason);
}

static bool url_is_plain(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text <= 0x20 || *text == 0x7f || *text == '\\')
            return false;
    }
    return true;
}

static bool url_has(CURLU *url, CURLUPart part)
{
    char *value = NULL;
    bool has = curl_url_get(url, part, &value, 0) == CURLUE_OK;
    curl_free(value);
    return has;
}

static int url_finish(CURLU *url, char **ret_url, struct err *err)
{
    char *scheme = NULL, *text = NULL;
    int rc = 0;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        rc = url_refuse(err, "Only http and https URLs are fetched.");
    else if (url_has(url, CURLUPART_USER) || url_has(url, CURLUPART_PASSWORD))
        rc = url_refuse(err, "A URL with a user name or password is not fetched.");
    else if (!url_has(url, CURLUPART_HOST))
        rc = url_refuse(err, "The URL has no host.");
    curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    if (rc == 0 && curl_url_get(url, CURLUPART_URL, &text, 0) != CURLUE_OK)
        rc = url_refuse(err, "The URL is broken.");
    if (rc == 0)
        *ret_url = mem_strdup(text);
    curl_free(scheme);
    curl_free(text);
    return rc;
}

int url_follow(const char *base, const char *location, char **ret_url, struct err *err)
{
    CURLU *url = curl_url();
    int rc;
    if (!url)
        abort(); /* out of memory, the only cause */
    if (!url_is_plain(location) ||
        (base && curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK) ||
        curl_url_set(url, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        rc = url_refuse(err, "The URL is broken.");
    else
        rc = url_finish(url, ret_url, err);
    curl_url_cleanup(url);
    return rc;
}

int url_check(const char *text, char **ret_url, struct err *err)
{
    return url_follow(NULL, text, ret_url, err);
}

static char *url_part(const char *text, CURLUPart part)
{
    CURLU *url = curl_url();
    char *value = NULL;
    if (!url)
        abort(); /* out of memory, the only cause */
    if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK)
        curl_url_get(url, part, &value, CURLU_DEFAULT_PORT);
    char *copy = mem_strdup(value ? value : "");
    curl_free(value);
    curl_url_cleanup(url);
    return copy;
}

char *url_host(const char *url)
{
    return url_part(url, CURLUPART_HOST);
}

bool url_same_origin(const char *one, const char *other)
{
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    bool same = true;
    for (size_t i = 0; i < TABLE_SIZE(parts); i++) {
        char *left = url_part(one, parts[i]), *right = url_part(other, parts[i]);
        same &= strcasecmp(left, right) == 0;
        free(left);
        free(right);
    }
    return same;
}
