/* cmd_doctor_libraries: the libraries section of doctor; oneDNN and jansson have no room of their
 * own that could tell. */
#include <dnnl.h>
#include <stdio.h>

#include "commands/doctor.h"
#include "config/config_libraries.h"
#include "format/format_libraries.h"
#include "store/store_libraries.h"
#include "ui/ui_libraries.h"

static void onednn_version(char *out, size_t size)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(out, size, "%d.%d.%d", v->major, v->minor, v->patch);
}

static void jansson_version(char *out, size_t size)
{
    snprintf(out, size, "%s", jansson_version_str());
}

static const struct dn_library own_libraries[] = {
    {"oneDNN", onednn_version}, {"jansson", jansson_version}, {NULL, NULL}};

static const struct dn_library *const rooms[] = {own_libraries, store_libraries, ui_libraries,
                                                 config_libraries, format_libraries};

void doctor_libraries(struct doctor_finding *finding)
{
    const char *separator = "";
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        for (const struct dn_library *l = rooms[i]; l->name; l++) {
            char version[64];
            l->version(version, sizeof version);
            strbuf_printf(&finding->text, "%s%s ", separator, l->name);
            doctor_outside(&finding->text, version);
            json_object_set_new(finding->json, l->name, json_string(version));
            separator = ", ";
        }
}
