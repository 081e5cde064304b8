#include "plan/expr.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * DESIGN. Recursive descent over one string. Depth and nodes are counted, so that the stack is
 * bounded whatever comes. The first fault ends the parse; its column counts from 1 in the whole
 * string.
 */
struct parser {
    struct arena *arena;
    const char *start, *at;
    bool in_braces; /* the expression ends at }} */
    int depth, nodes;
    struct expr_fault *fault;
    bool failed;
};

static struct expr *parse_or(struct parser *p);
static struct expr *parse_value(struct parser *p);

/* Characters, not bytes: it is shown to people. */
static int parser_column(const struct parser *p, const char *at)
{
    int column = 1;
    for (const char *c = p->start; c < at; c++)
        column += ((unsigned char)*c & 0xC0) != 0x80;
    return column;
}

static void *parser_fail(struct parser *p, const char *at, const char *message)
{
    if (!p->failed)
        *p->fault = (struct expr_fault){parser_column(p, at), message};
    p->failed = true;
    return NULL;
}

static void parser_blank(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n' || *p->at == '\r')
        p->at++;
}

static bool parser_take(struct parser *p, const char *token)
{
    size_t length = strlen(token);
    parser_blank(p);
    if (strncmp(p->at, token, length) != 0)
        return false;
    p->at += length;
    return true;
}

static struct expr *parser_node(struct parser *p, enum expr_kind kind, const char *at)
{
    if (++p->nodes > PLAN_EXPRESSION_NODES_MAX)
        return parser_fail(p, at, "The expression has too many parts.");
    struct expr *node = arena_alloc(p->arena, sizeof(*node));
    node->kind = kind;
    node->column = parser_column(p, at);
    node->step = -1;
    return node;
}

static void parser_release(void *object)
{
    json_decref(object);
}

static struct expr *parser_literal(struct parser *p, const char *at, json_t *value)
{
    if (!value)
        return parser_fail(p, at, "The text is not valid UTF-8.");
    arena_defer(p->arena, parser_release, value);
    struct expr *node = parser_node(p, EXPR_LITERAL, at);
    if (node)
        node->literal = value;
    return node;
}

static size_t parser_name_length(const char *at)
{
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    return length;
}

static struct expr *parse_text_literal(struct parser *p)
{
    const char *begin = p->at;
    const char *end = strchr(begin + 1, *begin);
    if (!end)
        return parser_fail(p, begin, "The text is not closed.");
    p->at = end + 1;
    return parser_literal(p, begin, json_stringn(begin + 1, (size_t)(end - begin - 1)));
}

/* As JSON writes numbers. */
static struct expr *parse_number(struct parser *p)
{
    const char *begin = p->at;
    char *end;
    double number = strtod(begin, &end);
    size_t length = strspn(begin, "+-0123456789.eE");
    const char *digits = begin + (*begin == '-'), *point = memchr(begin, '.', length);
    bool odd = !isdigit((unsigned char)*digits) ||
               (*digits == '0' && isdigit((unsigned char)digits[1])) ||
               (point && !isdigit((unsigned char)point[1]));
    if (odd || end != begin + length || !isfinite(number))
        return parser_fail(p, begin, "This is no number.");
    p->at = end;
    bool whole = strcspn(begin, ".eE") >= length && fabs(number) < 9e15;
    return parser_literal(p, begin, whole ? json_integer((json_int_t)number) : json_real(number));
}

static struct expr *parse_list(struct parser *p)
{
    const char *begin = p->at++;
    struct expr *list = parser_node(p, EXPR_LIST, begin);
    struct expr **last = list ? &list->first : NULL;
    if (!list || parser_take(p, "]"))
        return list;
    if (++p->depth > PLAN_EXPRESSION_DEPTH_MAX)
        return parser_fail(p, begin, "The expression nests too deep.");
    do {
        struct expr *item = parse_value(p);
        if (!item)
            return NULL;
        *last = item;
        last = &item->next;
    } while (parser_take(p, ","));
    if (!parser_take(p, "]"))
        return parser_fail(p, p->at, "Here , or ] is expected.");
    p->depth--;
    return list;
}

static bool parse_parts(struct parser *p, struct expr *reference)
{
    struct expr_part parts[PLAN_EXPRESSION_DEPTH_MAX];
    size_t count = 0;
    while (*p->at == '.' || *p->at == '[') {
        if (count == PLAN_EXPRESSION_DEPTH_MAX)
            return parser_fail(p, p->at, "The reference has too many parts.");
        if (*p->at == '.') {
            size_t length = parser_name_length(++p->at);
            if (length == 0)
                return parser_fail(p, p->at, "Here a name is expected.");
            parts[count++] = (struct expr_part){arena_strndup(p->arena, p->at, length), 0};
            p->at += length;
        } else {
            char *end;
            const char *digits = ++p->at;
            long index = strtol(digits, &end, 10);
            if (!isdigit((unsigned char)*digits) || *end != ']' || index > 1000000)
                return parser_fail(p, digits, "Here a whole number and ] are expected.");
            parts[count++] = (struct expr_part){NULL, index};
            p->at = end + 1;
        }
    }
    reference->parts = arena_memdup(p->arena, parts, count * sizeof(*parts));
    reference->part_count = count;
    return true;
}

static struct expr *parse_word(struct parser *p)
{
    static const char *const roots[] = {"options", "inputs", "steps", "workflow", "item", "index"};
    const char *begin = p->at;
    size_t length = parser_name_length(begin);
    const char *word = arena_strndup(p->arena, begin, length);
    p->at += length;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        return parser_literal(p, begin, json_boolean(*word == 't'));
    if (strcmp(word, "null") == 0)
        return parser_literal(p, begin, json_null());
    for (int i = 0; i < 6; i++) {
        if (strcmp(word, roots[i]) != 0)
            continue;
        struct expr *reference = parser_node(p, EXPR_REFERENCE, begin);
        if (!reference || !parse_parts(p, reference))
            return NULL;
        reference->root = (enum expr_root)i;
        return reference;
    }
    return parser_fail(p, begin,
                       "A reference begins with options, inputs, steps, workflow, item or index.");
}

static struct expr *parse_value(struct parser *p)
{
    parser_blank(p);
    char c = *p->at;
    if (c == '\'' || c == '"')
        return parse_text_literal(p);
    if (c == '-' || isdigit((unsigned char)c))
        return parse_number(p);
    if (c == '[')
        return parse_list(p);
    if (c == '(') {
        p->at++;
        struct expr *inner = parse_or(p);
        if (inner && !parser_take(p, ")"))
            return parser_fail(p, p->at, "Here ) is expected.");
        return inner;
    }
    if (isalpha((unsigned char)c) || c == '_')
        return parse_word(p);
    if (c == '{' || c == '}')
        return parser_fail(p, p->at,
                           p->in_braces ? "Braces do not nest."
                                        : "A condition is written without braces.");
    return parser_fail(p, p->at,
                       c ? "Here a value is expected." : "The expression ends too early.");
}

static struct expr *parse_compare(struct parser *p)
{
    static const struct {
        const char *token;
        enum expr_operator operation;
    } operators[] = {{"==", EXPR_EQ}, {"!=", EXPR_NE}, {"<=", EXPR_LE},
                     {">=", EXPR_GE}, {"<", EXPR_LT},  {">", EXPR_GT}};
    struct expr *left = parse_value(p);
    if (!left)
        return NULL;
    parser_blank(p);
    const char *at = p->at;
    int operation = -1;
    for (size_t i = 0; i < 6 && operation < 0; i++)
        operation = parser_take(p, operators[i].token) ? (int)operators[i].operation : -1;
    if (operation < 0 && strncmp(at, "in", 2) == 0 && parser_name_length(at) == 2) {
        p->at += 2;
        operation = EXPR_IN;
    }
    if (operation < 0)
        return left;
    struct expr *right = parse_value(p);
    struct expr *node = right ? parser_node(p, EXPR_COMPARE, at) : NULL;
    if (!node)
        return NULL;
    node->operation = (enum expr_operator)operation;
    node->first = left;
    left->next = right;
    return node;
}

static struct expr *parse_not(struct parser *p)
{
    const char *first = NULL;
    int count = 0;
    parser_blank(p);
    while (*p->at == '!' && p->at[1] != '=') {
        first = first ? first : p->at;
        p->at++;
        count++;
        parser_blank(p);
    }
    struct expr *inner = parse_compare(p);
    for (int i = 0; i < count && inner; i++) {
        struct expr *node = parser_node(p, EXPR_NOT, first);
        if (node)
            node->first = inner;
        inner = node;
    }
    return inner;
}

static struct expr *parse_chain(struct parser *p, struct expr *(*parse)(struct parser *p),
                                const char *token, enum expr_kind kind)
{
    struct expr *left = parse(p);
    while (left) {
        parser_blank(p);
        const char *at = p->at;
        if (!parser_take(p, token))
            return left;
        struct expr *right = parse(p);
        struct expr *node = right ? parser_node(p, kind, at) : NULL;
        if (!node)
            return NULL;
        node->first = left;
        left->next = right;
        left = node;
    }
    return NULL;
}

static struct expr *parse_and(struct parser *p)
{
    return parse_chain(p, parse_not, "&&", EXPR_AND);
}

static struct expr *parse_or(struct parser *p)
{
    if (++p->depth > PLAN_EXPRESSION_DEPTH_MAX)
        return parser_fail(p, p->at, "The expression nests too deep.");
    struct expr *expr = parse_chain(p, parse_and, "||", EXPR_OR);
    p->depth--;
    return expr;
}

static bool parser_too_long(struct parser *p, const char *at, size_t length)
{
    if (length > PLAN_EXPRESSION_LENGTH_MAX)
        parser_fail(p, at,
                    arena_printf(p->arena, "An expression has at most %d bytes.",
                                 PLAN_EXPRESSION_LENGTH_MAX));
    return p->failed;
}

struct expr *expr_parse_when(struct arena *a, const char *text, struct expr_fault *ret_fault)
{
    struct parser p = {.arena = a, .start = text, .at = text, .fault = ret_fault};
    if (parser_too_long(&p, text, strlen(text)))
        return NULL;
    struct expr *expr = parse_or(&p);
    parser_blank(&p);
    if (!expr || *p.at == '\0')
        return expr;
    if (*p.at == '{' || *p.at == '}')
        return parser_fail(&p, p.at, "A condition is written without braces.");
    if (strncmp(p.at, "??", 2) == 0)
        return parser_fail(&p, p.at, "?? belongs into {{ }}, not into a condition.");
    return parser_fail(&p, p.at,
                       "Here the expression should end, or go on with &&, || or a comparison.");
}

/* val {"??" val}, up to the closing braces. */
static struct expr *parse_coalesce(struct parser *p)
{
    struct expr *first = parse_value(p);
    parser_blank(p);
    if (!first || strncmp(p->at, "??", 2) != 0)
        return first;
    struct expr *node = parser_node(p, EXPR_COALESCE, p->at);
    struct expr **last = &first->next;
    if (!node)
        return NULL;
    node->first = first;
    while (parser_take(p, "??")) {
        struct expr *more = parse_value(p);
        if (!more)
            return NULL;
        *last = more;
        last = &more->next;
    }
    return node;
}

static struct expr_text *expr_piece(struct arena *a, struct expr_text ***last)
{
    struct expr_text *piece = arena_alloc(a, sizeof(*piece));
    **last = piece;
    *last = &piece->next;
    return piece;
}

struct expr_text *expr_parse_text(struct arena *a, const char *text, struct expr_fault *ret_fault)
{
    struct expr_text *first = NULL, **last = &first;
    struct parser p = {
        .arena = a, .start = text, .at = text, .in_braces = true, .fault = ret_fault};
    const char *open;
    while ((open = strstr(p.at, "{{"))) {
        if (open > p.at)
            expr_piece(a, &last)->text = arena_strndup(a, p.at, (size_t)(open - p.at));
        if (!strstr(open, "}}"))
            return parser_fail(&p, open, "These braces are not closed.");
        p.at = open + 2;
        struct expr *expr = parse_coalesce(&p);
        if (!expr)
            return NULL;
        if (!parser_take(&p, "}}"))
            return parser_fail(&p, p.at, "Here }} or ?? is expected.");
        if (parser_too_long(&p, open, (size_t)(p.at - open) - 4))
            return NULL;
        expr_piece(a, &last)->expr = expr;
    }
    if (*p.at || !first)
        expr_piece(a, &last)->text = arena_strdup(a, p.at);
    return first;
}

bool expr_text_is_whole(const struct expr_text *text)
{
    return text->expr && !text->next;
}
