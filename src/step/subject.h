/* Finding what a picture or video is about and cutting it out, by the parameters of a step: shared by steps that do. */
#ifndef STEP_SUBJECT_H
#define STEP_SUBJECT_H

#include "media/chroma.h"
#include "media/cutout.h"
#include "media/matte.h"
#include "step/step.h"

enum step_subject_kind {
    STEP_SUBJECT_PERSON,
    STEP_SUBJECT_OBJECT, /* before an even ground */
    STEP_SUBJECT_MASK,   /* that was given */
    STEP_SUBJECT_ALPHA,  /* the picture's own transparency */
    STEP_SUBJECT_CHROMA, /* everything but the key colour */
    STEP_SUBJECT_NONE    /* nothing was found */
};

struct step_subject {
    enum step_subject_kind kind;
    struct chroma_key key; /* as asked for, then as the first frame has it */
    bool key_met;
    struct picture *mask; /* 1 channel, as given */
    struct media_assets assets;
    struct matte_stream *stream; /* of a video's people; NULL */
};

void step_subject_finish(struct step_subject *subject);

static inline void cleanup_step_subject(struct step_subject *subject)
{
    step_subject_finish(subject);
}

/* Reads `chroma_key_color`, `chroma_tolerance` and `mask_url`; the kind is then what they say, or STEP_SUBJECT_PERSON, which
 * step_subject_cut() corrects when there is no person. ERR_INVALID, errors of image_load(). */
int step_subject_open(struct step_run *run, struct step_subject *ret_subject, struct err *err);

/* Cuts a photo (RGB or RGBA) or a frame that stands for itself. A blank cut-out when there is nothing; `kind` then says
 * STEP_SUBJECT_NONE, and otherwise how it was found. */
int step_subject_cut(struct step_subject *subject, const struct picture *photo,
                     const struct media_monitor *monitor, struct cutout *ret_cutout,
                     struct err *err);

/* Cuts the next RGB frame of a video in the way of `kind`, which is settled. */
int step_subject_cut_next(struct step_subject *subject, const struct picture *frame,
                          struct cutout *ret_cutout, struct err *err);

#endif
