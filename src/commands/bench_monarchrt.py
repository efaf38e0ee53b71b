"""What `danaus bench --compare-monarchrt CHECKOUT` runs in python3: the Triton kernels of the public
MonarchRT and its whole pipeline with random weights, on the GPU that danaus has just used.

Nothing of that project is in here; it is imported from the checkout and called as it is. What it
imports and this python may lack gets a stand-in from outside: diffusers (base classes only),
flashinfer (its norm and rotary embedding, here one-pass Triton kernels), flash_attn (PyTorch's best
fused attention), the tokenizer and text encoder (a random context). Its autotuning is not timed.

Argument: a JSON object; prints lines "kernel NAME CALLED REPLAYED" (seconds of its attention, called
from python and replayed as a graph), "pipeline NAME TOTAL DIFFUSION VAE" and "note TEXT". Configurations of the autotuner are compiled by several processes beforehand, for a
single one takes minutes; the tuner then chooses among all of them as it would have."""
import contextlib
import faulthandler
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
import types

import torch
import triton
import triton.language as tl

job = json.loads(sys.argv[1])
torch.set_grad_enabled(False)
faulthandler.enable()
BF16 = torch.bfloat16


def note(*words):
    print("note", *words, flush=True)


# --- imports of the checkout, without the packages' own __init__ files ---

def package(name):
    m = types.ModuleType(name)
    m.__path__ = [os.path.join(job["path"], *name.split("."))]
    sys.modules[name] = m


def module(name, **contents):
    m = types.ModuleType(name)
    m.__dict__.update(contents)
    sys.modules[name] = m
    return m


@triton.jit
def rms_norm_rows(x, w, y, eps, dim: tl.constexpr, block: tl.constexpr):
    row, at = tl.program_id(0).to(tl.int64), tl.arange(0, block)
    v = tl.load(x + row * dim + at, mask=at < dim, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(v * v, 0) / dim + eps)
    weight = tl.load(w + at, mask=at < dim, other=0.0).to(tl.float32)
    tl.store(y + row * dim + at, (v * scale * weight).to(y.dtype.element_ty), mask=at < dim)


def rms_norm(x, weight, eps=1e-6):
    x, dim = x.contiguous(), x.shape[-1]
    y = torch.empty_like(x)
    rms_norm_rows[(x.numel() // dim,)](x, weight, y, eps, dim, triton.next_power_of_2(dim))
    return y


@triton.jit
def rope_rows(q, k, table, positions, heads: tl.constexpr, d: tl.constexpr):
    row, head = tl.program_id(0).to(tl.int64), tl.program_id(1)
    i = tl.arange(0, d // 2)
    angle = table + tl.load(positions + row) * d
    c, s = tl.load(angle + i), tl.load(angle + d // 2 + i)
    for x in tl.static_range(2):
        p = (q if x == 0 else k) + (row * heads + head) * d + 2 * i
        a, b = tl.load(p).to(tl.float32), tl.load(p + 1).to(tl.float32)
        tl.store(p, (a * c - b * s).to(q.dtype.element_ty))
        tl.store(p + 1, (a * s + b * c).to(q.dtype.element_ty))


def rope(positions, query, key, head_size, cos_sin_cache, is_neox=False):
    heads = query.shape[1] // head_size
    rope_rows[(query.shape[0], heads)](query, key, cos_sin_cache, positions, heads, head_size)


def attention(q, k, v, softmax_scale=None, causal=False, **_):
    """flash_attn_varlen_func for a batch of one: [tokens, heads, d]."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    q, k, v = (t.transpose(0, 1)[None] for t in (q, k, v))
    with sdpa_kernel([SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION], set_priority=True):
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=softmax_scale,
                                                               is_causal=causal)
    return out[0].transpose(0, 1)


class Model(torch.nn.Module):
    """diffusers' ModelMixin, as far as it is used: random weights of the 1.3B shapes."""
    @classmethod
    def from_pretrained(cls, path, **more):
        with torch.device("cuda"):
            return cls(dim=1536, ffn_dim=8960, num_heads=12, num_layers=30, **more)


def stand_ins():
    for name in ("wan", "wan.modules", "pipeline", "utils"):
        package(name)
    for name in ("diffusers", "flashinfer"):
        module(name)
    module("diffusers.configuration_utils", ConfigMixin=object, register_to_config=lambda f: f)
    module("diffusers.models")
    module("diffusers.models.modeling_utils", ModelMixin=Model)
    module("flashinfer.norm", rmsnorm=rms_norm)
    module("flashinfer.rope", apply_rope_with_cos_sin_cache_inplace=rope)
    module("flash_attn", flash_attn_varlen_func=attention)
    module("wan.modules.tokenizers", HuggingfaceTokenizer=None)


# --- its kernels ---

def kernels():
    import wan.modules.monarch_attn as m
    return m


def lists(m):
    """Configurations of both kernels that the tuner is to try: all of theirs, or those that a tile
    of 30 x 52 can be expected to like. (The first kernel has no loop to pipeline: stages do not
    matter there.)"""
    one, two = all_configs(m._al_cl_y_fwd), all_configs(m._z_fwd)
    if job["configs"] == "all":
        return [[described(c) for c in part] for part in (one, two)]
    one, two = ([c for c in one if c.num_stages == 2 and c.num_warps == 4
             and c.kwargs["BLOCK_J"] <= 64 and 32 <= c.kwargs["BLOCK_L"] <= 64],
            [c for c in two if c.num_warps == 4 and c.kwargs["BLOCK_I"] <= 64
             and c.kwargs["BLOCK_K"] <= 32])
    return [[described(c) for c in part] for part in (one, two)]


def inputs(frames, keys):
    g = torch.Generator(device="cuda").manual_seed(1)
    n = job["rows"] * job["cols"]
    rand = lambda f: torch.randn(1, f * n, job["heads"], job["d"], device="cuda", generator=g).to(BF16)
    return rand(frames), rand(keys), rand(keys), rand(frames), rand(frames)


def run_kernels(m, h, data):
    q, k, v, new_k, new_v = data
    end = k.shape[1]
    return m.monarch_attn_with_kv_cache(q, k, v, new_k, new_v, end - q.shape[1], end, 1, h, 1,
                                        job["rows"], job["cols"])


def described(config):
    return [config.kwargs, config.num_stages, config.num_warps]


def choose(m, wanted):
    """Leaves the tuner those configurations that fit the descriptions."""
    for kernel, part in zip((m._al_cl_y_fwd, m._z_fwd), wanted):
        kernel.configs = [c for c in all_configs(kernel) if described(c) in part]


def all_configs(kernel):
    if not hasattr(kernel, "before_us"):
        kernel.before_us = list(kernel.configs)
    return kernel.before_us


def compile_some(tasks):
    """In a process of its own: one call for each (h, keys, first, second)."""
    m = kernels()
    for h, keys, first, second in tasks:
        choose(m, ([first], [second]))
        try:
            run_kernels(m, h, inputs(job["q"], keys))
        except Exception:  # a tile too large for the chip: the tuner will skip it as well
            pass
    torch.cuda.synchronize()


def pairs(one, two):
    n = max(len(one), len(two))
    return [(one[i % len(one)], two[i % len(two)]) for i in range(n)]


def compile_all(tasks):
    """Into Triton's cache on disk, by several processes of this script: a share of the tasks each."""
    count = min(14, os.cpu_count(), max(1, len(tasks)))
    share = lambda i: json.dumps(dict(job, compile=tasks[i::count]))
    children = [subprocess.Popen([sys.executable, __file__, share(i)]) for i in range(count)]
    for child in children:
        child.wait()


def timed(call, seconds=0.4):
    """Median of many, each between two events."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    samples, start = [], time.perf_counter()
    while len(samples) < 10 or time.perf_counter() - start < seconds:
        a, b = (torch.cuda.Event(enable_timing=True) for _ in "ab")
        a.record()
        call()
        b.record()
        b.synchronize()
        samples.append(a.elapsed_time(b) * 1e-3)
    return statistics.median(samples)


def graphed(call):
    """The same calls replayed as a graph: without the time that their launches take on the host."""
    call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return timed(graph.replay)


def time_kernels():
    start, m, best = time.perf_counter(), kernels(), {}
    wanted = lists(m)
    compile_all([(h, job["k"], a, b) for h in job["h"] for a, b in pairs(*wanted)])
    note("compiled", len(wanted[0]), "and", len(wanted[1]), "configurations a mode in",
         round(time.perf_counter() - start, 1), "s")
    data = inputs(job["q"], job["k"])
    for h in job["h"]:
        choose(m, wanted)
        start = time.perf_counter()
        run_kernels(m, h, data)
        torch.cuda.synchronize()
        best[h] = [[described(k.best_config)] for k in (m._al_cl_y_fwd, m._z_fwd)]
        note(f"h{h} tuned in {time.perf_counter() - start:.1f} s:", *best[h])
        called, replayed = timed(lambda: run_kernels(m, h, data)), 0
        try:
            replayed = graphed(lambda: run_kernels(m, h, data))
        except Exception as e:
            note("no graph:", str(e).splitlines()[0])
        print("kernel", f"h{h}", called, replayed, flush=True)
    return m, best


# --- its pipeline ---

class Text(torch.nn.Module):
    def forward(self, text_prompts):
        return {"prompt_embeds": torch.randn(1, 512, 4096, device="cuda", dtype=BF16) * 0.1}


def make_pipeline():
    import wan.modules.nhwc_pad as pad
    import wan.modules.vae as vae

    def video_vae(pretrained_path=None, z_dim=None, **_):
        with torch.device("cuda"):
            return vae.WanVAE_(dim=96, z_dim=z_dim, dim_mult=[1, 2, 4, 4], num_res_blocks=2,
                               attn_scales=[], temperal_downsample=[False, True, True], dropout=0.0)
    vae._video_vae = video_vae
    pad._cat_pad_ndhwc_kernel.configs = pad._cat_pad_ndhwc_kernel.configs[3:4]
    from pipeline.causal_inference import CausalInferencePipeline
    args = types.SimpleNamespace(
        model_kwargs={"timestep_shift": 5.0}, image_or_video_shape=[1, 21, 16, 60, 104],
        denoising_step_list=[1000, 750, 500, 250], warp_denoising_step=True, num_frame_per_block=3,
        independent_first_frame=False, monarch_args={}, context_noise=0)
    pipe = CausalInferencePipeline(args, device=torch.device("cuda"), text_encoder=Text())
    for p in pipe.generator.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, std=0.02)
    pipe = pipe.to(dtype=BF16)
    pipe.generator.to(device="cuda")
    pipe.vae.to(device="cuda")
    return pipe


def run_pipeline(pipe):
    """Seconds in all, of diffusion, of decoding."""
    noise = torch.randn(1, 21, 16, 60, 104, device="cuda", dtype=BF16)
    heard = io.StringIO()
    torch.cuda.synchronize()
    start = time.perf_counter()
    with contextlib.redirect_stdout(heard):
        video = pipe.inference(noise=noise, text_prompts=["a"], profile=True)
    torch.cuda.synchronize()
    total = time.perf_counter() - start
    assert video.shape[1] == 81 and bool(torch.isfinite(video[0, -1]).all())
    part = lambda words: float(re.search(words + r" time: ([0-9.]+) ms", heard.getvalue())[1]) / 1e3
    return total, part("Diffusion generation"), part("VAE decoding")


def time_pipeline(m, best):
    """Each mode with the configurations that were the best at the last chunk's shape."""
    start = time.perf_counter()
    compile_all([(h, keys, best[h][0][0], best[h][1][0]) for h in job["h"]
                 for keys in range(job["q"], job["k"], job["q"])])
    pipe = make_pipeline()
    note(f"pipeline made in {time.perf_counter() - start:.1f} s")
    for h in [0] + job["h"]:
        name = f"h{h}" if h else "dense"
        if h:
            choose(m, best[h])
        pipe.generator.model.monarch_args = {"enable": h > 0, "h_reduce": max(h, 1)}
        start = time.perf_counter()
        run_pipeline(pipe)
        note(f"{name}: first clip {time.perf_counter() - start:.1f} s")
        runs = sorted(run_pipeline(pipe) for _ in range(job["clips"]))
        print("pipeline", name, *runs[0], flush=True)
    note(f"peak {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB")


sys.path.insert(0, job["path"])
stand_ins()
if "compile" in job:
    compile_some(job["compile"])
else:
    modules, tuned = time_kernels()
    if job["clips"]:
        time_pipeline(modules, tuned)
