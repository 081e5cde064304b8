/*
 * Small neural nets on XNNPACK: .net files (tools/models/convert) whose SHA-256 is in models.def, planned into one block of
 * memory, run on the caller's thread. Other files are refused: XNNPACK ends the process on a wrong graph. One thread at a time
 * per net. Tensors are float, height x width x channels.
 */
#ifndef MEDIA_NN_NN_H
#define MEDIA_NN_NN_H

#include "base/cleanup.h"
#include "base/err.h"
#include "media/assets.h"
#include "media/monitor.h"
#include <stddef.h>

/* Reads the CPU's abilities: once per process, before any jail. When it fails nn_open() fails with ERR_UNAVAILABLE. */
int nn_init(struct err *err);

struct nn_net;

struct nn_shape {
    int height, width, channels;
};

/* Opens a row of models.def by its name ("selfie", "face_detector", "face_mesh", "painter_clean", "painter_draw"). `width` and
 * `height` are those of the input for a net that takes any size (the painters), 0 for one that has its own. ERR_NOT_FOUND without the
 * file, ERR_UNAVAILABLE, ERR_TOO_LARGE when the memory plan passes 512 MiB. */
int nn_open(const char *name, const struct media_assets *assets, int width, int height,
            struct nn_net **ret_net, struct err *err);
void nn_free(struct nn_net *net); /* NULL allowed */

float *nn_input(struct nn_net *net, struct nn_shape *ret_shape);
size_t nn_output_count(const struct nn_net *net);
/* In the order of the file; valid until the next run. */
const float *nn_output(const struct nn_net *net, size_t index, struct nn_shape *ret_shape);

/* The input is used up. Asks the monitor (which may be NULL) between operators: ERR_CANCELLED. */
int nn_run(struct nn_net *net, const struct media_monitor *monitor, struct err *err);
/* Memory of tensors and weights in bytes. */
size_t nn_bytes(const struct nn_net *net);

CLEANUP_DEFINE(nn, struct nn_net, nn_free);

#endif
