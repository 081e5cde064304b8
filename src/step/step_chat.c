/*
 * chat: text from text. The local writer is rule-based and deterministic; it says in its result that no model was used.
 */
#include "step/step.h"

#include "base/table.h"

#include <ctype.h>
#include <string.h>

static const char *const chat_options[] = {"InspireMe", "SuggestPrompt", "RefinePrompt",
                                           "Image2Prompt", NULL};
static const char *const chat_formats[] = {"text", "json", NULL};

static const struct step_param chat_params[] = {
    {.name = "prompt",
     .type = STEP_PARAM_TEXT,
     .doc = "What to write about, or the text to work on."},
    {.name = "system", .type = STEP_PARAM_TEXT, .doc = "How to write: a role or a tone."},
    {.name = "image_urls",
     .type = STEP_PARAM_IMAGES,
     .max_items = 8,
     .doc = "Pictures the text is about."},
    {.name = "option",
     .type = STEP_PARAM_CHOICE,
     .values = chat_options,
     .doc = "A ready-made task: an idea, a suggested or a refined prompt, or a prompt out of what "
            "pictures show."},
    {.name = "response_format",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"text\"",
     .values = chat_formats,
     .doc = "Plain text, or a JSON object with the members text and model."},
};

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/describe.h"
#include "media/image.h"

/* Larger pictures say no more. */
enum { CHAT_PICTURE_SIDE = 960 };

static const char chat_signature[] = "(Written by rules; no model was used.)";

static const char *const chat_lights[] = {
    "soft morning light", "golden evening light", "a single warm key light",
    "cool moonlight with a warm rim", "bright overcast daylight"};
static const char *const chat_lenses[] = {
    "a 35 mm lens at eye level", "an 85 mm portrait lens, shallow focus",
    "a wide 24 mm lens close to the ground", "a 50 mm lens, natural perspective"};
static const char *const chat_moods[] = {"calm and confident", "playful and full of energy",
                                         "quiet and intimate", "grand and cinematic"};
static const char *const chat_ideas[] = {"a street musician lit by shop windows after rain",
                                         "a paper boat crossing a puddle that mirrors a skyline",
                                         "a baker opening the oven before dawn, flour in the air",
                                         "a cyclist passing a wall of torn posters",
                                         "an old lighthouse with its lamp lit in fog",
                                         "a market stall of oranges under a striped awning"};

static const char *chat_pick(uint64_t *seed, const char *const *list, size_t count)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return list[(*seed >> 33) % count];
}

/* The first sentence of a text without blanks around it and without its full stop. */
static const char *chat_first_sentence(struct arena *a, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strcspn(text, ".!?\n");
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    return arena_strndup(a, text, length);
}

static const char *chat_refine(struct arena *a, const char *subject, uint64_t seed)
{
    const char *light = chat_pick(&seed, chat_lights, TABLE_SIZE(chat_lights));
    const char *lens = chat_pick(&seed, chat_lenses, TABLE_SIZE(chat_lenses));
    const char *mood = chat_pick(&seed, chat_moods, TABLE_SIZE(chat_moods));
    return arena_printf(
        a,
        "%s, seen through %s in %s; the mood is %s. Clean background, one clear subject, natural "
        "skin and material textures, no text.",
        subject, lens, light, mood);
}

/* What a picture shows becomes a prompt: its own light stays. */
static const char *chat_of_picture(struct arena *a, const char *seen, const char *subject,
                                   uint64_t seed)
{
    return arena_printf(a, "%c%s%s%s. Seen through %s; the mood is %s.",
                        toupper((unsigned char)*seen), seen + 1, *subject ? ": " : "", subject,
                        chat_pick(&seed, chat_lenses, TABLE_SIZE(chat_lenses)),
                        chat_pick(&seed, chat_moods, TABLE_SIZE(chat_moods)));
}

/* `seen` is what the pictures show, NULL without any. */
static const char *chat_write(struct step_run *run, const char *option, const char *prompt,
                              const char *system, const char *seen)
{
    struct arena *a = run->arena;
    uint64_t seed = run->seed;
    const char *subject = chat_first_sentence(a, prompt);
    const char *idea = chat_pick(&seed, chat_ideas, TABLE_SIZE(chat_ideas));
    if (option && seen && (strcmp(option, "RefinePrompt") != 0 || !*subject))
        return chat_of_picture(a, seen, subject, seed);
    if (option && strcmp(option, "InspireMe") == 0)
        return *subject ? arena_printf(a, "%s meets %s.", subject, idea)
                        : arena_printf(a, "Picture %s.", idea);
    if (option)
        return chat_refine(a, *subject ? subject : idea, seed);
    const char *topic = *subject ? subject : seen ? seen : idea;
    if (system)
        return arena_printf(
            a,
            "%s. In the voice asked for (%s): keep it short, show one thing, end on an invitation.",
            topic, chat_first_sentence(a, system));
    return arena_printf(a, "%s. Keep it short, show one thing, end on an invitation.", topic);
}

static int chat_look(struct step_part *part, const struct step_input *input, const char **ret_seen,
                     struct err *err)
{
    struct step_run *run = part->run;
    const struct media_assets assets = {run, step_run_asset};
    const struct media_monitor monitor = {part, step_part_advance};
    struct portrait *portrait CLEANUP(portrait) = NULL;
    struct picture *photo = NULL;
    int rc = image_load(input->fd, input->path, CHAT_PICTURE_SIDE, CHAT_PICTURE_SIDE,
                        IMAGE_FIT_WITHIN, &photo, err);
    if (rc == 0)
        rc = portrait_open(photo, &assets, &monitor, &portrait, err);
    if (rc == 0)
        *ret_seen = describe_picture(run->arena, portrait);
    return rc;
}

/* What all pictures show, one after the other; NULL without any. */
static int chat_look_at_all(struct step_run *run, const char **ret_seen, struct err *err)
{
    const struct step_input *const *images;
    size_t count = step_run_inputs(run, "image_urls", &images);
    *ret_seen = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *seen = NULL;
        struct step_part part = {run, (double)i / (double)count, 1 / (double)count};
        int rc = chat_look(&part, images[i], &seen, err);
        if (rc < 0)
            return rc;
        *ret_seen = *ret_seen ? arena_printf(run->arena, "%s; then %s", *ret_seen, seen) : seen;
    }
    return 0;
}

static int chat_run(struct step_run *run, struct err *err)
{
    const char *prompt = step_run_text(run, "prompt");
    const char *option = step_run_text(run, "option");
    const char *format = step_run_text(run, "response_format");
    const char *seen = NULL;
    int rc = chat_look_at_all(run, &seen, err);
    if (rc < 0)
        return rc;
    if (!prompt && !option && !seen)
        return err_set(err, ERR_BAD_INPUT, "/prompt",
                       "chat needs a prompt, an option or pictures.");
    if (option && strcmp(option, "Image2Prompt") == 0 && !seen)
        return err_set(err, ERR_INVALID, "/image_urls",
                       "Image2Prompt needs a picture in image_urls.");
    const char *text =
        chat_write(run, option, prompt ? prompt : "", step_run_text(run, "system"), seen);
    if (format && strcmp(format, "json") == 0) {
        CLEANUP(json) json_t *body = json_pack("{s:s, s:n}", "text", text, "model");
        step_run_add_text(run, json_arena_text(run->arena, body));
    } else {
        step_run_add_text(run, arena_printf(run->arena, "%s\n\n%s", text, chat_signature));
    }
    run->provider = "local";
    return step_run_progress(run, 1, err);
}

#endif

const struct step_type step_chat = {
    .name = "chat",
    .summary = "Writes, suggests or refines a text; the local writer follows rules and says so.",
    .params = chat_params,
    .param_count = TABLE_SIZE(chat_params),
    .result = STEP_RESULT_TEXT,
    .place = STEP_PLACE_MEDIA,
    .generative = true,
    .credits = 1,
    .weight = 0.05,
    .timeout_s = 60,
    .run = STEP_RUN(chat_run),
};
