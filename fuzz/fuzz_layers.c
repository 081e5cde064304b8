/* The chunks that a picture from outside may carry: found, checked and described, without decoding
 * pictures. */
#include "fuzz.h"

#include "media/layers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layers_parts parts;
    struct layers *layers = layers_new();
    if (layers_find(data, size, &parts))
        layers_read_meta(parts.meta, parts.meta_size, layers);
    else
        layers_read_meta(data, size, layers);
    layers_free(layers);
    return 0;
}
