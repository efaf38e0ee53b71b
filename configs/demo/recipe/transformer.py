"""The Wan video transformer, chunk-causal, with the public parameter names.

Two ways to run it: `teacher_forward` on whole clips for training (a noisy and a clean stream, each
noisy chunk sees the clean chunks before it), `forward_chunk` with a key-value cache for sampling.
Attention is dense or Monarch (one iteration, a frame's rows cut into h_reduce bands).
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

CHUNK = 3  # latent frames
WINDOW = 2  # chunks that attention covers, the own one included (local_attn_size 6)


def sdpa(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v


def monarch(q, k, v, rows, cols, h_reduce):
    """q [B, heads, frames_q*rows*cols, d], k and v likewise with frames_kv; no mask."""
    B, H, _, d = q.shape
    b1, b2 = rows // h_reduce, cols
    A, G = q.shape[2] // (b1 * b2), k.shape[2] // (b1 * b2)
    scale = d ** -0.5
    q = q.reshape(B, H, A, b1, b2, d)
    # stage 1: for each (row k; query tile a, column j; key tile f) softmax over the columns l
    qk = q.permute(0, 1, 3, 2, 4, 5).reshape(B, H, b1, A * b2, d)
    kk = k.reshape(B, H, G, b1, b2, d).permute(0, 1, 3, 2, 4, 5)  # B H b1 G b2 d
    vv = v.reshape(B, H, G, b1, b2, d).permute(0, 1, 3, 2, 4, 5)
    z = (qk @ kk.reshape(B, H, b1, G * b2, d).transpose(-1, -2)).float() * scale
    z = z.reshape(B, H, b1, A * b2, G, b2)
    lse = z.logsumexp(-1, keepdim=True)
    log_r = z - lse
    r = log_r.exp()
    entropy = -(r * log_r).sum(-1)  # B H b1 A*b2 G
    both = torch.cat([kk, vv], -1)  # B H b1 G b2 2d
    mean = r.to(both.dtype).permute(0, 1, 2, 4, 3, 5) @ both  # B H b1 G A*b2 2d
    mean = mean.reshape(B, H, b1, G, A, b2, 2 * d).permute(0, 1, 4, 5, 3, 2, 6)
    mean = mean.reshape(B, H, A, b2, G * b1, 2 * d)
    # stage 2: for each (a, j) softmax over all (f, k)
    entropy = entropy.reshape(B, H, b1, A, b2, G).permute(0, 1, 3, 4, 5, 2)
    entropy = entropy.reshape(B, H, A, b2, 1, G * b1)
    q2 = q.permute(0, 1, 2, 4, 3, 5)  # B H A b2 b1 d
    logits = (q2 @ mean[..., :d].transpose(-1, -2)).float() * scale + entropy
    out = logits.softmax(-1).to(mean.dtype) @ mean[..., d:]
    return out.permute(0, 1, 2, 4, 3, 5).reshape(B, H, A * b1 * b2, d)


def attend(q, k, v, mode, grid):
    """mode 0: dense, 1 or 2: Monarch with that h_reduce."""
    return sdpa(q, k, v) if mode == 0 else monarch(q, k, v, *grid, mode)


def rope_table(head_dim, frames, rows, cols):
    """cos, sin [len(frames)*rows*cols, head_dim/2] for these frame numbers; frequencies in float64
    as the reference."""
    third = head_dim // 6
    pairs = (head_dim // 2 - 2 * third, third, third)

    def angles(positions, n):
        freq = 10000.0 ** (-torch.arange(n, dtype=torch.float64) / n)
        return torch.tensor(positions, dtype=torch.float64)[:, None] * freq

    t = angles(frames, pairs[0])[:, None, None].expand(-1, rows, cols, -1)
    y = angles(range(rows), pairs[1])[None, :, None].expand(len(frames), -1, cols, -1)
    x = angles(range(cols), pairs[2])[None, None].expand(len(frames), rows, -1, -1)
    a = torch.cat([t, y, x], -1).reshape(-1, head_dim // 2)
    return a.cos().float(), a.sin().float()


def rms(x, weight, eps=1e-6):
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.pow(2).mean(-1, keepdim=True) + eps) * weight).to(x.dtype)


def norm_rope(x, weight, cos, sin, heads):
    """RMS norm over the width, split into heads, rotate pairs: [B,N,dim] -> [B,heads,N,d]."""
    B, N, dim = x.shape
    y = rms(x.float(), weight).reshape(B, N, heads, dim // heads // 2, 2)
    c, s = cos[:, None], sin[:, None]
    a, b = y[..., 0], y[..., 1]
    y = torch.stack([a * c - b * s, a * s + b * c], -1).reshape(B, N, heads, -1)
    return y.to(x.dtype).transpose(1, 2)


def layer_norm_modulate(x, shift, scale, out_dtype):
    """x [B,F,P,dim], shift and scale [B,F,1,dim]."""
    y = F.layer_norm(x.float(), x.shape[-1:], eps=1e-6)
    return (y * (1 + scale) + shift).to(out_dtype)


def gated_add(x, y, gate):
    return x + y.float() * gate


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.norm_q, self.norm_k = Weight(dim), Weight(dim)


class Weight(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))


class Block(nn.Module):
    def __init__(self, dim, heads, ffn_dim):
        super().__init__()
        self.heads = heads
        self.modulation = nn.Parameter(torch.randn(1, 6, dim) / dim ** 0.5)
        self.self_attn, self.cross_attn = Attention(dim), Attention(dim)
        self.norm3 = nn.LayerNorm(dim, eps=1e-6)
        self.ffn = nn.Sequential(nn.Linear(dim, ffn_dim), nn.GELU("tanh"), nn.Linear(ffn_dim, dim))

    def forward(self, x, e0, cos, sin, context, mix):
        """x [B,F,P,dim] float32, e0 [B,F,6,dim]; mix(q,k,v) is the self attention's core."""
        B, n, P, dim = x.shape
        half = torch.bfloat16 if torch.is_autocast_enabled() else x.dtype
        shift1, scale1, gate1, shift2, scale2, gate2 = (
            (self.modulation.float() + e0).unsqueeze(3).unbind(2))
        a = self.self_attn
        y = layer_norm_modulate(x, shift1, scale1, half).reshape(B, n * P, dim)
        q = norm_rope(a.q(y), a.norm_q.weight, cos, sin, self.heads)
        k = norm_rope(a.k(y), a.norm_k.weight, cos, sin, self.heads)
        v = a.v(y).reshape(B, n * P, self.heads, -1).transpose(1, 2)
        y = mix(q, k, v).transpose(1, 2).reshape(B, n, P, dim)
        x = gated_add(x, a.o(y), gate1)
        x = x + self.cross(self.norm3(x), context)
        y = layer_norm_modulate(x, shift2, scale2, half)
        return gated_add(x, self.ffn(y), gate2)

    def cross(self, x, context):
        a, (B, n, P, dim) = self.cross_attn, x.shape

        def split(y):
            return y.reshape(B, -1, self.heads, dim // self.heads).transpose(1, 2)

        q = split(rms(a.q(x), a.norm_q.weight))
        k = split(rms(a.k(context), a.norm_k.weight))
        y = sdpa(q, k, split(a.v(context)))
        return a.o(y.transpose(1, 2).reshape(B, n, P, dim))


class Transformer(nn.Module):
    def __init__(self, dim=96, heads=3, layers=5, ffn_dim=384, freq_dim=256, text_dim=128,
                 text_len=64):
        super().__init__()
        self.config = dict(_class_name="WanModel", _diffusers_version="0.30.0", dim=dim, eps=1e-6,
                           ffn_dim=ffn_dim, freq_dim=freq_dim, in_dim=16, model_type="t2v",
                           num_heads=heads, num_layers=layers, out_dim=16, text_len=text_len)
        self.dim, self.heads, self.freq_dim = dim, heads, freq_dim
        self.patch_embedding = nn.Conv3d(16, dim, (1, 2, 2), (1, 2, 2))
        self.text_embedding = nn.Sequential(nn.Linear(text_dim, dim), nn.GELU("tanh"),
                                            nn.Linear(dim, dim))
        self.time_embedding = nn.Sequential(nn.Linear(freq_dim, dim), nn.SiLU(),
                                            nn.Linear(dim, dim))
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(dim, dim * 6))
        self.blocks = nn.ModuleList(Block(dim, heads, ffn_dim) for _ in range(layers))
        self.head = nn.Module()
        self.head.head = nn.Linear(dim, 64)
        self.head.modulation = nn.Parameter(torch.randn(1, 2, dim) / dim ** 0.5)
        nn.init.zeros_(self.head.head.weight)
        nn.init.zeros_(self.head.head.bias)

    def embed_patches(self, x):
        """[B,T,16,h,w] -> [B,T,tokens,dim]; the patch embedding as a matrix product."""
        B, T, C, h, w = x.shape
        p = x.reshape(B, T, C, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4, 6)
        p = p.reshape(B, T, h * w // 4, C * 4)
        weight = self.patch_embedding.weight.reshape(self.dim, C * 4)
        return F.linear(p, weight, self.patch_embedding.bias).float()

    def embed_time(self, t):
        """t [B,T] in 0..1000 -> e [B,T,dim], e0 [B,T,6,dim], float32."""
        half = self.freq_dim // 2
        freq = 10000.0 ** (-torch.arange(half, dtype=torch.float64, device=t.device) / half)
        a = t.double()[..., None] * freq
        with torch.autocast(t.device.type, enabled=False):
            wave = torch.cat([a.cos(), a.sin()], -1).to(self.time_embedding[0].weight.dtype)
            e = self.time_embedding(wave)
            return e, self.time_projection(e).unflatten(-1, (6, self.dim))

    def head_out(self, x, e, h, w):
        shift, scale = (self.head.modulation.float() + e.unsqueeze(2)).unsqueeze(3).unbind(2)
        y = self.head.head(layer_norm_modulate(x, shift, scale, x.dtype)).float()
        B, T = y.shape[:2]
        y = y.reshape(B, T, h // 2, w // 2, 2, 2, 16).permute(0, 1, 6, 2, 4, 3, 5)
        return y.reshape(B, T, 16, h, w)

    def forward(self, x, t, context, mix, frames):
        """x [B,T,16,h,w], t [B,T], context [B,text_len,text_dim], frames: the T frame numbers;
        mix(layer, q, k, v) attends."""
        h, w = x.shape[3:]
        tables = rope_table(self.dim // self.heads, frames, h // 2, w // 2)
        cos, sin = (s.to(x.device, x.dtype if x.dtype == torch.float64 else None) for s in tables)
        e, e0 = self.embed_time(t)
        context = self.text_embedding(context)
        y = self.embed_patches(x)
        if x.dtype == torch.float64:
            y = y.double()
        for i, block in enumerate(self.blocks):
            y = block(y, e0, cos, sin, context, lambda q, k, v: mix(i, q, k, v))
        return self.head_out(y, e, h, w)

    def teacher_forward(self, noisy, t, clean, context, mode, first=0, window=WINDOW):
        """Flow of the chunks of `noisy` at times t [B,T], each given the clean chunks before it.
        noisy[:, 0] is chunk number `first`, clean[:, 0] chunk 0. The clean chunks are run at t = 0
        and attend causally to each other. A chunk sees itself and window-1 chunks before it."""
        B, T, _, h, w = noisy.shape
        grid, step, given = (h // 2, w // 2), CHUNK * h * w // 4, clean.shape[1] // CHUNK

        def mix(_, q, k, v):
            out = []
            for i in range(given + T // CHUNK):
                chunk = i if i < given else i - given + first
                a = max(0, chunk - window + 1) * step
                past, own = slice(a, chunk * step), slice(i * step, (i + 1) * step)
                keys = torch.cat([k[:, :, past], k[:, :, own]], 2)
                values = torch.cat([v[:, :, past], v[:, :, own]], 2)
                out.append(attend(q[:, :, own], keys, values, mode, grid))
            return torch.cat(out, 2)

        start = first * CHUNK
        frames = [*range(clean.shape[1]), *range(start, start + T)]
        times = torch.cat([torch.zeros_like(t[:, :1]).expand(-1, clean.shape[1]), t], 1)
        flow = self(torch.cat([clean, noisy], 1), times, context, mix, frames)
        return flow[:, clean.shape[1]:]

    def chunk_forward(self, x, t, context, cache, start, mode):
        """One cached pass. cache: list per layer of (k, v) of the frames before `start`. Returns
        the flow and the cache with this chunk's keys and values behind."""
        grid, fresh = (x.shape[3] // 2, x.shape[4] // 2), []

        def mix(layer, q, k, v):
            if cache is not None:
                k = torch.cat([cache[layer][0], k], 2)
                v = torch.cat([cache[layer][1], v], 2)
            fresh.append((k, v))
            return attend(q, k, v, mode, grid)

        return self(x, t, context, mix, range(start, start + x.shape[1])), fresh
