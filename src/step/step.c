#include "step/step.h"

#include "base/table.h"

#include <string.h>

#define STEP(name) extern const struct step_type step_##name;
#include "step/steps.def"
#undef STEP

const struct step_type *const step_types[] = {
#define STEP(name) &step_##name,
#include "step/steps.def"
#undef STEP
};

const size_t step_type_count = TABLE_SIZE(step_types);

const struct step_type *step_type_find(const char *name)
{
    for (size_t i = 0; i < step_type_count; i++) {
        if (strcmp(step_types[i]->name, name) == 0)
            return step_types[i];
    }
    return NULL;
}

bool step_fuse_always(const json_t *params)
{
    (void)params;
    return true;
}

bool step_fuse_of_video(const json_t *params)
{
    const json_t *video = json_object_get(params, "video_url");
    return video && !json_is_null(video);
}

const struct step_param *step_param_find(const struct step_type *type, const char *name)
{
    for (size_t i = 0; i < type->param_count; i++) {
        if (strcmp(type->params[i].name, name) == 0)
            return &type->params[i];
    }
    return NULL;
}

bool step_param_is_media_list(enum step_param_type type)
{
    return type == STEP_PARAM_IMAGES || type == STEP_PARAM_VIDEOS || type == STEP_PARAM_MEDIA_LIST;
}

bool step_param_is_media(enum step_param_type type)
{
    return type == STEP_PARAM_IMAGE || type == STEP_PARAM_VIDEO || type == STEP_PARAM_AUDIO ||
           type == STEP_PARAM_MEDIA || step_param_is_media_list(type);
}
