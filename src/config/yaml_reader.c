/* yaml_reader: see yaml_reader.h */
#include "config/yaml_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/paths.h"
#include "base/read_file.h"
#include "base/strbuf.h"
#include "config/public_keys.h"
#include "config/yaml_tree.h"

/* A file of another kind has nothing but unknown keys; nobody reads more than a few lines of it. */
enum { MAX_WARNINGS = 20 };

struct reader {
    struct settings *settings;
    const struct yaml_tree *tree;
    const char *name, *dir;
    enum settings_level level;
    struct dn_error *err;
    int own_line[OPTION_MAX];               /* where our own key set the row, 0 = nowhere */
    const struct yaml_node *shift_of_file;  /* timestep_shift */
    const struct yaml_node *shift_of_model; /* model_kwargs.timestep_shift */
    int unknown;                            /* keys warned of, or passed over after too many */
};

static const struct option *row_of(const char *name)
{
    return option_find(option_rows, option_count, name);
}

static const struct yaml_node *child_of(const struct reader *r, const struct yaml_node *map,
                                        const char *key)
{
    for (int i = map->first; i >= 0; i = r->tree->nodes[i].next)
        if (strcmp(r->tree->nodes[i].key, key) == 0)
            return &r->tree->nodes[i];
    return NULL;
}

/* "FILE:LINE:COLUMN: KEY VALUE: WHY" */
static bool bad_value(struct reader *r, const struct yaml_node *node, const char *path,
                      const char *value, const char *why)
{
    char *where = dn_asprintf("%s:%d:%d: ", r->name, node->line, node->column);
    option_complain(r->err, where, path, value, why);
    if (r->err)
        r->err->code = DN_E_FORMAT; /* it came from a file, not from the command line */
    free(where);
    return false;
}

/* "FILE:LINE:COLUMN: KEY WHY", for values that are no text. */
static bool bad_kind(struct reader *r, const struct yaml_node *node, const char *path,
                     const char *why)
{
    return dn_fail(r->err, DN_E_FORMAT, "%s:%d:%d: %s %s", r->name, node->line, node->column, path,
                   why);
}

/* Sets a row from text as if it stood at node. */
static bool set_row(struct reader *r, const struct yaml_node *node, const char *path,
                    const struct option *row, const char *text)
{
    char why[OPTION_WHY_SIZE];
    if (settings_set(r->settings, row, text, r->level, why))
        return true;
    return bad_value(r, node, path, text, why);
}

/* Joins the texts of a list. */
static bool list_text(struct reader *r, const struct yaml_node *list, const char *path,
                      const char *between, struct strbuf *out)
{
    for (int i = list->first; i >= 0; i = r->tree->nodes[i].next) {
        const struct yaml_node *item = &r->tree->nodes[i];
        if (item->kind != YAML_TEXT)
            return bad_kind(r, item, path, "must be a plain list");
        strbuf_printf(out, "%s%s", i == list->first ? "" : between, item->text);
    }
    return true;
}

static bool set_path(struct reader *r, const struct yaml_node *node, const char *path,
                     const struct option *row, const char *text)
{
    if (!text || !*text)
        return set_row(r, node, path, row, text);
    char *expanded = dn_path_expand(text);
    char *whole = dn_path_join(r->dir, expanded);
    bool ok = set_row(r, node, path, row, whole);
    free(whole);
    free(expanded);
    return ok;
}

static bool set_option(struct reader *r, const struct yaml_node *node, const char *path,
                       const struct option *row)
{
    bool from_stranger = r->level == LEVEL_MODEL || r->level == LEVEL_SAMPLER;
    if (from_stranger && (row->type == OPTION_PATH || row->group == GROUP_OUTPUT))
        return bad_kind(r, node, path, "may not be set by a model's config");
    const char *between = row->type == OPTION_STEPS     ? ","
                          : row->type == OPTION_RULES   ? "; "
                          : row->type == OPTION_CHANGES ? "\n" : NULL;
    if (node->kind == YAML_LIST && between) {
        struct strbuf text = {0};
        bool ok = list_text(r, node, path, between, &text) &&
                  set_row(r, node, path, row, strbuf_text(&text));
        strbuf_done(&text);
        return ok;
    }
    if (node->kind != YAML_TEXT)
        return bad_kind(r, node, path, "must be a single value");
    if (row->type == OPTION_PATH)
        return set_path(r, node, path, row, yaml_node_text(node));
    return set_row(r, node, path, row, yaml_node_text(node));
}

/* One of our own names; the two spellings of one name are duplicates. */
static bool set_own(struct reader *r, const struct yaml_node *node, const struct option *row)
{
    int *line = &r->own_line[row - option_rows];
    if (*line)
        return dn_fail(r->err, DN_E_FORMAT, "%s:%d:%d: %s is already set in line %d", r->name,
                       node->key_line, node->key_column, node->key, *line);
    *line = node->key_line;
    return set_option(r, node, node->key, row);
}

static bool whole_number(const struct yaml_node *node, int64_t min, int64_t max, int64_t *out)
{
    return node->kind == YAML_TEXT && dn_parse_int(node->text, out) && *out >= min && *out <= max;
}

/* image_or_video_shape: [batch, latent frames, channels, latent height, latent width] */
static bool set_shape(struct reader *r, const struct yaml_node *node, const char *path)
{
    int64_t shape[5];
    int count = 0;
    bool good = node->kind == YAML_LIST;
    for (int i = node->first; good && i >= 0; i = r->tree->nodes[i].next)
        good = count < 5 && whole_number(&r->tree->nodes[i], 1, 100000, &shape[count++]);
    if (!good || count != 5)
        return bad_kind(r, node, path,
                        "must be five whole numbers: batch, frames, channels, height, width");
    /* the VAE makes 8x8 pixels of a latent one, and four frames of each but the first */
    char text[64];
    snprintf(text, sizeof text, "%" PRId64, 4 * (shape[1] - 1) + 1);
    if (!set_row(r, node, path, row_of("frames"), text))
        return false;
    snprintf(text, sizeof text, "%" PRId64 "x%" PRId64, 8 * shape[4], 8 * shape[3]);
    return set_row(r, node, path, row_of("size"), text);
}

static bool set_latents(struct reader *r, const struct yaml_node *node, const char *path)
{
    int64_t latents;
    char text[DN_NUMBER_SIZE];
    if (!whole_number(node, 1, 25001, &latents))
        return bad_kind(r, node, path, "must be a whole number 1 to 25001");
    snprintf(text, sizeof text, "%" PRId64, 4 * (latents - 1) + 1);
    return set_row(r, node, path, row_of("frames"), text);
}

/* width or height alone; the other side stays. */
static bool set_side(struct reader *r, const struct yaml_node *node, const char *path, bool width)
{
    int64_t side;
    char text[64];
    const struct option *row = row_of("size");
    if (!whole_number(node, (int64_t)row->min, (int64_t)row->max, &side))
        return bad_kind(r, node, path, "must be a whole number 8 to 8192");
    snprintf(text, sizeof text, "%" PRId64 "x%" PRId64, width ? side : r->settings->request.width,
             width ? r->settings->request.height : side);
    return set_row(r, node, path, row, text);
}

static bool set_monarch(struct reader *r, const struct yaml_node *node, const char *path)
{
    /* a bool of theirs, checked as bools are here, that chooses between two of our words */
    static const struct option as_bool = {.name = "enable", .type = OPTION_BOOL};
    bool enable;
    char why[OPTION_WHY_SIZE];
    if (node->kind != YAML_TEXT)
        return bad_kind(r, node, path, "must be a single value");
    if (!option_set(&as_bool, &enable, yaml_node_text(node), why))
        return bad_value(r, node, path, node->text, why);
    return set_row(r, node, path, row_of("attention"), enable ? "monarch" : "dense");
}

static bool set_section(struct reader *r, const struct yaml_node *map, const char *path);

static bool set_public(struct reader *r, const struct yaml_node *node, const char *path,
                       const struct public_key *key)
{
    int64_t number;
    switch (key->meaning) {
    case PUBLIC_OPTION:
        return set_option(r, node, path, row_of(key->option));
    case PUBLIC_SECTION:
        if (node->kind == YAML_TEXT && !yaml_node_text(node))
            return true;
        return node->kind == YAML_MAP ? set_section(r, node, path)
                                      : bad_kind(r, node, path, "must be a map");
    case PUBLIC_IGNORED:
        return true;
    case PUBLIC_SHIFT:
        *(strchr(path, '.') ? &r->shift_of_model : &r->shift_of_file) = node;
        return true;
    case PUBLIC_WIDTH:
    case PUBLIC_HEIGHT:
        return set_side(r, node, path, key->meaning == PUBLIC_WIDTH);
    case PUBLIC_SHAPE:
        return set_shape(r, node, path);
    case PUBLIC_LATENTS:
        return set_latents(r, node, path);
    case PUBLIC_MONARCH:
        return set_monarch(r, node, path);
    case PUBLIC_TIMESTEPS:
        return whole_number(node, 1000, 1000, &number) ||
               bad_kind(r, node, path, "must be 1000, all schedules here have as many");
    }
    return true;
}

static void warn_unknown(struct reader *r, const struct yaml_node *node, const char *path)
{
    const char *best = NULL;
    size_t distance = SIZE_MAX;
    char key[64];
    if (r->unknown++ >= MAX_WARNINGS)
        return;
    for (size_t i = 0; i < option_count; i++)
        best = option_nearer(path, option_rows[i].name, best, &distance);
    for (size_t i = 0; public_key_at(i); i++)
        best = option_nearer(path, public_key_at(i)->path, best, &distance);
    const struct option *row = best ? row_of(best) : NULL;
    if (row)
        option_key(row, key);
    settings_warnf(r->settings, "%s:%d: unknown key %.200s is ignored%s%s%s", r->name,
                   node->key_line, path, best ? "; did you mean " : "",
                   row    ? key
                   : best ? best
                          : "",
                   best ? "?" : "");
}

/* All keys of a map; path is NULL for the whole file. */
static bool set_section(struct reader *r, const struct yaml_node *map, const char *path)
{
    bool ok = true;
    for (int i = map->first; ok && i >= 0; i = r->tree->nodes[i].next) {
        const struct yaml_node *node = &r->tree->nodes[i];
        const struct option *row = path ? NULL : row_of(node->key);
        char *whole = path ? dn_asprintf("%s.%s", path, node->key) : dn_strdup(node->key);
        const struct public_key *key = public_key_find(whole);
        if (row)
            ok = set_own(r, node, row);
        else if (!path && r->level == LEVEL_USER && strcmp(node->key, "studio") == 0)
            ; /* the studio reads it, ui/studio/studio_config.c */
        else if (key)
            ok = set_public(r, node, whole, key);
        else
            warn_unknown(r, node, whole);
        free(whole);
    }
    return ok;
}

/* The few-step samplers of the public code take the shift of model_kwargs, the others that of the
 * file. Both are read, for their errors; the one that counts comes last. */
static bool set_shifts(struct reader *r, bool few_step)
{
    const struct yaml_node *file = r->shift_of_file, *model = r->shift_of_model;
    const struct yaml_node *order[2] = {few_step ? file : model, few_step ? model : file};
    for (int i = 0; i < 2; i++)
        if (order[i] &&
            !set_option(r, order[i],
                        order[i] == file ? "timestep_shift" : "model_kwargs.timestep_shift",
                        row_of("shift")))
            return false;
    return true;
}

/* What the public default_config.yaml, and the code where that is silent, take before the file's
 * own keys. */
static bool set_public_defaults(struct reader *r, const struct yaml_node *root)
{
    static const char *const defaults[][2] = {{"causal", "true"},
                                              {"warp-denoising-step", "false"},
                                              {"attention", "dense"},
                                              {"context-noise", "0"},
                                              {"independent-first-frame", "false"},
                                              {"local-attn-size", "-1"},
                                              {"sink-size", "0"},
                                              {"frames-per-block", "1"}};
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        if (!set_row(r, root, defaults[i][0], row_of(defaults[i][0]), defaults[i][1]))
            return false;
    return true;
}

/* The sampler that a public file means, NULL when it does not tell. */
static const char *public_sampler(const struct reader *r, const struct yaml_node *root,
                                  bool few_step)
{
    const struct yaml_node *trainer = child_of(r, root, "trainer");
    const struct yaml_node *causal = child_of(r, root, "causal");
    bool off = false;
    if (causal && causal->kind == YAML_TEXT) {
        static const struct option as_bool = {.name = "causal", .type = OPTION_BOOL};
        bool on;
        char why[OPTION_WHY_SIZE];
        off = option_set(&as_bool, &on, causal->text, why) && !on;
    }
    if (few_step)
        return off ? "few_step" : "self_forcing";
    bool diffusion = trainer && trainer->kind == YAML_TEXT && !strcmp(trainer->text, "diffusion");
    return diffusion ? "unipc" : NULL;
}

static bool read_root(struct reader *r, const struct yaml_node *root)
{
    if (root->kind == YAML_TEXT && !yaml_node_text(root))
        return true;
    if (root->kind != YAML_MAP)
        return dn_fail(r->err, DN_E_FORMAT, "%s:%d:%d: must be lines of \"key: value\"", r->name,
                       root->line, root->column);
    bool few_step = child_of(r, root, "denoising_step_list") != NULL;
    bool is_public =
        few_step || child_of(r, root, "generator_ckpt") || child_of(r, root, "trainer");
    if (is_public && !set_public_defaults(r, root))
        return false;
    const char *sampler = is_public ? public_sampler(r, root, few_step) : NULL;
    if (sampler && !set_row(r, root, "sampler", row_of("sampler"), sampler))
        return false;
    if (!set_section(r, root, NULL) || !set_shifts(r, few_step))
        return false;
    if (r->unknown > MAX_WARNINGS)
        settings_warnf(r->settings, "%s: %d more unknown keys are ignored", r->name,
                       r->unknown - MAX_WARNINGS);
    return true;
}

bool yaml_read_bytes(struct settings *s, const char *bytes, size_t size, const char *name,
                     const char *dir, enum settings_level level, struct dn_error *err)
{
    struct yaml_tree tree;
    if (!yaml_tree_parse(&tree, bytes, size, name, err))
        return false;
    struct settings before = *s;
    request_copy(&before.request, &s->request);
    struct reader r = {
        .settings = s, .tree = &tree, .name = name, .dir = dir, .level = level, .err = err};
    bool ok = tree.count == 0 || read_root(&r, &tree.nodes[0]);
    if (ok) {
        request_done(&before.request);
    } else {
        request_done(&s->request);
        *s = before;
    }
    yaml_tree_done(&tree);
    return ok;
}

bool yaml_read_file(struct settings *s, const char *path, enum settings_level level,
                    struct dn_error *err)
{
    char *bytes;
    size_t size;
    if (!dn_read_file(path, YAML_MAX_BYTES, &bytes, &size, err))
        return false;
    char *dir = dn_path_dir(path);
    bool ok = yaml_read_bytes(s, bytes, size, path, strcmp(dir, ".") ? dir : "", level, err);
    free(dir);
    free(bytes);
    return ok;
}
