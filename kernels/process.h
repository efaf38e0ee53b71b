/* process: what the compute libraries need to be told before the program begins. */
#ifndef DANAUS_KERNELS_PROCESS_H
#define DANAUS_KERNELS_PROCESS_H

/* To be called first in main(), by subcommands that compute. Limits how long an idle thread of the
 * pool spins before it sleeps, which libgomp reads from the environment when it is loaded: so this
 * sets GOMP_SPINCOUNT and executes the program again, once, and does not return then. Returns when
 * the user has chosen (GOMP_SPINCOUNT or OMP_WAIT_POLICY is set) or when executing fails.
 *
 * Why: libgomp's 300000 turns are milliseconds. As soon as anything else wants a core (an encoder's
 * thread, another program), each of the thousands of meetings of two threads waits for a spinning
 * thread's whole time slice; a clip of 0.6 s then takes 5 to 20 s. With 2000 turns it takes 2, and
 * on idle cores nothing is lost (kernels/NOTES.md). */
void process_limit_spinning(char **argv);

#endif
