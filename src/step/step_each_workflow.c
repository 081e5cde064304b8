/*
 * each_workflow: another template as one step. The engine runs it as a child of the workflow; the child's outputs are the step's
 * results, its price is charged on top.
 */
#include "step/step.h"

#include "base/table.h"

static const struct step_param each_workflow_params[] = {
    {.name = "template_id",
     .type = STEP_PARAM_TEXT,
     .required = true,
     .max_length = 64,
     .doc = "The template to run: one that comes with the server, or one of the customer's own."},
    {.name = "options",
     .type = STEP_PARAM_OBJECT,
     .default_json = "{}",
     .doc = "Its options, as when a workflow is created."},
    {.name = "image_urls",
     .type = STEP_PARAM_IMAGES,
     .max_items = 64,
     .doc = "Pictures for those of its image options that are left open, in their order."},
};

const struct step_type step_each_workflow = {
    .name = "each_workflow",
    .summary = "Runs another template and takes its outputs.",
    .params = each_workflow_params,
    .param_count = TABLE_SIZE(each_workflow_params),
    .result = STEP_RESULT_ANY,
    .place = STEP_PLACE_ENGINE,
    .credits = 0,
    .weight = 20,
    .timeout_s = 3600,
    .run = NULL,
};
