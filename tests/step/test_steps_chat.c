/* chat: what it writes, of what it sees in pictures. Run as "test_steps_chat VIDEOS PROJECT". */
#include "runner.h"

#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <string.h>

static int make_inputs(void **state)
{
    (void)state;
    still_write_flat("blue.png", 300, 200, 3, (const uint8_t[]){20, 40, 220});
    still_write_flat("night.png", 200, 300, 3, (const uint8_t[]){10, 12, 16});
    still_write_flat("snow.png", 200, 200, 3, (const uint8_t[]){250, 250, 252});
    return 0;
}

static void check_words(const char *params, const char *const *words)
{
    struct host *host CLEANUP(host) = runner_run("chat", params);
    const char *text = host->run.outputs[0].text;
    assert_int_equal(host->run.output_count, 1);
    for (; *words; words++) {
        if (!strstr(text, *words))
            fail_msg("%s: \"%s\" has no \"%s\"", params, text, *words);
    }
}

static void test_pictures_are_looked_at(void **state)
{
    (void)state;
    check_words("{'option':'Image2Prompt','image_urls':['@blue.png']}",
                (const char *[]){"blue", "wide", "no model was used", NULL});
    check_words("{'option':'Image2Prompt','image_urls':['@night.png'],'prompt':'A harbour.'}",
                (const char *[]){"black", "low light", "upright", "A harbour", NULL});
    check_words("{'option':'InspireMe','image_urls':['@snow.png','@blue.png']}",
                (const char *[]){"white", "bright light", "square", "; then ", "blue", NULL});
    check_words("{'option':'Image2Prompt','image_urls':['$tests/data/astronaut.png']}",
                (const char *[]){"one person", NULL});
    check_words("{'image_urls':['@blue.png'],'response_format':'json'}",
                (const char *[]){"{\"text\":\"", "blue", "\"model\":null", NULL});
}

static void test_words_alone(void **state)
{
    (void)state;
    check_words("{'option':'RefinePrompt','prompt':'A nurse who smiles. More.'}",
                (const char *[]){"A nurse who smiles, seen through", NULL});
    check_words("{'prompt':'A red boat','system':'A poet'}",
                (const char *[]){"A red boat.", "(A poet)", NULL});
}

static void test_seeds(void **state)
{
    (void)state;
    const char *params = "{'prompt':'A red boat','option':'RefinePrompt'}";
    int others = 0;
    struct host *first CLEANUP(host) = runner_run("chat", params);
    for (uint64_t seed = 1; seed < 10; seed++) {
        struct host *other CLEANUP(host) = runner_open("chat", params);
        other->run.seed = seed;
        assert_int_equal(host_run(other), 0);
        others += strcmp(first->run.outputs[0].text, other->run.outputs[0].text) != 0;
    }
    assert_true(others > 5);
}

static void test_faults(void **state)
{
    (void)state;
    runner_fails("chat", "{'option':'Image2Prompt'}", ERR_INVALID, "/image_urls",
                 "needs a picture");
    runner_fails("chat", "{}", ERR_BAD_INPUT, "/prompt", "needs a prompt");
    runner_fails("chat", "{'option':'Image2Prompt','image_urls':['@blue.png','%text.mp4']}",
                 ERR_BAD_INPUT, "/image_urls/1", "/image_urls/1");
}

int main(int argc, char **argv)
{
    if (!runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures_are_looked_at),
        cmocka_unit_test(test_words_alone),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
