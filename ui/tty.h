/* tty: the terminal on stdin and stdout while it is ours: raw mode, the signals that concern it,
 * and everything as it was afterwards, also on a crash. The one file that writes to it.
 *
 * There is one terminal, so the state is the file's own. Belongs to the main thread. */
#ifndef DANAUS_UI_TTY_H
#define DANAUS_UI_TTY_H

#include <stdbool.h>
#include <stddef.h>

/* True when stdin and stdout are a terminal and we are in its foreground. */
bool tty_is_foreground(void);

/* Raw mode, with signal characters as keys. restore is written when a crash signal comes, before
 * the tty is set back; it must stay valid. From here SIGINT, SIGTERM, SIGHUP, SIGQUIT only set
 * tty_stop_signal(). False: it is no terminal, nothing was changed. */
bool tty_enter(const char *restore);
/* Everything back; answers that were not read are thrown away. A stop signal that came meanwhile
 * then takes its usual effect. */
void tty_leave(void);
/* The signal that asks us to end, 0 = none. */
int tty_stop_signal(void);

/* From here writes never wait, SIGWINCH and SIGTSTP are noted, and tty_event_fd() is readable when
 * any signal came; for programs with an event loop. Ends with tty_leave(). */
bool tty_be_events(void);
int tty_event_fd(void);
void tty_clear_events(void);
bool tty_take_resize(void);  /* true once after each change of the size (and after a suspension) */
bool tty_take_suspend(void); /* true once after each SIGTSTP */
/* Gives the terminal back, stops the process group as Ctrl-Z does, and takes the terminal again
 * when it is continued. Answers that were not read are thrown away, here and in tty_run. */
void tty_suspend(void);

/* Gives the terminal to a program, waits for its end and takes it again. *status is its exit status,
 * or 128 and the signal that ended it. False: it cannot be started. */
bool tty_run(char *const argv[], int *status);

/* Columns and rows, and their size in pixels (0 = unknown); false: unknown. */
struct tty_size {
    int cols, rows, width_px, height_px;
};
bool tty_get_size(struct tty_size *size);

/* Reads what is there. 0: nothing, -1: the terminal is gone. Waits only outside of tty_be_events. */
int tty_read(char *bytes, size_t size);
/* Writes what it takes now; 0: nothing, -1: it is gone. */
long tty_write_some(const char *bytes, size_t size);
/* To be polled for writing. */
int tty_output_fd(void);
/* Writes all; gives up when a stop signal comes, or after 3 s in which nothing was taken. False:
 * the terminal is gone. */
bool tty_write_all(const char *bytes, size_t size);
/* The same for what sets the terminal back: a stop signal is no reason not to write it. */
bool tty_write_last(const char *bytes, size_t size);

#endif
