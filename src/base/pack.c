#include "base/pack.h"

#include "base/arena.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { PACK_INDEX_BYTES_MAX = 4 << 20, PACK_HEAD_BYTES_MAX = 64 };

struct pack {
    const char *bytes;
    json_t *index; /* checked: every member is [offset, size] within the bytes */
};

static int pack_fault(struct err *err)
{
    return err_set(err, ERR_INVALID, NULL, "The asset pack is broken.");
}

static bool pack_index_is_sound(const json_t *index, size_t size)
{
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)index, name, entry)
    {
        json_int_t offset = json_integer_value(json_array_get(entry, 0));
        json_int_t length = json_integer_value(json_array_get(entry, 1));
        if (json_array_size(entry) != 2 || offset < 0 || length < 0 || (size_t)offset > size ||
            (size_t)length > size - (size_t)offset)
            return false;
    }
    return true;
}

int pack_open(const void *bytes, size_t size, struct pack **ret_pack, struct err *err)
{
    char head[PACK_HEAD_BYTES_MAX];
    const char *end = memchr(bytes, '\n', size < sizeof(head) ? size : sizeof(head) - 1);
    size_t index_size;
    if (!end)
        return pack_fault(err);
    size_t head_size = (size_t)(end - (const char *)bytes);
    memcpy(head, bytes, head_size);
    head[head_size] = '\0';
    if (sscanf(head, "reeld-pack 1 %zu", &index_size) != 1 || index_size > PACK_INDEX_BYTES_MAX ||
        index_size > size - head_size - 1)
        return pack_fault(err);
    CLEANUP(json) json_t *index = NULL;
    int rc = json_parse(end + 1, index_size, PACK_INDEX_BYTES_MAX, &index, err);
    if (rc < 0)
        return rc;
    if (!json_is_object(index) || !pack_index_is_sound(index, size))
        return pack_fault(err);
    struct pack *pack = mem_alloc(sizeof(*pack));
    pack->bytes = bytes;
    pack->index = TAKE(index);
    *ret_pack = pack;
    return 0;
}

int pack_find(const struct pack *pack, const char *name, const void **ret_bytes, size_t *ret_size,
              struct err *err)
{
    const json_t *entry = json_object_get(pack->index, name);
    if (!entry)
        return err_set(err, ERR_NOT_FOUND, name, "The asset pack has no %s.", name);
    *ret_bytes = pack->bytes + json_integer_value(json_array_get(entry, 0));
    *ret_size = (size_t)json_integer_value(json_array_get(entry, 1));
    return 0;
}

void pack_close(struct pack *pack)
{
    if (!pack)
        return;
    json_decref(pack->index);
    free(pack);
}
