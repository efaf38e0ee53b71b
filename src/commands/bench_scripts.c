/* bench_scripts: the python scripts beside this file, as they are, ended by a zero byte. */
#include "commands/bench.h"

__asm__(".pushsection .rodata\n"
        ".global bench_torch_script\n"
        "bench_torch_script: .incbin \"src/commands/bench_torch.py\"\n"
        ".byte 0\n"
        ".global bench_monarchrt_script\n"
        "bench_monarchrt_script: .incbin \"src/commands/bench_monarchrt.py\"\n"
        ".byte 0\n"
        ".popsection");
