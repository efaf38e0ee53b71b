/* The message table, and lines that hold it or break it. */
#include <stdlib.h>

#include "check.h"
#include "engine/protocol.h"

static bool read_line(const char *line, bool from_client, enum message_type *type, json_t **id,
                      struct dn_error *err)
{
    json_t *message;
    bool ok = protocol_read(line, strlen(line), from_client, type, &message, id, err);
    CHECK(ok == (message != NULL));
    json_decref(message);
    return ok;
}

TEST(table_is_whole)
{
    for (int i = 0; i < MESSAGE_COUNT; i++) {
        const struct message *m = &message_table[i];
        CHECK_MSG(m->name && m->help, "message %d", i);
        CHECK((m->direction == MESSAGE_REQUEST) == (i < MESSAGE_REQUEST_COUNT));
        int fields = 0;
        for (const struct message_field *f = m->fields; f->name; f++, fields++)
            CHECK_MSG(f->help && strcmp(f->name, "type") != 0 && strcmp(f->name, "id") != 0,
                      "%s.%s", m->name, f->name);
        CHECK(fields < MESSAGE_MAX_FIELDS);
        for (int j = 0; j < i; j++) /* a name means one thing in one direction */
            CHECK(strcmp(message_table[j].name, m->name) != 0 ||
                  (message_table[j].direction == MESSAGE_REQUEST) !=
                      (m->direction == MESSAGE_REQUEST));
    }
}

TEST(good_lines)
{
    enum message_type type;
    struct dn_error err;
    json_t *id;
    CHECK_OK(read_line("{\"type\":\"hello\",\"protocol\":1}", true, &type, &id, &err), err);
    CHECK(type == MESSAGE_HELLO && !id);
    CHECK_OK(read_line("{\"type\":\"cancel\",\"job\":7,\"id\":\"a\",\"new\":[1]}", true, &type, &id,
                       &err),
             err); /* a field that is not known is no harm */
    CHECK(type == MESSAGE_CANCEL && id);
    CHECK_STR(json_string_value(id), "a");
    json_decref(id);
    CHECK_OK(read_line("{\"type\":\"hello\",\"protocol\":1,\"build\":\"x\",\"pid\":3,"
                       "\"library\":\"/l\"}",
                       false, &type, &id, &err),
             err);
    CHECK(type == MESSAGE_WELCOME);
    CHECK_OK(read_line("{\"type\":\"watch\",\"frames\":\"jpeg\"}", true, &type, &id, &err), err);
}

TEST(bad_lines)
{
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"", "message"},
        {"{", "message"},
        {"[]", "a message must be a JSON object"},
        {"{}", "message.type is missing"},
        {"{\"type\":1}", "message.type must be a string"},
        {"{\"type\":\"fly\"}", "there is no message \"fly\""},
        {"{\"type\":\"state\",\"job\":1,\"state\":\"done\"}", "there is no message \"state\""},
        {"{\"type\":\"hello\"}", "hello.protocol is missing"},
        {"{\"type\":\"cancel\"}", "cancel.job is missing"},
        {"{\"type\":\"cancel\",\"job\":0}", "cancel.job must be a whole number 1 to"},
        {"{\"type\":\"cancel\",\"job\":1.5}", "cancel.job must be a whole number"},
        {"{\"type\":\"cancel\",\"job\":99999999999999999999}", "message"},
        {"{\"type\":\"move\",\"job\":1,\"to\":\"up\"}", "move.to must be one of next|last|before"},
        {"{\"type\":\"watch\",\"frames\":\"jpe\"}", "watch.frames must be one of"},
        {"{\"type\":\"watch\",\"frames\":\"jpeg|shared\"}", "watch.frames must be one of"},
        {"{\"type\":\"enqueue\",\"request\":[]}", "enqueue.request must be an object"},
        {"{\"type\":\"status\",\"id\":{}}", "message.id must be"},
        {"{\"type\":\"status\",\"type\":\"stop\"}", "message"},
        {"{\"type\":\"status\"} {}", "message"},
        {"{\"type\":\"sta\\u001btus\"}", "there is no message \"sta\\x1Btus\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum message_type type;
        struct dn_error err;
        json_t *id;
        CHECK_MSG(!read_line(cases[i].line, true, &type, &id, &err), "%s", cases[i].line);
        CHECK_MSG(strstr(err.message, cases[i].words), "%s: \"%s\", not \"%s\"", cases[i].line,
                  err.message, cases[i].words);
        json_decref(id);
    }
}

TEST(an_id_survives_a_bad_request)
{
    enum message_type type;
    struct dn_error err;
    json_t *id;
    CHECK(!read_line("{\"type\":\"cancel\",\"id\":5}", true, &type, &id, &err));
    CHECK(json_integer_value(id) == 5);
    json_decref(id);
}

TEST(errors_travel)
{
    struct dn_error there, here;
    dn_fail(&there, DN_E_EXISTS, "a.mp4 exists");
    dn_error_hint(&there, "--force replaces it");
    json_t *message = protocol_error(&there);
    protocol_error_read(message, &here);
    json_decref(message);
    CHECK(here.code == DN_E_EXISTS);
    CHECK_STR(here.message, there.message);
    CHECK_STR(here.hint, there.hint);
}

TESTS(T(table_is_whole), T(good_lines), T(bad_lines), T(an_id_survives_a_bad_request),
      T(errors_travel))
