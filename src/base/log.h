/* log: one line at a time about what goes on, to stderr unless somebody else listens.
 *
 * Text is made safe to show (safetext.h). Lines from several threads do not mix. Failures travel as
 * dn_error and are printed by main; this is for what is worth knowing beside them. */
#ifndef DANAUS_BASE_LOG_H
#define DANAUS_BASE_LOG_H

enum dn_log_level { DN_LOG_ERROR, DN_LOG_WARNING, DN_LOG_INFO, DN_LOG_DEBUG };

/* Called with one safe line without newline and without prefix. */
typedef void dn_log_sink(void *context, enum dn_log_level level, const char *line);

/* Lines above this level are dropped; DN_LOG_WARNING at start, each -v raises it by one. */
void dn_log_set_level(enum dn_log_level level);
enum dn_log_level dn_log_get_level(void);

/* Sends lines to sink instead of stderr; NULL is stderr again. Set before threads start. */
void dn_log_set_sink(dn_log_sink *sink, void *context);

void dn_log(enum dn_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define dn_warn(...) dn_log(DN_LOG_WARNING, __VA_ARGS__)
#define dn_info(...) dn_log(DN_LOG_INFO, __VA_ARGS__)
#define dn_debug(...) dn_log(DN_LOG_DEBUG, __VA_ARGS__)

#endif
