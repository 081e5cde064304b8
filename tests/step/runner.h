/*
 * Runs steps for a test and judges what holds for all of them; a fault fails the cmocka test that runs. In parameters @NAME
 * stands for a file of the test's own folder, %NAME for one that tests/data/make_videos.py made and $NAME for one of the
 * project. One thread.
 */
#ifndef TESTS_STEP_RUNNER_H
#define TESTS_STEP_RUNNER_H

#include "host.h"
#include "shared/judge_video.h"

/* First in main(), with its words: the folder of videos and, if there is a second one, that of the project, whose assets the
 * steps then find. False when it cannot go on; it has said why. */
bool runner_start(int argc, char **argv);

/* Not run yet. */
struct host *runner_open(const char *type, const char *params);
/* Run with success; progress grew to its end. */
struct host *runner_run(const char *type, const char *params);
/* The same for a step whose first result is a video; its record says what the file is. */
struct host *runner_video(const char *type, const char *params, struct judge_facts *ret_facts);
struct judge_frames runner_decode(struct host *host);

/* It fails with the code, the path, and words of the sentence; a step of one result leaves none. */
void runner_fails(const char *type, const char *params, enum err_code code, const char *path,
                  const char *words);
/* The same bytes twice. */
void runner_repeats(const char *type, const char *params);
/* Cancelled at that part of the work it stops; how many results it had handed over by then. */
size_t runner_cancel_at(const char *type, const char *params, double at);
/* It looks whether it is cancelled so often that it stops where it was told to. */
void runner_cancel(const char *type, const char *params);

#endif
