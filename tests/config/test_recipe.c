/* Recipes: what is written is read; what exports wrote once as well; what says nothing is none. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "config/recipe.h"

static const char request[] = "{\"prompt\":\"a \\\"red\\\" fox\",\"seed\":77,\"frames\":9,\"model\":\"/m/x\"}";

TEST(there_and_back)
{
    struct request r;
    struct dn_error err;
    char *recipe = recipe_of("x", "abc", request);
    CHECK(recipe && strstr(recipe, "\"name\":\"x\"") && strstr(recipe, "\"sha256\":\"abc\""));
    CHECK(recipe && !strstr(recipe, "/m/x")); /* no path of this machine */
    request_init(&r);
    CHECK_OK(recipe && recipe_read(recipe, &r, &err), err);
    CHECK_STR(r.prompt, "a \"red\" fox");
    CHECK(r.seed == 77 && r.frames == 9 && !r.model_dir);
    request_done(&r);
    free(recipe);
    CHECK(!recipe_of("x", "", "{}") && !recipe_of("x", "", "") && !recipe_of("x", "", "{\"a\":1}"));
}

TEST(a_request_alone)
{
    struct request r;
    struct dn_error err;
    request_init(&r);
    CHECK_OK(recipe_read("{\"prompt\": \"a fox\", \"seed\": 5}", &r, &err), err);
    CHECK_STR(r.prompt, "a fox");
    static const char *const bad[] = {"", "[]", "{}", "{\"seed\":1}", "{\"request\":5}", "{\"prompt\":5}",
                                      "{\"prompt\":\"x\",\"model\":\"/etc\"}",
                                      "{\"request\":{\"prompt\":\"x\",\"output\":\"/etc/passwd\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_MSG(!recipe_read(bad[i], &r, &err), "%s", bad[i]);
    CHECK(r.seed == 5 && strcmp(r.prompt, "a fox") == 0); /* as before */
    request_done(&r);
}

TESTS(T(there_and_back), T(a_request_alone))
