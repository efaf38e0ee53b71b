/* elsewhere: clips that were imported are made again in the studio: what their recipe does not tell
 * is the studio's. Run from the top folder. */
#define _GNU_SOURCE
#include "vt_session.h"

enum { WAIT_MS = 30000 };

/* Is text in what show says of the newest clip? */
static bool newest_has(const char *text)
{
    char line[512];
    snprintf(line, sizeof line, "%s show last --json | grep -qF '%s'", vt_program(), text);
    return system(line) == 0;
}

TEST(varied_and_redone)
{
    char prompt[] = "something else", line[480];
    vt_make_home();
    snprintf(line, sizeof line,
             "generate --local 'a red square' -m configs/demo --size 64x64 --frames 5 --seed 7 -q "
             "-o %s/with.mp4",
             vt_home);
    CHECK(vt_command(line) == 0);
    snprintf(line, sizeof line,
             "generate --local 'a blue star' -m configs/demo --size 32x32 --frames 5 --no-recipe -q "
             "-o '%s/a star.mp4'",
             vt_home);
    CHECK(vt_command(line) == 0);
    snprintf(line, sizeof line, "import %s/with.mp4", vt_home);
    CHECK(vt_command(line) == 0);
    snprintf(line, sizeof line, "import '%s/a star.mp4'", vt_home);
    CHECK(vt_command(line) == 0);

    struct vt_session *v = vt_studio(30, 100, prompt);
    CHECK(vt_wait(v, "engine ready", WAIT_MS));
    vt_type(v, "\033OQ/\025square\r"); /* F2 */
    CHECK(vt_wait(v, "1 clip", WAIT_MS));
    vt_type(v, "V");
    CHECK(vt_wait(v, "vary      of #1", WAIT_MS) && vt_wait(v, "took ", WAIT_MS));
    CHECK(newest_has("\"prompt\":\"a red square\"") && newest_has("\"size\":\"64x64\""));
    CHECK(newest_has("\"origin\":\"vary\"") && newest_has("\"model\":\"demo\"") && newest_has("\"parent\":1,"));
    vt_type(v, "/\025star\r");
    CHECK(vt_wait(v, "1 clip", WAIT_MS) && vt_wait(v, "a star", WAIT_MS));
    vt_type(v, "V");
    CHECK(vt_wait(v, "vary      of #2", WAIT_MS) && vt_wait(v, "took ", WAIT_MS));
    CHECK(newest_has("\"prompt\":\"a star\"") && newest_has("\"frames\":9,\"size\":\"160x96\""));
    vt_type(v, "\033[B\r"); /* the star that came from elsewhere, in the player */
    CHECK(vt_wait(v, "frame ", WAIT_MS));
    vt_type(v, "C"); /* nothing is there to go on from */
    CHECK(vt_wait(v, "clip 2 has 0 chunks here", WAIT_MS));
    vt_type(v, "\021");
    CHECK(vt_end(v, WAIT_MS) && vt_restored(v));
    vt_free(v);
    vt_end_home();
}

TESTS(T(varied_and_redone))
