/* man_protocol: danaus-protocol(7) from the message table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "commands/man_page.h"
#include "engine/protocol.h"

static const char introduction[] =
    "The engine of danaus and its clients talk over a Unix stream socket,\n"
    "$XDG_RUNTIME_DIR/danaus/engine.sock, or /tmp/danaus-UID/engine.sock where there is no such\n"
    "directory. Each message is a JSON object on one line of at most 1048576 bytes; type names it.\n"
    "\n"
    "Only processes of the engine's own user are served, root being no exception: the peer's user\n"
    "is asked of the kernel, and a connection of anybody else is closed before a byte of it is\n"
    "read. The first message each way is hello; one with another protocol number gets an error that\n"
    "names both versions, and the connection ends. The number is raised with every message, field and\n"
    "option that is added. hello, status and stop stay as they are: a client of a newer build talks to\n"
    "an engine with the engine's number, and asks it to stop where it makes nothing and has no other\n"
    "client. A client that does not say hello within 10 seconds is dropped.\n"
    "\n"
    "Every request gets exactly one reply, in order (steer excepted, whose reply may be late). A request may have an id, a whole number or a\n"
    "text of at most 64 bytes, which comes back in its reply; events have none. Fields that are not\n"
    "known are ignored, messages that are not known are answered by error. A line that is no\n"
    "message is answered by error too; one that is too long ends the connection.\n"
    "\n"
    "What a client does not read waits for it: up to 256 KiB of events, after which further ones\n"
    "are dropped and counted (lost). Replies and state are never dropped; a client that leaves more\n"
    "than 4 MiB of them unread is disconnected.\n";

/* printf's, of the protocol's number */
static const char by_hand[] =
    "  $ socat - UNIX-CONNECT:$XDG_RUNTIME_DIR/danaus/engine.sock\n"
    "  {\"type\":\"hello\",\"protocol\":%d}\n"
    "  {\"type\":\"enqueue\",\"request\":{\"prompt\":\"a red star\",\"model\":\"/usr/share/danaus/demo\",\n"
    "   \"frames\":9,\"size\":\"64x64\",\"step_list\":[1000,500]}}      (on one line)\n"
    "  {\"type\":\"watch\"}\n";

static const char frames_text[] =
    "The ring message of a client that watches with frames \"shared\" carries a file descriptor\n"
    "(SCM_RIGHTS) of sealed shared memory with the newest frames of one worker; it is to be mapped\n"
    "for reading only. All numbers are little-endian, 64 bits wide.\n"
    "\n"
    "  offset 0    \"dnframe1\"\n"
    "         8    width, height, slots, stride (bytes from slot to slot)\n"
    "        40    frames published so far; the newest is in slot (that - 1) modulo slots\n"
    "        64    slot 0; slot i is at 64 + i * stride:\n"
    "              +0 sequence, +8 job, +16 frame, +64 height rows of width RGB pixels\n"
    "\n"
    "A slot is being written while its sequence is odd. A reader reads the sequence, copies the\n"
    "slot, reads the sequence again, and throws the copy away if it was odd or has changed. Slots\n"
    "are written over without asking: who is slow misses frames.\n";

static void print_field(FILE *out, const struct message_field *f)
{
    static const char *const kinds[] = {[FIELD_INT] = "whole number", [FIELD_NUMBER] = "number",
                                        [FIELD_TEXT] = "text",        [FIELD_BOOL] = "true or false",
                                        [FIELD_OBJECT] = "object",    [FIELD_LIST] = "list"};
    fprintf(out, ".TP\n.B %s\n", f->name);
    fprintf(out, "(%s", kinds[f->kind]);
    if (f->choices) {
        fputs(": ", out);
        for (const char *c = f->choices; *c; c++)
            fputs(*c == '|' ? ", " : (char[2]){*c, 0}, out);
    }
    if (f->max > f->min && f->max != INT64_MAX)
        fprintf(out, " %" PRId64 " to %" PRId64, f->min, f->max);
    fputs(f->optional ? "; may be left out) " : ") ", out);
    man_print_roff(out, f->help);
}

static void print_messages(FILE *out, enum message_direction direction)
{
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        const struct message *m = &message_table[i];
        if (m->direction != direction)
            continue;
        fprintf(out, ".SS %s\n", m->name);
        man_print_roff(out, m->help);
        for (const struct message_field *f = m->fields; f->name; f++)
            print_field(out, f);
    }
}

void man_print_protocol(FILE *out)
{
    fputs(".\\\" Made by `danaus man protocol`; do not edit.\n"
          ".TH DANAUS\\-PROTOCOL 7 \"\" \"danaus " DANAUS_VERSION "\" \"Conventions\"\n"
          ".SH NAME\ndanaus\\-protocol \\- how to talk to the engine of danaus\n.SH DESCRIPTION\n",
          out);
    man_print_roff(out, introduction);
    fputs(".SH EXAMPLE\nBy hand:\n", out);
    char *example = dn_asprintf(by_hand, PROTOCOL_NUMBER);
    man_print_roff(out, example);
    free(example);
    fputs(".SH REQUESTS\n", out);
    print_messages(out, MESSAGE_REQUEST);
    fputs(".SH REPLIES\n", out);
    print_messages(out, MESSAGE_REPLY);
    fputs(".SH EVENTS\n", out);
    print_messages(out, MESSAGE_EVENT);
    fputs(".SH JOBS\nA job has the number of its clip. Its fields in state, jobs and watch:\n", out);
    for (const struct message_field *f = message_job_fields; f->name; f++)
        print_field(out, f);
    fputs(".PP\nIts states:\n", out);
    for (size_t i = 0; message_job_states[i][0]; i++) {
        fprintf(out, ".TP\n.B %s\n", message_job_states[i][0]);
        man_print_roff(out, message_job_states[i][1]);
    }
    fputs(".SH FRAMES\n", out);
    man_print_roff(out, frames_text);
    fputs(".SH SEE ALSO\n.BR danaus (1),\n.BR unix (7)\n", out);
}
