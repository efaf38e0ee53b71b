"""What `danaus bench --compare-torch` runs in python3. The rows as single calls; the layers of a pass
with their cache; the decoder with the frames that it remembers. Of plain and channels-last memory,
and of PyTorch's fused attentions, the faster one counts. On a GPU calls are timed between events,
and operands take turns so that its cache does not hold them.

Argument: a JSON object; prints lines "version V", "row N SECONDS", "pass N SECONDS" (of the N-th way
to attend) and "decode SECONDS"."""
import contextlib
import json
import math
import statistics
import sys
import time

import torch
import torch.nn.functional as F

job = json.loads(sys.argv[1])
GPU = job["device"] == "cuda"
torch.set_grad_enabled(False)
torch.set_num_threads(job["threads"])
if GPU:
    torch.set_default_device("cuda")
    torch.backends.cudnn.benchmark = True
DT = torch.bfloat16 if job["dtype"] == "bf16" else torch.float32
FORMATS = (torch.contiguous_format, torch.channels_last_3d)
ROTATE = 180e6  # bytes of operands that take turns on a GPU
print("version", torch.__version__, flush=True)


def fastest(call):
    """Seconds of the fastest call; on a GPU the median, as for our own."""
    if GPU:
        return on_gpu(call)
    best, start, i = 1e9, time.perf_counter(), 0
    while i < 4 or time.perf_counter() - start < job["budget"]:
        t = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - t)
        i += 1
    return best


def on_gpu(call):
    """Batches of calls between two events: launching one must not be what is timed."""
    for _ in range(2):
        call()
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    batch = max(1, min(64, int(2e-3 / (time.perf_counter() - start))))
    samples, start = [], time.perf_counter()
    while len(samples) < 5 or time.perf_counter() - start < job["budget"]:
        a, b = (torch.cuda.Event(enable_timing=True) for _ in "ab")
        a.record()
        for _ in range(batch):
            call()
        b.record()
        b.synchronize()
        samples.append(a.elapsed_time(b) * 1e-3 / batch)
    return statistics.median(samples)


def turns(make, call):
    """call(*operands) with operands of make(), of several sets in turn on a GPU."""
    sets = [make()]
    size = sum(t.numel() * t.element_size() for t in sets[0])
    while GPU and len(sets) < 16 and len(sets) * size < ROTATE:
        sets.append(make())
    at = [0]

    def one():
        at[0] += 1
        return call(*sets[at[0] % len(sets)])
    return fastest(one)


def rand(*shape, dtype=DT, memory=torch.contiguous_format):
    return torch.randn(*shape).to(dtype).contiguous(memory_format=memory)


def conv(t, h, w, cin, cout, kt, k, residual):
    best = 1e9
    for memory in FORMATS:
        if GPU and memory == torch.contiguous_format:
            continue  # never the faster one there
        c = torch.nn.Conv3d(cin, cout, (kt, k, k), padding=(0, k // 2, k // 2))
        c = c.to(DT).to(memory_format=memory)
        operands = lambda: (rand(1, cin, t + kt - 1, h, w, memory=memory),
                            rand(1, cout, t, h, w, memory=memory))
        best = min(best, turns(operands, (lambda x, r: c(x) + r) if residual else lambda x, r: c(x)))
    return best


def rms(x, gamma):
    return F.silu(F.normalize(x, dim=1) * math.sqrt(x.shape[1]) * gamma)


def norm(t, h, w, c, *_):
    gamma, best = rand(c, 1, 1, 1), 1e9
    for memory in FORMATS:
        best = min(best, turns(lambda: (rand(1, c, t, h, w, memory=memory),),
                               lambda x: rms(x, gamma)))
    return best


def weave(t, h, w, c, *_):
    return turns(lambda: (rand(1, 2, c // 2, t, h, w),),
                 lambda x: torch.stack((x[:, 0], x[:, 1]), 3).reshape(1, c // 2, 2 * t, h, w))


def linear(rows, cin, cout, kind, *_):
    gate, bias = torch.randn(1, 1, cout), rand(cout)
    calls = {1: lambda x, w, y: F.gelu(F.linear(x, w, bias), approximate="tanh"),
             4: lambda x, w, y: y + F.linear(x, w, bias),
             5: lambda x, w, y: y + F.linear(x, w, bias) * gate}
    return turns(lambda: (rand(1, rows, cin), rand(cout, cin) * cin ** -0.5,
                          torch.randn(1, rows, cout if kind in (4, 5) else 1)),
                 calls.get(kind, lambda x, w, y: F.linear(x, w, bias)))


def modulate(rows, dim, *_):
    a, b = torch.randn(1, 1, dim), torch.randn(1, 1, dim)
    return turns(lambda: (torch.randn(1, rows, dim),),
                 lambda x: (F.layer_norm(x, (dim,), eps=1e-6) * (1 + a) + b).to(DT))


def norm_rope(x, w, angle):
    n = x.float()
    n = n * torch.rsqrt(n.pow(2).mean(-1, keepdim=True) + 1e-6) * w
    n = torch.view_as_complex(n.view(x.shape[0], -1, angle.shape[-1], 2))
    return torch.view_as_real(n * angle).to(DT).flatten(1)


def rope(rows, dim, d, *_):
    w, angle = torch.randn(dim), torch.randn(rows, 1, d // 2) + 0j
    return turns(lambda: (rand(rows, dim),), lambda x: norm_rope(x, w, angle))


def place(rows, dim, d, *_):
    w, angle = torch.randn(dim), torch.randn(rows, 1, d // 2) + 0j
    k_past, v_past = rand(rows, dim), rand(rows, dim)

    def call(qkv):
        q, k, v = qkv.chunk(3, -1)
        k_past[:], v_past[:] = norm_rope(k, w, angle), v
        return norm_rope(q, w, angle)
    return turns(lambda: (rand(rows, 3 * dim),), call)


def attend(q, k, v):
    if not hasattr(F, "scaled_dot_product_attention"):
        return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v
    if q.dim() == 3:
        return F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    return F.scaled_dot_product_attention(q, k, v)


@contextlib.contextmanager
def best_attention():
    """Inside it attend() takes cuDNN's on a GPU where that works, else what PyTorch chooses."""
    if not GPU:
        yield
        return
    from torch.nn.attention import SDPBackend, sdpa_kernel
    with sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION,
                      SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH], set_priority=True):
        yield


def attention(queries, keys, heads, d, *_):
    make = lambda: (rand(1, heads, queries, d), rand(1, heads, keys, d), rand(1, heads, keys, d))
    plain = turns(make, attend)
    with best_attention():
        return min(plain, turns(make, attend))


def monarch_attend(q, k, v):
    z = torch.einsum("hakjd,hfkld->hafkjl", q, k) * q.shape[-1] ** -0.5
    r = torch.softmax(z.float(), -1)
    entropy = torch.logsumexp(z.float(), -1) - (r * z).sum(-1)
    r = r.to(DT)
    alpha = torch.einsum("hafkjl,hfkld->hajfkd", r, k)
    y = torch.einsum("hafkjl,hfkld->hajfkd", r, v)
    logit = torch.einsum("haijd,hajfkd->haijfk", q, alpha).float() * q.shape[-1] ** -0.5
    logit = logit + entropy.permute(0, 1, 4, 2, 3)[:, :, None]
    weight = torch.softmax(logit.flatten(-2), -1).to(DT)
    return torch.einsum("haijn,hajnd->haijd", weight, y.flatten(3, 4))


def monarch(fq, fk, rows, cols, heads, d, h, w):
    cut, rows, cols = max(h, 1) * max(w, 1), rows // max(h, 1), cols // max(w, 1)
    make = lambda f: rand(heads, f * cut, rows, cols, d)
    return turns(lambda: (make(fq), make(fk), make(fk)), monarch_attend)


KINDS = [conv, norm, None, weave, linear, modulate, rope, place, attention, monarch]
for i, (kind, sizes) in enumerate(job["rows"]):
    print("row", i, KINDS[kind](*sizes), flush=True)


class Block(torch.nn.Module):
    def __init__(self, dim, ffn):
        super().__init__()
        lin = lambda a, b: torch.nn.Linear(a, b).to(DT)
        self.qkv, self.o, self.cq, self.co = lin(dim, 3 * dim), lin(dim, dim), lin(dim, dim), lin(dim, dim)
        self.up, self.down = lin(dim, ffn), lin(ffn, dim)
        self.e, self.w = torch.randn(6, dim), torch.randn(dim)


def block_forward(b, x, p, k_past, v_past, ck, cv, angle):
    n, heads = x.shape[0], p["heads"]
    split = lambda t: t.view(-1, heads, t.shape[-1] // heads).transpose(0, 1)
    mod = lambda s, t: (F.layer_norm(x, (x.shape[1],), eps=1e-6) * (1 + b.e[s]) + b.e[t]).to(DT)
    q, k, v = b.qkv(mod(0, 1)).chunk(3, -1)
    k_past[-n:], v_past[-n:] = norm_rope(k, b.w, angle), v
    q = norm_rope(q, b.w, angle)
    if p["monarch"]:
        fq, fk, r, c = p["monarch"]
        a = monarch_attend(*(split(t).reshape(heads, f, r, c, -1)
                             for t, f in ((q, fq), (k_past, fk), (v_past, fk))))
        a = a.reshape(heads, n, -1)
    else:
        a = attend(split(q), split(k_past), split(v_past))
    x = x + b.o(a.transpose(0, 1).reshape(n, -1)) * b.e[2]
    q = b.cq(F.layer_norm(x, (x.shape[1],)).to(DT)).float()
    q = (q * torch.rsqrt(q.pow(2).mean(-1, keepdim=True) + 1e-6) * b.w).to(DT)
    x = x + b.co(attend(split(q), ck, cv).transpose(0, 1).reshape(n, -1))
    return x + b.down(F.gelu(b.up(mod(3, 4)), approximate="tanh")) * b.e[5]


def layers(p):
    dim, n, keys = p["dim"], p["tokens"], p["keys"]
    count = min(p["layers"], max(1, int(2e8 / (8 * dim * dim + 2 * dim * p["ffn"]))))
    blocks = [Block(dim, p["ffn"]) for _ in range(count)]
    past = [(rand(keys, dim), rand(keys, dim)) for _ in blocks]
    ck, cv = (rand(p["heads"], p["text"], dim // p["heads"]) for _ in "kv")
    angle, start = torch.randn(n, 1, dim // p["heads"] // 2) + 0j, torch.randn(n, dim)
    def call():
        x = start
        for b, (k, v) in zip(blocks, past):
            x = block_forward(b, x, p, k, v, ck, cv, angle)
    seconds = fastest(call) * p["layers"] / count
    del blocks, past
    return seconds


class Causal(torch.nn.Module):
    "A convolution behind the two frames that it remembers."
    def __init__(self, cin, cout, kt, k, memory):
        super().__init__()
        self.c = torch.nn.Conv3d(cin, cout, (kt, k, k), padding=(0, k // 2, k // 2))
        self.c = self.c.to(DT).to(memory_format=memory)
        self.kt, self.past = kt, None
    def forward(self, x):
        if self.kt > 1:
            if self.past is None:
                self.past = x.new_zeros(*x.shape[:2], 2, *x.shape[3:])
            x = torch.cat((self.past, x), 2)
            self.past = x[:, :, -2:].clone()
        return self.c(x)


def make_layer(kind, cin, cout, more, memory):
    conv = lambda a, b, kt, k: Causal(a, b, kt, k, memory)
    g1, g2 = rand(cin, 1, 1, 1), rand(cout, 1, 1, 1)
    if kind == "residual":
        a, b = conv(cin, cout, 3, 3), conv(cout, cout, 3, 3)
        s = conv(cin, cout, 1, 1) if cin != cout else (lambda x: x)
        return lambda x: s(x) + b(rms(a(rms(x, g1)), g2))
    if kind == "attention":
        qkv, proj = conv(cin, 3 * cin, 1, 1), conv(cin, cin, 1, 1)
        def call(x):
            q, k, v = qkv(F.normalize(x, dim=1)).flatten(3).permute(0, 2, 3, 1).contiguous().chunk(3, -1)
            return x + proj(attend(q, k, v).permute(0, 3, 1, 2).reshape(x.shape))
        return call
    if kind == "upsample":
        time_conv = conv(cin, 2 * cin, 3, 1) if more else None
        spatial = torch.nn.Conv2d(cin, cout, 3, padding=1).to(DT)
        if memory == torch.channels_last_3d:
            spatial = spatial.to(memory_format=torch.channels_last)
        def call(x):
            if time_conv:
                y = time_conv(x).unflatten(1, (2, cin))
                x = torch.stack((y[:, 0], y[:, 1]), 3).flatten(2, 3)
            y = x[0].transpose(0, 1)
            y = spatial(F.interpolate(y.float(), scale_factor=2.0, mode="nearest-exact").to(DT))
            return y.transpose(0, 1)[None].contiguous(memory_format=memory)
        return call
    if kind == "head":
        c = conv(cin, cout, 3, 3)
        return lambda x: c(rms(x, g1))
    return conv(cin, cout, 3, 3)


def decoder(p):
    best = 1e9
    for memory in FORMATS[1 if GPU else 0:]:
        chain = [make_layer(*spec, memory) for spec in p["layers"]]
        latent = rand(1, p["layers"][0][1], 1, p["h"], p["w"], memory=memory)
        def call():
            x = latent
            for layer in chain:
                x = layer(x)
        best = min(best, fastest(call))
    return best

for i, block in enumerate(job["blocks"]):
    with best_attention():
        print("pass", i, layers(block), flush=True)
print("decode", decoder(job["decoder"]), flush=True)
