/* The nets: what they put out against a second implementation, which files are taken, cancelling, the jail. */
#include "media/nn/nn.h"

#include "base/json.h"
#include "base/table.h"
#include "media/nn/nn_graph.h"
#include "media/nn/nn_winograd.h"
#include "nets_fixture.h"
#include "worker/jail.h"

#include <math.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char *const names[] = {"face_detector", "face_mesh", "painter_clean", "painter_draw",
                                    "selfie"};

/* --- goldens: tests/data/nets/README.md --- */

static int triangle(int number, int half)
{
    return abs(number % (2 * half) - half) * 255 / half;
}

static float formula_at(int x, int y, int c)
{
    int value = 2 * triangle(x + 3 * c, 29) + triangle(y + 2 * x + 40 * c, 71) +
                (37 * x + 101 * y + 11 * c) % 64 * 4;
    return (float)(value / 4) / 255;
}

static float part_at(const struct picture *photo, const json_t *part, int x, int y, int c)
{
    int left = (int)json_integer_value(json_array_get(part, 0));
    int top = (int)json_integer_value(json_array_get(part, 1));
    int box = (int)json_integer_value(json_array_get(part, 2)), sum = 0;
    for (int k = 0; k < box * box; k++)
        sum += picture_at(photo, left + x * box + k % box, top + y * box + k / box)[c];
    return (float)(sum / (255.0 * box * box));
}

static void golden_fill(const json_t *golden, const json_t *part, const struct picture *photo,
                        struct nn_net *net)
{
    struct nn_shape shape;
    float low = (float)json_member_number(golden, "low", NAN);
    float high = (float)json_member_number(golden, "high", NAN);
    float *input = nn_input(net, &shape);
    assert_int_equal(shape.width, json_member_integer(golden, "width", 0));
    assert_int_equal(shape.height, json_member_integer(golden, "height", 0));
    assert_int_equal(shape.channels, 3);
    for (int i = 0; i < shape.width * shape.height * 3; i++) {
        int x = i / 3 % shape.width, y = i / 3 / shape.width, c = i % 3;
        float value = json_is_null(part) ? formula_at(x, y, c) : part_at(photo, part, x, y, c);
        input[i] = low + (high - low) * value;
    }
}

/* All outputs, one after the other. */
static float *outputs_of(struct nn_net *net, size_t *ret_count)
{
    struct nn_shape shape;
    float *all = NULL;
    *ret_count = 0;
    for (size_t k = 0; k < nn_output_count(net); k++) {
        const float *values = nn_output(net, k, &shape);
        size_t count = (size_t)shape.height * (size_t)shape.width * (size_t)shape.channels;
        all = mem_resize(all, *ret_count + count, sizeof(float));
        memcpy(all + *ret_count, values, count * sizeof(float));
        *ret_count += count;
    }
    return all;
}

static void golden_compare(const char *name, const json_t *one, double tolerance,
                           const float *values, size_t count)
{
    double sum = 0, squares = 0, worst = 0;
    size_t step = (size_t)json_member_integer(one, "step", 1);
    const json_t *samples = json_object_get(one, "values");
    assert_int_equal(count, json_member_integer(one, "count", 0));
    assert_int_equal(json_array_size(samples), (count + step - 1) / step);
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        sum += value;
        squares += value * value;
        if (i % step != 0)
            continue;
        double golden = json_number_value(json_array_get(samples, i / step));
        worst = fmax(worst, fabs(value - golden));
        if (!(fabs(value - golden) <= tolerance))
            fail_msg("%s: value %zu is %g instead of %g", name, i, value, golden);
    }
    double mean = json_member_number(one, "mean", NAN);
    double root = json_member_number(one, "root_mean_square", NAN);
    double last = json_member_number(one, "last", NAN);
    assert_true(fabs(values[count - 1] - last) <= tolerance);
    assert_true(fabs(sum / (double)count - mean) <= tolerance);
    assert_true(fabs(sqrt(squares / (double)count) - root) <= tolerance);
    printf("  %s: furthest from its golden %.2g, allowed %.2g\n", name, worst, tolerance);
}

static void *read_net(const char *folder, const char *name, const char *ending, size_t *ret_size)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s.%s", folder, name, ending);
    return project_read(path, ret_size);
}

static void test_goldens(void **state)
{
    (void)state;
    struct picture *photo CLEANUP(picture) = fixture_photo("tests/data/astronaut.png");
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        json_t *golden CLEANUP(json) = NULL;
        struct nn_net *net CLEANUP(nn) = NULL;
        const json_t *one;
        size_t k, size;
        const char *text = read_net("tests/data/nets", names[i], "json", &size);
        OK(json_parse(text, size, 1 << 20, &golden, &fault));
        OK(nn_open(names[i], &real_assets, (int)json_member_integer(golden, "width", 0),
                   (int)json_member_integer(golden, "height", 0), &net, &fault));
        assert_int_equal(json_array_size(json_object_get(golden, "cases")), 2);
        json_array_foreach(json_object_get(golden, "cases"), k, one)
        {
            size_t count;
            golden_fill(golden, json_object_get(one, "part"), photo, net);
            OK(nn_run(net, NULL, &fault));
            float *values = outputs_of(net, &count);
            golden_compare(names[i], one, json_member_number(golden, "tolerance", 0), values,
                           count);
            free(values);
        }
    }
}

/* --- which files are taken --- */

static void test_before_init(void **state)
{
    (void)state;
    struct nn_net *net = NULL;
    assert_int_equal(nn_open("selfie", &real_assets, 0, 0, &net, &fault), ERR_UNAVAILABLE);
    assert_string_equal(fault.message, "The nets cannot run on this machine.");
    assert_null(net);
    OK(nn_init(&fault));
}

static int open_changed(const void *bytes, size_t size)
{
    struct project_change change = {"models/selfie.net", bytes, size};
    const struct media_assets assets = {&change, project_asset};
    struct nn_net *net = NULL;
    int rc = nn_open("selfie", &assets, 0, 0, &net, &fault);
    assert_true(rc < 0 || net);
    nn_free(net);
    return rc;
}

static void test_only_tested_files(void **state)
{
    (void)state;
    size_t size, other_size;
    char *bytes = project_read("assets/models/selfie.net", &size);
    const void *other = project_read("assets/models/face_detector.net", &other_size);
    assert_int_equal(open_changed(bytes, size), 0);
    const size_t places[] = {0, 12, 200, size / 2, size - 1};
    for (size_t i = 0; i < TABLE_SIZE(places); i++) {
        bytes[places[i]] ^= 1;
        assert_int_equal(open_changed(bytes, size), ERR_UNAVAILABLE);
        assert_non_null(strstr(fault.message, "selfie is not the one that was tested"));
        bytes[places[i]] ^= 1;
    }
    const size_t cuts[] = {0, 1, 100, size / 2, size - 1};
    for (size_t i = 0; i < TABLE_SIZE(cuts); i++)
        assert_int_equal(open_changed(bytes, cuts[i]), ERR_UNAVAILABLE);
    bytes[size] = 0;
    assert_int_equal(open_changed(bytes, size + 1), ERR_UNAVAILABLE);
    assert_int_equal(open_changed(other, other_size), ERR_UNAVAILABLE);
    assert_int_equal(open_changed(bytes, size), 0);
}

static void test_missing(void **state)
{
    (void)state;
    struct nn_net *net = NULL;
    assert_int_equal(open_changed(NULL, 0), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.message, "models/selfie.net"));
    assert_int_equal(nn_open("no_such", &real_assets, 0, 0, &net, &fault), ERR_NOT_FOUND);
    assert_string_equal(fault.message, "There is no net no_such.");
    assert_null(net);
}

/* --- the reader, behind the check of the hash --- */

static int read_graph(const char *head, size_t blob_size)
{
    struct arena *a CLEANUP(arena) = arena_new();
    struct nn_graph *graph;
    size_t size;
    char *file = arena_printf(a, "reeld-net 1 %zu\n%s", strlen(head), head);
    size = strlen(file);
    char *whole = arena_alloc(a, size + blob_size);
    memcpy(whole, file, size);
    memset(whole + size, 0, blob_size);
    /* Exactly as long as it says: a sanitizer sees every byte too far. */
    char *exact = mem_dup(whole, size + blob_size);
    int rc = nn_graph_read(a, exact, size + blob_size, 8, 8, 16, &graph, &fault);
    free(exact);
    return rc;
}

#define GRAPH(op) "{\"input\":[8,8,3],\"outputs\":[1],\"ops\":[" op "]}"

static void test_reader(void **state)
{
    (void)state;
    static const char sound[] = GRAPH(
        "{\"op\":\"conv\",\"in\":[0],\"kernel\":[3,3],\"channels\":2,\"weights\":[0,54,\"f32\"]}");
    static const char *const broken[] = {
        "",
        "[]",
        "{}",
        GRAPH(""),
        GRAPH("7"),
        GRAPH("{\"op\":\"nothing\",\"in\":[0]}"),
        GRAPH("{\"op\":\"relu\",\"in\":[1]}"),
        GRAPH("{\"op\":\"relu\",\"in\":[-1]}"),
        GRAPH("{\"op\":\"relu\",\"in\":[]}"),
        GRAPH("{\"op\":\"relu\",\"in\":[0,0,0]}"),
        GRAPH("{\"op\":\"add\",\"in\":[0]}"),
        GRAPH("{\"op\":\"max\",\"in\":[0],\"kernel\":[3,3]}"),
        GRAPH("{\"op\":\"shuffle\",\"in\":[0],\"block\":2}"),
        GRAPH("{\"op\":\"widen\",\"in\":[0],\"channels\":2}"),
        GRAPH("{\"op\":\"resize\",\"in\":[0],\"size\":[9000,2]}"),
        GRAPH("{\"op\":\"prelu\",\"in\":[0],\"weights\":[0,2,\"f32\"]}"),
        GRAPH("{\"op\":\"prelu\",\"in\":[0],\"weights\":[0,3,\"f64\"]}"),
        GRAPH("{\"op\":\"prelu\",\"in\":[0],\"weights\":[-4,3,\"f32\"]}"),
        GRAPH("{\"op\":\"prelu\",\"in\":[0],\"weights\":[8000000000,3,\"f32\"]}"),
        GRAPH("{\"op\":\"prelu\",\"in\":[0],\"weights\":[250,3,\"f32\"]}"),
        GRAPH("{\"op\":\"conv\",\"in\":[0],\"kernel\":[9,9],\"channels\":2}"),
        GRAPH("{\"op\":\"conv\",\"in\":[0],\"kernel\":[0,1],\"channels\":2}"),
        GRAPH("{\"op\":\"conv\",\"in\":[0],\"kernel\":[1,1],\"channels\":5000}"),
        GRAPH("{\"op\":\"conv\",\"in\":[0],\"kernel\":[3,3],\"channels\":2,"
              "\"weights\":[0,53,\"f32\"]}"),
        GRAPH("{\"op\":\"depthwise\",\"in\":[0],\"kernel\":[1,1],\"channels\":2,"
              "\"weights\":[0,2,\"f32\"]}"),
        "{\"input\":[8,8,3],\"outputs\":[2],\"ops\":[{\"op\":\"relu\",\"in\":[0]}]}",
        "{\"input\":[8,8,3],\"outputs\":[0],\"ops\":[{\"op\":\"relu\",\"in\":[0]}]}",
        "{\"input\":[8,9000,3],\"outputs\":[1],\"ops\":[{\"op\":\"relu\",\"in\":[0]}]}",
        "{\"input\":[8192,8192,3],\"outputs\":[1],\"ops\":[{\"op\":\"relu\",\"in\":[0]}]}",
    };
    assert_int_equal(read_graph(sound, 256), 0);
    for (size_t i = 0; i < TABLE_SIZE(broken); i++) {
        if (read_graph(broken[i], 256) >= 0)
            fail_msg("taken: %s", broken[i]);
    }
    struct arena *a CLEANUP(arena) = arena_new();
    struct nn_graph *graph;
    static const char *const heads[] = {"", "reeld-net 1 5", "reeld-net 1 5\n{}",
                                        "reeld-net 2 2\n{}", "reeld-net 1 99999999999\n{}"};
    for (size_t i = 0; i < TABLE_SIZE(heads); i++) {
        char *exact = mem_dup(heads[i], strlen(heads[i]) + 1);
        assert_true(nn_graph_read(a, exact, strlen(heads[i]), 8, 8, 16, &graph, &fault) < 0);
        free(exact);
    }
}

/* No two tensors that live at the same time share memory. */
static void test_memory_plan(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        struct arena *a CLEANUP(arena) = arena_new();
        struct nn_graph *graph;
        size_t size;
        const void *bytes = read_net("assets/models", names[i], "net", &size);
        OK(nn_graph_read(a, bytes, size, 64, 48, 16, &graph, &fault));
        for (int j = 0; j <= graph->op_count; j++) {
            const struct nn_tensor *one = &graph->tensors[j];
            size_t end = one->offset + one->count * sizeof(float) + 16;
            assert_true(end <= graph->block_bytes);
            for (int k = 0; k < j; k++) {
                const struct nn_tensor *other = &graph->tensors[k];
                bool together = other->last >= one->first && one->last >= other->first;
                bool apart = other->offset >= end ||
                             one->offset >= other->offset + other->count * sizeof(float) + 16;
                assert_true(apart || !together);
            }
        }
    }
}

static void test_memory_limit(void **state)
{
    (void)state;
    struct nn_net *net = NULL;
    assert_int_equal(nn_open("painter_draw", &real_assets, 2000, 2000, &net, &fault),
                     ERR_TOO_LARGE);
    assert_non_null(strstr(fault.message, "512 MiB"));
    assert_int_equal(nn_open("painter_draw", &real_assets, 0, 0, &net, &fault), ERR_INVALID);
    OK(nn_open("painter_draw", &real_assets, 128, 128, &net, &fault));
    assert_true(nn_bytes(net) < 40u << 20);
    nn_free(net);
}

/* --- cancelling --- */

struct counter {
    int calls, last_call;
    double fraction;
};

static bool count_call(void *context, double fraction)
{
    struct counter *counter = context;
    assert_true(fraction >= counter->fraction && fraction <= 1);
    counter->fraction = fraction;
    return ++counter->calls < counter->last_call;
}

static void fill_formula(struct nn_net *net)
{
    struct nn_shape shape;
    float *input = nn_input(net, &shape);
    for (int i = 0; i < shape.width * shape.height * 3; i++)
        input[i] = formula_at(i / 3 % shape.width, i / 3 / shape.width, i % 3);
}

static void test_cancel(void **state)
{
    (void)state;
    struct nn_net *net CLEANUP(nn) = NULL;
    size_t count;
    OK(nn_open("selfie", &real_assets, 0, 0, &net, &fault));
    fill_formula(net);
    OK(nn_run(net, NULL, &fault));
    float *expected = outputs_of(net, &count);
    static const int stops[] = {1, 2, 50, 136};
    for (size_t i = 0; i < TABLE_SIZE(stops); i++) {
        struct counter counter = {.last_call = stops[i]};
        const struct media_monitor monitor = {&counter, count_call};
        fill_formula(net);
        assert_int_equal(nn_run(net, &monitor, &fault), ERR_CANCELLED);
        assert_int_equal(counter.calls, stops[i]);
    }
    /* It can be used again, and more than once. */
    for (int again = 0; again < 2; again++) {
        struct counter counter = {.last_call = 1000};
        const struct media_monitor monitor = {&counter, count_call};
        fill_formula(net);
        OK(nn_run(net, &monitor, &fault));
        float *values = outputs_of(net, &count);
        assert_memory_equal(values, expected, count * sizeof(float));
        free(values);
    }
    free(expected);
}

/* --- convolutions in fewer multiplications --- */

static float random_weight(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return (float)(*seed >> 8) / (1 << 23) - 1;
}

static float *random_floats(size_t count, uint32_t *seed)
{
    float *floats = mem_array(count + 16, sizeof(float)); /* XNNPACK reads a little beyond */
    for (size_t i = 0; i < count; i++)
        floats[i] = random_weight(seed);
    return floats;
}

static double convolved_at(const struct nn_op *op, struct nn_shape in, const float *x, int column,
                           int row, int channel)
{
    double sum = op->bias ? op->bias[channel] : 0;
    for (int k = 0; k < 9; k++) {
        int from_x = column + k % 3 - op->pad[3], from_y = row + k / 3 - op->pad[0];
        if (from_x < 0 || from_y < 0 || from_x >= in.width || from_y >= in.height)
            continue;
        const float *pixel = x + (from_y * in.width + from_x) * in.channels;
        const float *weights = op->weights + (channel * 9 + k) * in.channels;
        for (int c = 0; c < in.channels; c++)
            sum += (double)pixel[c] * weights[c];
    }
    return fmin(fmax(sum, op->min), op->max);
}

static void check_winograd(struct nn_op *op, struct nn_shape in, uint32_t *seed)
{
    struct nn_shape out = {in.height + op->pad[0] + op->pad[2] - 2,
                           in.width + op->pad[1] + op->pad[3] - 2, op->channels};
    size_t in_count = (size_t)(in.width * in.height * in.channels),
           out_count = (size_t)(out.width * out.height * out.channels);
    float *x = random_floats(in_count, seed), *y = random_floats(out_count, seed);
    float guard = y[out_count];
    op->weights = random_floats((size_t)(op->channels * 9 * in.channels), seed);
    assert_true(nn_winograd_suits(op, in, out));
    struct nn_winograd *winograd = nn_winograd_new(op, in, x, out, y);
    assert_non_null(winograd);
    float *scratch = mem_alloc(nn_winograd_scratch(winograd));
    assert_true(nn_winograd_run(winograd, scratch));
    for (size_t i = 0; i < out_count; i++) {
        int pixel = (int)i / out.channels;
        double exact =
            convolved_at(op, in, x, pixel % out.width, pixel / out.width, (int)i % out.channels);
        assert_true(fabs(y[i] - exact) < 2e-4); /* of sums of hundreds of products */
    }
    assert_true(y[out_count] == guard);
    nn_winograd_free(winograd);
    free(op->weights);
    free(scratch);
    free(x);
    free(y);
}

/* Any size and padding, with and without bias and bounds; and only what it is made for. */
static void test_fewer_multiplications(void **state)
{
    (void)state;
    static const int pads[][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {2, 0, 1, 1}};
    uint32_t seed = 5;
    for (int i = 0; i < 6; i++) {
        struct nn_op op = {.kind = NN_conv,
                           .kernel = {3, 3},
                           .stride = 1,
                           .channels = 32 + 8 * (i % 2),
                           .min = i % 3 == 1 ? 0 : -INFINITY,
                           .max = i % 3 == 2 ? 3 : INFINITY};
        struct nn_shape in = {35 + i, 39 - i, 32 + 8 * (i % 3)};
        memcpy(op.pad, pads[i % 3], sizeof(op.pad));
        op.bias = i < 4 ? random_floats((size_t)op.channels, &seed) : NULL;
        check_winograd(&op, in, &seed);
        struct nn_shape small = {8, 8, op.channels}, large = {64, 64, op.channels};
        assert_false(nn_winograd_suits(&op, in, small));
        op.stride = 2;
        assert_false(nn_winograd_suits(&op, in, large));
        free(op.bias);
    }
}

/* --- the jail --- */

static int run_into(const char *name, float *result, size_t room)
{
    struct nn_net *net CLEANUP(nn) = NULL;
    size_t count;
    if (nn_open(name, &real_assets, 40, 40, &net, &fault) < 0)
        return 1;
    fill_formula(net);
    if (nn_run(net, NULL, &fault) < 0)
        return 2;
    float *values = outputs_of(net, &count);
    bool fits = count <= room;
    memcpy(result, values, (fits ? count : room) * sizeof(float));
    free(values);
    return fits ? 0 : 3;
}

/* The same bytes inside and outside: a library that is silently denied something may answer with a wrong result. */
static void test_jail_gives_the_same(void **state)
{
    (void)state;
    enum { ROOM = 2 * 256 * 256 };
    static const struct jail_limits limits = {2ULL << 30, 1 << 20, 64};
    size_t bytes = ROOM * sizeof(float);
    float *inside = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    float *outside = mem_alloc(bytes);
    assert_true(inside != MAP_FAILED);
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        int status;
        memset(inside, 0, bytes);
        memset(outside, 0, bytes);
        assert_int_equal(run_into(names[i], outside, ROOM), 0); /* reads the file, too */
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            _exit(jail_enter(JAIL_MEDIA, &limits, &fault) < 0 ? 99
                                                              : run_into(names[i], inside, ROOM));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_memory_equal(inside, outside, bytes);
    }
    munmap(inside, bytes);
    free(outside);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_init), /* first */
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_only_tested_files),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_reader),
        cmocka_unit_test(test_memory_plan),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_fewer_multiplications),
        cmocka_unit_test(test_jail_gives_the_same),
    };
    return fixture_start(argc, argv) ? cmocka_run_group_tests(tests, NULL, project_close) : 2;
}
