/* config_libraries: see base/library.h */
#include "config/config_libraries.h"

#include <stdio.h>
#include <yaml.h>

static void libyaml_version(char *out, size_t size)
{
    snprintf(out, size, "%s", yaml_get_version_string());
}

const struct dn_library config_libraries[] = {{"libyaml", libyaml_version}, {NULL, NULL}};
