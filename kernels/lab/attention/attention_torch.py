"""PyTorch's fused attention on the shapes of attention_lab: the yardstick.

    python3 attention_torch.py

Median of CUDA events; inputs rotate through more memory than L2 has.
"""
import statistics
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

SHAPES = [  # queries, keys, heads, d
    (4680, 4680, 12, 128), (4680, 18720, 12, 128), (4680, 32760, 12, 128), (4680, 32760, 40, 128),
    (4680, 512, 12, 128), (4680, 128, 12, 128), (4680, 4680, 12, 64), (6240, 6240, 1, 384),
]


def measure(call, sets, runs):
    for i in range(3):
        call(sets[i % len(sets)])
    torch.cuda.synchronize()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(runs)]
    for i, (a, b) in enumerate(events):
        a.record()
        call(sets[i % len(sets)])
        b.record()
    torch.cuda.synchronize()
    return statistics.median(a.elapsed_time(b) for a, b in events)


for queries, keys, heads, d in SHAPES:
    flops = 4.0 * queries * keys * heads * d
    count = max(1, min(8, int(2e8 / (4 * heads * d * (queries + keys)))))
    def make(rows):
        return torch.randn(rows, heads, d, device="cuda", dtype=torch.bfloat16).transpose(0, 1).unsqueeze(0)
    sets = [(make(queries), make(keys), make(keys)) for _ in range(count)]
    runs = int(min(40, max(10, 2e13 / flops)))
    for name, backend in (("flash", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION),
                          ("efficient", SDPBackend.EFFICIENT_ATTENTION)):
        if name == "efficient" and d <= 128:
            continue
        try:
            with sdpa_kernel(backend):
                ms = measure(lambda s: F.scaled_dot_product_attention(*s), sets, runs)
            print(f"torch {queries} x {keys}, {heads} heads of {d}: {name:10} {ms * 1e3:8.1f} us {flops / ms * 1e-9:6.1f} TFLOP/s", flush=True)
        except RuntimeError as e:
            print(f"torch {queries} x {keys}, {heads} heads of {d}: {name}: {str(e).splitlines()[0][:80]}", flush=True)
    del sets
