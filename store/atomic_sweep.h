/* atomic_sweep: what a killed process left beside a file that it was writing. */
#ifndef DANAUS_STORE_ATOMIC_SWEEP_H
#define DANAUS_STORE_ATOMIC_SWEEP_H

/* Removes the temporaries that atomic_file and media_encode make for path, files and directories of
 * files. Only when no process writes path. What cannot be removed stays. */
void atomic_sweep(const char *path);

#endif
