/* Files of nets: read and planned without running them. Whatever is taken lies within its block of
 * memory. */
#include "fuzz.h"

#include "media/nn/nn_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct nn_graph *graph;
    struct err err;
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    if (nn_graph_read(a, exact, size, 64, 48, 16, &graph, &err) == 0) {
        FUZZ_CHECK(graph->op_count >= 1 && graph->output_count >= 1);
        for (int i = 0; i <= graph->op_count; i++) {
            const struct nn_tensor *tensor = &graph->tensors[i];
            FUZZ_CHECK(tensor->offset <= graph->block_bytes);
            FUZZ_CHECK(tensor->count * sizeof(float) + 16 <= graph->block_bytes - tensor->offset);
        }
    }
    free(exact);
    arena_free(a);
    return 0;
}
