/* studio_keys: from keys to actions, and the actions that are everywhere.
 *
 * A key is looked up in the table of the screen on top, then in the editor's while text is typed,
 * then in the one for everywhere; a character that no table wants is text. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ui/studio/studio_internal.h"

static struct editor *present_editor(struct studio *s)
{
    const struct screen *top = studio_top(s);
    return top->editor ? top->editor(s) : NULL;
}

static void run(struct studio *s, const struct action *a, const char *argument)
{
    a->run(s, argument);
    s->dirty = true;
}

/* A line of the user's: the first command is the binding's own action. */
static void run_binding(struct studio *s, const struct binding *b)
{
    if (!b->commands && b->action)
        run(s, b->action, NULL);
    for (char **line = b->commands; line && *line; line++) {
        const char *argument = strchr(*line, ' ');
        if (line > b->commands || b->by_name) {
            if (!studio_run_command(s, *line))
                return;
        } else {
            run(s, b->action, argument ? argument + strspn(argument, " ") : NULL);
        }
    }
}

static void take_key(struct studio *s, uint32_t key)
{
    struct editor *e = present_editor(s);
    const struct action *tables[] = {studio_top(s)->actions, e ? editor_actions : NULL,
                                     global_actions};
    unsigned where = e ? WHERE_TEXT : WHERE_LIST;
    uint32_t first = s->chord;
    s->chord = 0;
    for (int i = 0; i < 3; i++) {
        const struct binding *b;
        enum action_match match = keymap_find(s->options->keys, tables[i], where, first, key, &b);
        if (match == MATCH_WHOLE) {
            run_binding(s, b);
            return;
        }
        if (match == MATCH_PREFIX) {
            s->chord = key;
            return;
        }
    }
    if (e && key < INPUT_SPECIAL && !first) {
        editor_insert_char(e, key);
        s->dirty = true;
    }
}

/* Clicks on the names in the top bar. */
static bool click_top(struct studio *s, const struct input_event *event)
{
    int col, cols;
    if (event->row != 0 || !event->pressed || event->moved || event->button != BUTTON_LEFT)
        return false;
    for (int i = 0; i < SCREEN_FULL_COUNT; i++) {
        studio_bar_name(s, i, &col, &cols);
        if (event->col >= col && event->col < col + cols) {
            studio_show(s, (enum screen_number)i);
            break;
        }
    }
    return true;
}

void keys_take(struct studio *s, const struct input_event *event)
{
    struct rect area;
    struct editor *e = present_editor(s);
    if (event->kind == INPUT_KEY) {
        take_key(s, event->key);
        if (studio_main(s)->tick) /* keys that come together must find what the ones before did */
            studio_main(s)->tick(s);
    } else if (event->kind == INPUT_PASTE && e) {
        const struct screen *top = studio_top(s);
        if ((!top->paste || !top->paste(s, event->text, event->length)) &&
            !editor_insert(e, event->text, event->length))
            studio_tell(s, ROLE_WARN, "that was too long: its end was left out");
        s->dirty = true;
    } else if (event->kind == INPUT_MOUSE && studio_area(s, &area) && !click_top(s, event) &&
               studio_top(s)->click) {
        studio_top(s)->click(s, event);
        s->dirty = true;
    }
}

bool studio_run_command(struct studio *s, const char *line)
{
    while (*line == ' ' || *line == ':')
        line++;
    size_t length = strcspn(line, " ");
    const char *argument = line + length + strspn(line + length, " ");
    const struct action *a = action_named(studio_top(s)->actions, line, length);
    if (!a && present_editor(s))
        a = action_named(editor_actions, line, length);
    a = a ? a : action_named(global_actions, line, length);
    if (!length)
        return true;
    if (!a) {
        studio_tell(s, ROLE_BAD, "there is no command %.60s here (? lists them)", line);
        return false;
    }
    run(s, a, *argument ? argument : NULL);
    return true;
}

/* --- everywhere --- */

static void do_studio(struct studio *s, const char *argument)
{
    (void)argument;
    studio_show(s, SCREEN_STUDIO);
}

static void do_library(struct studio *s, const char *argument)
{
    (void)argument;
    studio_show(s, SCREEN_LIBRARY);
}

static void do_player(struct studio *s, const char *argument)
{
    if (argument)
        player_open(s, strtoll(argument, NULL, 10));
    else
        studio_show(s, SCREEN_PLAYER);
}

static void do_queue(struct studio *s, const char *argument)
{
    (void)argument;
    studio_show(s, SCREEN_QUEUE);
}

static void do_engine(struct studio *s, const char *argument)
{
    (void)argument;
    studio_show(s, SCREEN_ENGINE);
}

static void do_sheet(struct studio *s, const char *argument)
{
    if (argument)
        sheet_show_number(s, strtoll(argument, NULL, 10));
    else
        studio_show(s, SCREEN_SHEET);
}

static void do_help(struct studio *s, const char *argument)
{
    (void)argument;
    studio_open_dialog(s, DIALOG_HELP);
}

static void do_command(struct studio *s, const char *argument)
{
    (void)argument;
    studio_open_dialog(s, DIALOG_COMMAND);
}

static void do_back(struct studio *s, const char *argument)
{
    (void)argument;
    if (s->depth > 1)
        studio_close_dialog(s);
    else
        s->notice[0] = '\0';
}

static void do_quit(struct studio *s, const char *argument)
{
    (void)argument;
    if (s->depth > 1)
        studio_close_dialog(s);
    else
        s->ending = true; /* nothing is lost: the draft is kept, the engine goes on */
}

static void do_redraw(struct studio *s, const char *argument)
{
    (void)argument;
    s->forget = true;
}

static void do_suspend(struct studio *s, const char *argument)
{
    (void)s;
    (void)argument;
    raise(SIGTSTP); /* the loop sees it */
}

static void do_pause_queue(struct studio *s, const char *argument)
{
    (void)argument;
    link_send_order(s->link, link_queue_paused(s->link) ? ORDER_RESUME : ORDER_PAUSE, 0);
}

const struct action global_actions[] = {
    {"studio", "1 F1", WHERE_ANY, NULL, "prompt, settings and live preview", do_studio},
    {"library", "2 F2", WHERE_ANY, NULL, "everything ever made", do_library},
    {"player", "3 F3", WHERE_ANY, "[CLIP]", "play a clip", do_player},
    {"queue", "4 F4", WHERE_ANY, NULL, "what waits and runs", do_queue},
    {"engine", "5 F5", WHERE_ANY, NULL, "the engine and its workers", do_engine},
    {"sheet", "6 F6", WHERE_ANY, "[NUMBER]", "contact sheet of clips that differ in one thing",
     do_sheet},
    {"help", "? F12", WHERE_ANY, NULL, "keys and commands of this screen", do_help},
    {"command", ": Alt-x", WHERE_ANY, NULL, "type a command by name", do_command},
    {"pause-queue", "P", WHERE_ANY, NULL, "pause the whole queue, or let it go on", do_pause_queue},
    {"back", "Esc Ctrl-C", WHERE_ANY, NULL, "close the dialog, leave the field", do_back},
    {"redraw", "Ctrl-L", WHERE_ANY, NULL, "draw the screen anew", do_redraw},
    {"suspend", "Ctrl-Z", WHERE_ANY, NULL, "back to the shell; fg returns", do_suspend},
    {"quit", "q Ctrl-Q", WHERE_ANY, NULL, "leave; the engine goes on working", do_quit},
    {0},
};

/* --- while text is typed --- */

#define MOVE(name, move)                                                                           \
    static void name(struct studio *s, const char *argument)                                       \
    {                                                                                              \
        struct editor *e = present_editor(s);                                                      \
        (void)argument;                                                                            \
        if (e)                                                                                     \
            editor_move(e, s->canvas, move);                                                       \
    }
#define DELETE(name, move, kill)                                                                   \
    static void name(struct studio *s, const char *argument)                                       \
    {                                                                                              \
        struct editor *e = present_editor(s);                                                      \
        (void)argument;                                                                            \
        if (e)                                                                                     \
            editor_delete(e, s->canvas, move, kill);                                               \
    }
MOVE(go_left, MOVE_LEFT)
MOVE(go_right, MOVE_RIGHT)
MOVE(go_word_left, MOVE_WORD_LEFT)
MOVE(go_word_right, MOVE_WORD_RIGHT)
MOVE(go_home, MOVE_HOME)
MOVE(go_end, MOVE_END)
MOVE(go_first, MOVE_FIRST)
MOVE(go_last, MOVE_LAST)
MOVE(go_up, MOVE_UP)
MOVE(go_down, MOVE_DOWN)
DELETE(delete_left, MOVE_LEFT, false)
DELETE(delete_right, MOVE_RIGHT, false)
DELETE(kill_word_left, MOVE_WORD_LEFT, true)
DELETE(kill_word_right, MOVE_WORD_RIGHT, true)
DELETE(kill_home, MOVE_HOME, true)
DELETE(kill_end, MOVE_END, true)

static void do_yank(struct studio *s, const char *argument)
{
    (void)argument;
    if (present_editor(s))
        editor_yank(present_editor(s));
}

static void do_undo(struct studio *s, const char *argument)
{
    (void)argument;
    if (present_editor(s) && !editor_undo(present_editor(s)))
        studio_tell(s, ROLE_DIM, "there is nothing to take back");
}

static void do_newline(struct studio *s, const char *argument)
{
    (void)argument;
    if (present_editor(s))
        editor_insert(present_editor(s), "\n", 1);
}

const struct action editor_actions[] = {
    {"left", "Left Ctrl-B", WHERE_TEXT, NULL, "one character left", go_left},
    {"right", "Right Ctrl-F", WHERE_TEXT, NULL, "one character right", go_right},
    {"word-left", "Alt-b Ctrl-Left Alt-Left", WHERE_TEXT, NULL, "one word left", go_word_left},
    {"word-right", "Alt-f Ctrl-Right Alt-Right", WHERE_TEXT, NULL, "one word right", go_word_right},
    {"line-start", "Ctrl-A Home", WHERE_TEXT, NULL, "start of the line", go_home},
    {"line-end", "Ctrl-E End", WHERE_TEXT, NULL, "end of the line", go_end},
    {"text-start", "Alt-< Ctrl-Home", WHERE_TEXT, NULL, "start of the text", go_first},
    {"text-end", "Alt-> Ctrl-End", WHERE_TEXT, NULL, "end of the text", go_last},
    {"line-up", "Up", WHERE_TEXT, NULL, "one line up", go_up},
    {"line-down", "Down", WHERE_TEXT, NULL, "one line down", go_down},
    {"delete-left", "Backspace", WHERE_TEXT, NULL, "delete the character on the left", delete_left},
    {"delete-right", "Delete Ctrl-D", WHERE_TEXT, NULL, "delete the character here", delete_right},
    {"kill-word", "Ctrl-W Alt-Backspace", WHERE_TEXT, NULL, "cut the word on the left",
     kill_word_left},
    {"kill-word-right", "Alt-d", WHERE_TEXT, NULL, "cut the word on the right", kill_word_right},
    {"kill-line-start", "Ctrl-U", WHERE_TEXT, NULL, "cut to the start of the line", kill_home},
    {"kill-line-end", "Ctrl-K", WHERE_TEXT, NULL, "cut to the end of the line", kill_end},
    {"yank", "Ctrl-Y", WHERE_TEXT, NULL, "put back what was cut", do_yank},
    {"undo", "Ctrl-_ Ctrl-X~Ctrl-U", WHERE_TEXT, NULL, "take the last change back", do_undo},
    {"newline", "Alt-Enter Ctrl-J", WHERE_TEXT, NULL, "a new line", do_newline},
    {0},
};
