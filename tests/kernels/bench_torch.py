#!/usr/bin/env python3
"""The rows of bench_ops.c in PyTorch, for comparison in the same minute on the same cores:

    OMP_NUM_THREADS=2 tests/kernels/bench_torch.py [f32|bf16]

Each row is the fastest of many calls and, where PyTorch leaves a choice (plain or channels-last
memory), of the faster choice."""
import math
import sys
import time

import torch
import torch.nn.functional as F

torch.set_grad_enabled(False)
BF16 = len(sys.argv) > 1 and sys.argv[1] == "bf16"
DTYPE = torch.bfloat16 if BF16 else torch.float32


def fastest(call):
    best, start, i = 1e9, time.perf_counter(), 0
    while i < 5 or time.perf_counter() - start < 0.2:
        t = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - t)
        i += 1
    return best


def conv(t, h, w, cin, cout, kt, k, residual):
    best = 1e9
    for memory in (torch.contiguous_format, torch.channels_last_3d):
        x = torch.randn(1, cin, t + kt - 1, h, w).to(DTYPE).contiguous(memory_format=memory)
        c = torch.nn.Conv3d(cin, cout, (kt, k, k), padding=(0, k // 2, k // 2)).to(DTYPE)
        c = c.to(memory_format=memory)
        r = torch.randn(1, cout, t, h, w).to(DTYPE).contiguous(memory_format=memory)
        best = min(best, fastest((lambda: c(x) + r) if residual else (lambda: c(x))))
    return best, 2 * t * h * w * cin * cout * kt * k * k


def norm(t, h, w, c):
    gamma = torch.randn(c, 1, 1, 1).to(DTYPE)
    best = 1e9
    for memory in (torch.contiguous_format, torch.channels_last_3d):
        x = torch.randn(1, c, t, h, w).to(DTYPE).contiguous(memory_format=memory)
        best = min(best, fastest(lambda: F.silu(F.normalize(x, dim=1) * math.sqrt(c) * gamma)))
    return best, 0


def up(t, h, w, c):
    x = torch.randn(t, c, h, w).to(DTYPE)
    return fastest(lambda: F.interpolate(x.float(), scale_factor=2.0, mode="nearest-exact").to(DTYPE)), 0


def weave(t, h, w, c):
    x = torch.randn(1, 2, c // 2, t, h, w).to(DTYPE)
    return fastest(lambda: torch.stack((x[:, 0], x[:, 1]), 3).reshape(1, c // 2, 2 * t, h, w)), 0


def linear(rows, cin, cout, kind):
    x, layer = torch.randn(1, rows, cin).to(DTYPE), torch.nn.Linear(cin, cout).to(DTYPE)
    y, gate = torch.randn(1, rows, cout), torch.randn(1, 1, cout)
    calls = {"store": lambda: layer(x), "gelu": lambda: F.gelu(layer(x), approximate="tanh"),
             "gate": lambda: y + layer(x) * gate, "residual": lambda: y + layer(x)}
    return fastest(calls[kind]), 2 * rows * cin * cout


def norm_modulate(rows, dim):
    x, scale, shift = torch.randn(1, rows, dim), torch.randn(1, 1, dim), torch.randn(1, 1, dim)
    return fastest(lambda: (F.layer_norm(x, (dim,), eps=1e-6) * (1 + scale) + shift).to(DTYPE)), 0


def turned(x, w, angle):
    n = x.float()
    n = n * torch.rsqrt(n.pow(2).mean(-1, keepdim=True) + 1e-6) * w
    n = torch.view_as_complex(n.view(x.shape[0], -1, 16, 2))
    return torch.view_as_real(n * angle).to(DTYPE).flatten(1)


def norm_rope(rows, dim):
    x, w = torch.randn(rows, dim).to(DTYPE), torch.randn(dim)
    angle = torch.polar(torch.ones(rows, 1, 16), torch.randn(rows, 1, 16))
    return fastest(lambda: turned(x, w, angle)), 0


def place(rows, dim):
    q, k, v = torch.randn(rows, 3 * dim).to(DTYPE).chunk(3, -1)
    past, w = torch.empty_like(v), torch.randn(dim)
    angle = torch.polar(torch.ones(rows, 1, 16), torch.randn(rows, 1, 16))
    return fastest(lambda: (turned(q, w, angle), turned(k, w, angle), past.copy_(v))), 0


def attention(queries, keys, heads, d):
    q = torch.randn(1, heads, queries, d).to(DTYPE)
    k, v = (torch.randn(1, heads, keys, d).to(DTYPE) for _ in "kv")

    def explicit():
        return torch.softmax(q @ k.transpose(-1, -2) * 0.2, -1) @ v
    calls = [explicit]
    if hasattr(F, "scaled_dot_product_attention"):
        calls.append(lambda: F.scaled_dot_product_attention(q, k, v))
    return min(fastest(c) for c in calls), 4 * queries * keys * heads * d


def monarch(fq, fk, rows, cols, heads, d):
    """Both stages as batched products over all key frames."""
    q = torch.randn(heads, fq, rows, cols, d).to(DTYPE)
    k, v = (torch.randn(heads, fk, rows, cols, d).to(DTYPE) for _ in "kv")

    def call():
        z = torch.einsum("hakjd,hfkld->hafkjl", q, k) * 0.2
        r = torch.softmax(z.float(), -1)
        entropy = (torch.logsumexp(z.float(), -1) - (r * z).sum(-1))
        r = r.to(DTYPE)
        alpha = torch.einsum("hafkjl,hfkld->hajfkd", r, k)
        y = torch.einsum("hafkjl,hfkld->hajfkd", r, v)
        logit = torch.einsum("haijd,hajfkd->haijfk", q, alpha).float() * 0.2
        logit = logit + entropy.permute(0, 1, 4, 2, 3)[:, :, None]
        weight = torch.softmax(logit.flatten(-2), -1).to(DTYPE)
        return torch.einsum("haijn,hajnd->haijd", weight, y.flatten(3, 4))
    return fastest(call), fq * fk * heads * d * rows * cols * (6 * cols + 4 * rows)


ROWS = [  # name, function, arguments, times, belongs to the transformer
    ("conv1 16-64", conv, (1, 12, 20, 16, 64, 3, 3, 0), 1, 0),
    ("conv 64-64 12x20", conv, (1, 12, 20, 64, 64, 3, 3, 1), 10, 0),
    ("time conv 64-128 12x20", conv, (1, 12, 20, 64, 128, 3, 1, 0), 1, 0),
    ("up conv 64-32 24x40", conv, (2, 24, 40, 64, 32, 1, 3, 0), 1, 0),
    ("conv 32-64 24x40", conv, (2, 24, 40, 32, 64, 3, 3, 0), 1, 0),
    ("shortcut 32-64 24x40", conv, (2, 24, 40, 32, 64, 1, 1, 0), 1, 0),
    ("conv 64-64 24x40", conv, (2, 24, 40, 64, 64, 3, 3, 1), 5, 0),
    ("time conv 64-128 24x40", conv, (2, 24, 40, 64, 128, 3, 1, 0), 1, 0),
    ("up conv 64-32 48x80", conv, (4, 48, 80, 64, 32, 1, 3, 0), 1, 0),
    ("conv 32-32 48x80", conv, (4, 48, 80, 32, 32, 3, 3, 1), 6, 0),
    ("up conv 32-16 96x160", conv, (4, 96, 160, 32, 16, 1, 3, 0), 1, 0),
    ("conv 16-16 96x160", conv, (4, 96, 160, 16, 16, 3, 3, 1), 6, 0),
    ("head conv 16-3 96x160", conv, (4, 96, 160, 16, 3, 3, 3, 0), 1, 0),
    ("norm silu 64 12x20", norm, (1, 12, 20, 64), 11, 0),
    ("norm silu 64 24x40", norm, (2, 24, 40, 64), 6, 0),
    ("norm silu 32 48x80", norm, (4, 48, 80, 32), 6, 0),
    ("norm silu 16 96x160", norm, (4, 96, 160, 16), 7, 0),
    ("upsample 64 24x40", up, (2, 12, 20, 64), 1, 0),
    ("upsample 64 48x80", up, (4, 24, 40, 64), 1, 0),
    ("upsample 32 96x160", up, (4, 48, 80, 32), 1, 0),
    ("interleave 64 24x40", weave, (2, 24, 40, 128), 1, 0),
    ("qkv 192-576", linear, (180, 192, 576, "store"), 8, 1),
    ("out 192-192 gate", linear, (180, 192, 192, "gate"), 8, 1),
    ("cross q 192-192", linear, (180, 192, 192, "store"), 8, 1),
    ("cross out 192-192", linear, (180, 192, 192, "residual"), 8, 1),
    ("ffn 192-768 gelu", linear, (180, 192, 768, "gelu"), 8, 1),
    ("ffn 768-192 gate", linear, (180, 768, 192, "gate"), 8, 1),
    ("norm modulate 192", norm_modulate, (180, 192), 24, 1),
    ("qk norm rope 192", norm_rope, (180, 192), 8, 1),
    ("q, k, v placed 192", place, (180, 192), 8, 1),
    ("cross attention 64 keys", attention, (180, 64, 6, 32), 8, 1),
    ("monarch 21 frames", monarch, (3, 21, 6, 10, 6, 32), 8, 1),
    ("attention 1260 keys", attention, (180, 1260, 6, 32), 0, 1),
]

total = [0.0, 0.0]
for name, function, arguments, times, part in ROWS:
    seconds, flops = function(*arguments)
    total[part] += seconds * times
    print(f"{name:26} {seconds * 1e6:9.1f} {flops / seconds * 1e-9:9.1f}  x{times}", flush=True)
print(f"decode, a latent frame: {total[0] * 1e3:.2f} ms")
print(f"transformer, a pass: {total[1] * 1e3:.2f} ms")
