/* The form of media references and webhook URLs. Where they lead is the address guard's business.
 */
#include "plan/plan.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum { REFERENCE_URL_MAX = 8192 };

static int reference_invalid(struct err *err, const char *sentence)
{
    return err_set(err, ERR_INVALID, NULL, "%s", sentence);
}

static int reference_check_data(const char *reference, struct err *err)
{
    const char *comma = strchr(reference, ',');
    if (!comma || strcspn(reference, " \t\r\n") < (size_t)(comma - reference))
        return reference_invalid(err, "A data: URI has the form data:TYPE;base64,BYTES.");
    return 0;
}

static bool reference_host_ok(const char *host, size_t length)
{
    struct in6_addr address;
    char literal[INET6_ADDRSTRLEN] = "";
    if (host[0] == '[') {
        if (length < 2 || length - 2 >= sizeof(literal) || host[length - 1] != ']')
            return false;
        memcpy(literal, host + 1, length - 2);
        return inet_pton(AF_INET6, literal, &address) == 1;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)host[i];
        if (!isalnum(c) && c != '.' && c != '-' && c != '_' && c < 0x80)
            return false;
    }
    return length > 0;
}

static bool reference_port_ok(const char *port, size_t length)
{
    int number = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)port[i]) || i >= 5)
            return false;
        number = number * 10 + (port[i] - '0');
    }
    return length > 0 && number >= 1 && number <= 65535;
}

static int reference_check_authority(const char *at, struct err *err)
{
    size_t length = strcspn(at, "/?#");
    if (memchr(at, '@', length))
        return reference_invalid(err, "A URL carries no user name or password here.");
    const char *end = at[0] == '[' ? memchr(at, ']', length) : NULL;
    size_t host = end ? (size_t)(end - at) + 1 : strcspn(at, ":/?#");
    if (!reference_host_ok(at, host))
        return reference_invalid(err, "The URL has no valid host.");
    if (host < length && (at[host] != ':' || !reference_port_ok(at + host + 1, length - host - 1)))
        return reference_invalid(err, "The URL has no valid port.");
    return 0;
}

int plan_reference_check(const char *reference, bool http_only, struct err *err)
{
    if (!http_only && strncasecmp(reference, "data:", 5) == 0)
        return reference_check_data(reference, err);
    bool secure = strncasecmp(reference, "https://", 8) == 0;
    if (!secure && strncasecmp(reference, "http://", 7) != 0)
        return reference_invalid(err, http_only
                                          ? "The URL begins with http:// or https://."
                                          : "The reference is an http(s) URL or a data: URI.");
    if (strlen(reference) > REFERENCE_URL_MAX)
        return reference_invalid(err, "The URL is longer than 8192 bytes.");
    for (const unsigned char *c = (const unsigned char *)reference; *c; c++) {
        if (*c <= 0x20 || *c == 0x7F || *c == '\\' || *c == '"' || *c == '<' || *c == '>')
            return reference_invalid(err, "The URL contains a character that URLs do not have.");
    }
    return reference_check_authority(reference + (secure ? 8 : 7), err);
}
