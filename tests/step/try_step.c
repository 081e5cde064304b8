/*
 * Runs one step in this process, without a server and its jail, and writes what comes out: to look
 * at a result, to profile or to debug it.
 *
 *     try_step FLOW PARAMS OUT [LOCAL]        PARAMS and LOCAL are JSON, single quotes stand for
 * double ones; media parameters are paths
 */
#include "host.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static double processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int write_file(struct host *host, size_t index, const char *prefix)
{
    const struct step_output *output = &host->run.outputs[index];
    const char *extension = strrchr(output->content_type, '/') + 1;
    char path[4096];
    size_t size;
    const void *bytes = host_output_bytes(host, index, &size);
    snprintf(path, sizeof(path), "%s-%zu.%s", prefix, index, extension);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(bytes, 1, size, file) == size;
    if (!file || fclose(file) != 0 || !written) {
        fprintf(stderr, "%s could not be written\n", path);
        return 1;
    }
    printf("%s: %s %dx%d %lld ms, %zu bytes\n", path, output->content_type, output->width,
           output->height, (long long)output->duration_ms, size);
    return 0;
}

int main(int argc, char **argv)
{
    struct err err;
    if (argc < 4 || argc > 5) {
        fprintf(stderr, "usage: try_step FLOW PARAMS OUT [LOCAL]\n");
        return 2;
    }
    if (step_process_init(&err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    CLEANUP(host) struct host *host = host_new(argv[1], argv[2], &err);
    if (!host) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    host->asset_directory = "assets";
    if (argc == 5)
        host_set_local(host, argv[4]);
    double before = processor_seconds();
    if (host_run(host) < 0) {
        fprintf(stderr, "%s (%s)\n", host->err.message, host->err.path);
        return 1;
    }
    printf("%.0f ms of processor time\n", 1000 * (processor_seconds() - before));
    if (host->last_note)
        printf("note: %s\n", host->last_note);
    int status = 0;
    for (size_t i = 0; i < host->run.output_count; i++) {
        if (host->run.outputs[i].text)
            printf("%s\n", host->run.outputs[i].text);
        else
            status |= write_file(host, i, argv[3]);
    }
    return status;
}
