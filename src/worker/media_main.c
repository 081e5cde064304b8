/* The program of a media worker: started by the server only, see worker.h. */
#include "worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "reeld-worker is started by reeld.\n");
        return 2;
    }
    const struct worker_settings settings = {
        .index = atoi(argv[1]),
        .memory_bytes = strtoull(argv[2], NULL, 10),
        .output_bytes = strtoull(argv[3], NULL, 10),
        .cpu_seconds = atoi(argv[4]),
    };
    return worker_media_main(&settings);
}
