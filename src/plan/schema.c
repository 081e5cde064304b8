/* What an editor needs to know: step types, components, rules, limits. Made from the tables that
 * check. */
#include "plan/internal.h"

static const char *const schema_param_types[] = {[STEP_PARAM_TEXT] = "text",
                                                 [STEP_PARAM_INTEGER] = "integer",
                                                 [STEP_PARAM_NUMBER] = "number",
                                                 [STEP_PARAM_BOOLEAN] = "boolean",
                                                 [STEP_PARAM_CHOICE] = "choice",
                                                 [STEP_PARAM_COLOR] = "color",
                                                 [STEP_PARAM_GRID] = "grid",
                                                 [STEP_PARAM_TEXTS] = "texts",
                                                 [STEP_PARAM_IMAGE] = "image",
                                                 [STEP_PARAM_IMAGES] = "images",
                                                 [STEP_PARAM_VIDEO] = "video",
                                                 [STEP_PARAM_VIDEOS] = "videos",
                                                 [STEP_PARAM_AUDIO] = "audio",
                                                 [STEP_PARAM_MEDIA] = "media",
                                                 [STEP_PARAM_MEDIA_LIST] = "media_list",
                                                 [STEP_PARAM_OBJECT] = "object"};

static const char *const schema_results[] = {
    [STEP_RESULT_TEXT] = "text",   [STEP_RESULT_IMAGE] = "image", [STEP_RESULT_IMAGES] = "images",
    [STEP_RESULT_VIDEO] = "video", [STEP_RESULT_AUDIO] = "audio", [STEP_RESULT_ANY] = "any"};

static json_t *schema_param(const struct step_param *param)
{
    json_t *row = json_pack("{s:s, s:s, s:b}", "name", param->name, "type",
                            schema_param_types[param->type], "required", param->required);
    if (param->default_json)
        json_object_set_new(row, "default", json_loads(param->default_json, JSON_DECODE_ANY, NULL));
    if (param->min != 0 || param->max != 0) {
        json_object_set_new(row, "min", json_real(param->min));
        json_object_set_new(row, "max", json_real(param->max));
    }
    int length = step_param_length_most(param), items = step_param_items_most(param);
    if (length > 0)
        json_object_set_new(row, "max_length", json_integer(length));
    if (items > 0)
        json_object_set_new(row, "max_items", json_integer(items));
    if (param->values) {
        json_t *values = json_array();
        for (size_t i = 0; param->values[i]; i++)
            json_array_append_new(values, json_string(param->values[i]));
        json_object_set_new(row, "values", values);
    }
    json_object_set_new(row, "description", json_string(param->doc ? param->doc : ""));
    return row;
}

static json_t *schema_steps(void)
{
    json_t *steps = json_array();
    for (size_t i = 0; i < step_type_count; i++) {
        const struct step_type *type = step_types[i];
        json_t *params = json_array();
        for (size_t k = 0; k < type->param_count; k++)
            json_array_append_new(params, schema_param(&type->params[k]));
        json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:o}", "flow",
                                               type->name, "description", type->summary, "result",
                                               schema_results[type->result], "generative",
                                               type->generative, "credits", type->credits,
                                               "timeout_s", type->timeout_s, "params", params));
    }
    return steps;
}

/* What stands behind a root of a reference, in words that an editor can show. */
static json_t *schema_references(void)
{
    return json_pack("{s:s, s:[s], s:[s,s,s,s,s], s:[s,s,s,s,s,s,s], s:[s,s,s], s:s, s:s}",
                     "options", "options.KEY; options.KEY[INDEX] of a list", "inputs", "image_urls",
                     "steps", "url", "urls", "text", "result", "status", "result", "url", "text",
                     "content_type", "width", "height", "duration_ms", "size", "workflow", "id",
                     "title", "event_id", "item",
                     "Of a step with for_each: the item that it runs for.", "index",
                     "Of a step with for_each: the item's number from 0.");
}

static json_t *schema_limits(void)
{
    static const struct {
        const char *name;
        int most;
    } limits[] = {{"definition_bytes", PLAN_DEFINITION_BYTES_MAX},
                  {"expression_length", PLAN_EXPRESSION_LENGTH_MAX},
                  {"expression_depth", PLAN_EXPRESSION_DEPTH_MAX},
                  {"expression_nodes", PLAN_EXPRESSION_NODES_MAX},
                  {"steps", PLAN_STEPS_MAX},
                  {"options", PLAN_OPTIONS_MAX},
                  {"outputs", PLAN_OUTPUTS_MAX},
                  {"fan_out", PLAN_FAN_OUT_MAX},
                  {"extends_depth", PLAN_EXTENDS_DEPTH_MAX},
                  {"faults", PLAN_FAULTS_MAX},
                  {"option_length", PLAN_OPTION_LENGTH_MAX},
                  {"option_items", PLAN_OPTION_ITEMS_MAX},
                  {"option_values", PLAN_OPTION_VALUES_MAX},
                  {"grid_cells", PLAN_GRID_CELLS_MAX},
                  {"max_attempts", PLAN_ATTEMPTS_MAX},
                  {"delay_s", PLAN_DELAY_S_MAX},
                  {"backoff", PLAN_BACKOFF_MAX},
                  {"timeout_s", PLAN_TIMEOUT_S_MAX},
                  {"credits", PLAN_CREDITS_MAX}};
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        json_object_set_new(all, limits[i].name, json_integer(limits[i].most));
    return all;
}

json_t *plan_schema(void)
{
    json_t *components = json_array();
    for (int i = 0; i < OPTION_COMPONENT_COUNT; i++)
        json_array_append_new(components,
                              json_string(option_component_name((enum option_component)i)));
    return json_pack(
        "{s:o, s:o, s:{s:s, s:s, s:[s,s,s,s,s,s], s:o}, s:{s:s, s:[s,s,s,s,s,s,s,s,s,s]}, s:[],"
        " s:o}",
        "step_types", schema_steps(), "components", components, "substitution", "form",
        "{{ value ?? value }}", "rule",
        "A string that is one whole {{...}} keeps the value's type; substituted values are never "
        "scanned again.",
        "roots", "options", "inputs", "steps", "workflow", "item", "index", "references",
        schema_references(), "when", "rule", "A condition without braces that is true or false.",
        "operators", "==", "!=", "<", "<=", ">", ">=", "in", "&&", "||", "!", "functions", "limits",
        schema_limits());
}
