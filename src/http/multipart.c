#include "http/multipart.h"

#include "base/arena.h"
#include "base/buffer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
    MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046 */
    MULTIPART_HEAD_MAX = 8192,
    MULTIPART_BEFORE = 4 /* what stands before the boundary in the delimiter: CR LF - - */
};

enum multipart_state {
    MULTIPART_PREAMBLE, /* before the first delimiter */
    MULTIPART_AFTER,    /* behind a delimiter: its line ends, or the form does */
    MULTIPART_HEAD,
    MULTIPART_DATA,
    MULTIPART_END,
    MULTIPART_BROKEN
};

struct multipart {
    struct multipart_sink sink;
    enum multipart_state state;
    char delimiter[MULTIPART_BEFORE + MULTIPART_BOUNDARY_MAX];
    size_t delimiter_size;
    size_t matched; /* of the delimiter */
    size_t assumed; /* of what is matched: the line end before it is none of the data */
    struct buffer head;
};

/* --- parameters of a header --------------------------------------------------------------------- */

/* The value of a parameter, quoted or not, in the arena; *at moves behind it. NULL when it is broken. */
static char *multipart_value(struct arena *a, const char **at)
{
    const char *from = *at;
    size_t size = 0;
    if (*from != '"') {
        size = strcspn(from, "; \t\"");
        *at = from + size;
        return size > 0 ? arena_strndup(a, from, size) : NULL;
    }
    char *value = arena_alloc(a, strlen(from));
    for (from++; *from && *from != '"'; from++) {
        /* Some clients escape quotes, others send paths with backslashes. */
        if (from[0] == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        value[size++] = *from;
    }
    *at = from + 1;
    return *from == '"' ? value : NULL;
}

/* Calls visit() for each `; name=value` of the text. False when it is broken. */
static bool multipart_parameters(struct arena *a, const char *text,
                                 void (*visit)(void *context, const char *name, char *value),
                                 void *context)
{
    for (;;) {
        text += strspn(text, " \t");
        if (*text == '\0')
            return true;
        if (*text++ != ';')
            return false;
        text += strspn(text, " \t");
        size_t size = strcspn(text, "=; \t\"");
        if (size == 0 && (*text == '\0' || *text == ';'))
            continue;
        const char *name = arena_strndup(a, text, size);
        if (size == 0 || text[size] != '=')
            return false;
        text += size + 1;
        char *value = multipart_value(a, &text);
        if (!value)
            return false;
        visit(context, name, value);
    }
}

static void multipart_take_boundary(void *context, const char *name, char *value)
{
    const char **boundary = context;
    if (strcasecmp(name, "boundary") == 0)
        *boundary = value;
}

static bool multipart_boundary_good(const char *boundary)
{
    size_t size = strlen(boundary);
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)boundary[i]) && !strchr("'()+_,-./:=? ", boundary[i]))
            return false;
    }
    return size > 0 && size <= MULTIPART_BOUNDARY_MAX && boundary[size - 1] != ' ';
}

/* --- heads of parts ----------------------------------------------------------------------------- */

struct multipart_names {
    const char *name, *file_name;
    bool other_file_name; /* `filename*`, which forms should not have */
};

static void multipart_take_name(void *context, const char *name, char *value)
{
    struct multipart_names *names = context;
    if (strcasecmp(name, "name") == 0)
        names->name = value;
    else if (strcasecmp(name, "filename") == 0)
        names->file_name = value;
    else if (strcasecmp(name, "filename*") == 0)
        names->other_file_name = true;
}

static bool multipart_read_disposition(struct arena *a, const char *value,
                                       struct multipart_names *names)
{
    static const char kind[] = "form-data";
    value += strspn(value, " \t");
    if (strncasecmp(value, kind, sizeof(kind) - 1) != 0)
        return false;
    return multipart_parameters(a, value + sizeof(kind) - 1, multipart_take_name, names);
}

/* The lines of the head, which is a text. */
static bool multipart_read_lines(struct arena *a, char *line, struct multipart_names *names)
{
    static const char wanted[] = "Content-Disposition:";
    int found = 0;
    while (*line) {
        char *end = strstr(line, "\r\n");
        *end = '\0';
        if (strpbrk(line, "\r\n") || !strchr(line, ':') || *line == ' ' || *line == '\t')
            return false;
        if (strncasecmp(line, wanted, sizeof(wanted) - 1) == 0 &&
            (found++ > 0 || !multipart_read_disposition(a, line + sizeof(wanted) - 1, names)))
            return false;
        line = end + 2;
    }
    return true;
}

static bool multipart_begin_part(struct multipart *m)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct multipart_names names = {0};
    size_t size = m->head.size - 2; /* without the empty line */
    if (memchr(m->head.bytes, '\0', size))
        return false;
    if (!multipart_read_lines(a, arena_strndup(a, m->head.bytes, size), &names))
        return false;
    if (!names.file_name && names.other_file_name)
        names.file_name = "";
    m->sink.begin(m->sink.context, names.name, names.file_name);
    return true;
}

/* --- bytes -------------------------------------------------------------------------------------- */

static void multipart_give(struct multipart *m, const char *bytes, size_t size)
{
    if (m->state == MULTIPART_DATA && size > 0)
        m->sink.data(m->sink.context, bytes, size);
}

/* Up to the delimiter, which has one CR only, at its start. Returns how much was taken. */
static size_t multipart_take_data(struct multipart *m, const char *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        if (m->matched == 0) {
            const char *cr = memchr(bytes + at, '\r', size - at);
            size_t plain = cr ? (size_t)(cr - (bytes + at)) : size - at;
            multipart_give(m, bytes + at, plain);
            at += plain;
            if (!cr)
                break;
        }
        if (bytes[at] != m->delimiter[m->matched]) {
            multipart_give(m, m->delimiter + m->assumed, m->matched - m->assumed);
            m->matched = m->assumed = 0; /* the byte may begin the delimiter */
            continue;
        }
        at++;
        if (++m->matched == m->delimiter_size) {
            m->matched = m->assumed = 0;
            m->head.size = 0;
            m->state = MULTIPART_AFTER;
            break;
        }
    }
    return at;
}

/* The line of a delimiter, or the dashes of the last one. */
static void multipart_take_after(struct multipart *m, char c)
{
    buffer_append_char(&m->head, c);
    const char *line = m->head.bytes;
    size_t size = m->head.size;
    if (c == '-' && (size == 1 || (size == 2 && line[0] == '-'))) {
        if (size == 2)
            m->state = MULTIPART_END;
    } else if (c == '\n' && size >= 2 && line[size - 2] == '\r') {
        m->head.size = 0;
        m->state = MULTIPART_HEAD;
    } else if ((c != ' ' && c != '\t' && c != '\r') || size > MULTIPART_HEAD_MAX ||
               (size > 1 && (line[size - 2] == '\r' || line[size - 2] == '-'))) {
        m->state = MULTIPART_BROKEN;
    }
}

static void multipart_take_head(struct multipart *m, char c)
{
    buffer_append_char(&m->head, c);
    size_t size = m->head.size;
    const char *end = m->head.bytes + size;
    bool over = c == '\n' && ((size == 2 && end[-2] == '\r') ||
                              (size >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0));
    if (size > MULTIPART_HEAD_MAX || (over && !multipart_begin_part(m))) {
        m->state = MULTIPART_BROKEN;
    } else if (over) {
        m->state = MULTIPART_DATA;
        m->matched = m->assumed = 2; /* the empty line may end the part */
    }
}

bool multipart_take(struct multipart *m, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        switch (m->state) {
        case MULTIPART_PREAMBLE:
        case MULTIPART_DATA:
            at += multipart_take_data(m, bytes + at, size - at);
            break;
        case MULTIPART_AFTER:
            multipart_take_after(m, bytes[at++]);
            break;
        case MULTIPART_HEAD:
            multipart_take_head(m, bytes[at++]);
            break;
        case MULTIPART_END:
            return true; /* whatever follows is no part */
        case MULTIPART_BROKEN:
            return false;
        }
    }
    return m->state != MULTIPART_BROKEN;
}

/* --- life --------------------------------------------------------------------------------------- */

struct multipart *multipart_new(const char *content_type, const struct multipart_sink *sink)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const char *boundary = NULL;
    const char *parameters = content_type ? strchr(content_type, ';') : NULL;
    if (!parameters || !multipart_parameters(a, parameters, multipart_take_boundary, &boundary) ||
        !boundary || !multipart_boundary_good(boundary))
        return NULL;
    struct multipart *m = mem_alloc(sizeof(*m));
    m->sink = *sink;
    m->delimiter_size = MULTIPART_BEFORE + strlen(boundary);
    memcpy(m->delimiter, "\r\n--", MULTIPART_BEFORE);
    memcpy(m->delimiter + MULTIPART_BEFORE, boundary, strlen(boundary));
    m->matched = m->assumed = 2; /* the first line needs no line end before it */
    return m;
}

bool multipart_is_complete(const struct multipart *m)
{
    return m->state == MULTIPART_END || m->state == MULTIPART_PREAMBLE;
}

void multipart_free(struct multipart *m)
{
    if (!m)
        return;
    buffer_finish(&m->head);
    free(m);
}
