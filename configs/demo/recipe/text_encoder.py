"""The umT5 encoder with the public parameter names."""
import math

import torch
from torch import nn

from transformer import Weight, rms


def buckets(length, device):
    """[length, length] relative position buckets: 32, both directions, distance to 128."""
    at = torch.arange(length)
    rel = at[None] - at[:, None]
    distance = rel.abs()
    far = 8 + (torch.log(distance.clamp(min=8).float() / 8) / math.log(16) * 8).long().clamp(max=7)
    return ((rel > 0) * 16 + torch.where(distance < 8, distance, far)).to(device)


class Attention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim, bias=False) for _ in range(4))


class FeedForward(nn.Module):
    def __init__(self, dim, ffn_dim):
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(dim, ffn_dim, bias=False), nn.GELU("tanh"))
        self.fc1 = nn.Linear(dim, ffn_dim, bias=False)
        self.fc2 = nn.Linear(ffn_dim, dim, bias=False)

    def forward(self, x):
        return self.fc2(self.gate(x) * self.fc1(x))


class Layer(nn.Module):
    def __init__(self, dim, heads, ffn_dim):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = Weight(dim), Weight(dim)
        self.attn, self.ffn = Attention(dim), FeedForward(dim, ffn_dim)
        self.pos_embedding = nn.Module()
        self.pos_embedding.embedding = nn.Embedding(32, heads)
        for layer, std in ((self.attn.q, dim ** -0.75), (self.attn.k, dim ** -0.5)):
            nn.init.normal_(layer.weight, std=std)  # logits are not scaled
        nn.init.normal_(self.pos_embedding.embedding.weight, std=0.1)

    def forward(self, x, bucket, mask):
        B, L, dim = x.shape
        y, a = rms(x, self.norm1.weight), self.attn
        q, k, v = (f(y).reshape(B, L, self.heads, -1).transpose(1, 2) for f in (a.q, a.k, a.v))
        logits = (q @ k.transpose(-1, -2)).float()
        logits = logits + self.pos_embedding.embedding(bucket).permute(2, 0, 1).float()
        logits = logits.masked_fill(~mask[:, None, None], -1e30)
        y = logits.softmax(-1).to(v.dtype) @ v
        x = x + a.o(y.transpose(1, 2).reshape(B, L, -1))
        return x + self.ffn(rms(x, self.norm2.weight))


class TextEncoder(nn.Module):
    def __init__(self, vocab, dim=128, heads=4, layers=2, ffn_dim=256):
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, dim)
        self.blocks = nn.ModuleList(Layer(dim, heads, ffn_dim) for _ in range(layers))
        self.norm = Weight(dim)

    def forward(self, ids):
        """ids [B,L], 0 behind the prompt -> [B,L,dim], zero rows there."""
        mask = ids > 0
        bucket = buckets(ids.shape[1], ids.device)
        x = self.token_embedding(ids)
        for block in self.blocks:
            x = block(x, bucket, mask)
        return rms(x, self.norm.weight) * mask[..., None]


def load_encoder(path, layers=0):
    """The encoder saved at path. More layers than it has begin by changing nothing."""
    state = torch.load(path, map_location="cpu")
    there = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("blocks."))
    vocab, dim = state["token_embedding.weight"].shape
    encoder = TextEncoder(vocab, dim, layers=max(layers, there))
    encoder.load_state_dict(state, strict=False)
    for block in encoder.blocks[there:]:
        nn.init.zeros_(block.attn.o.weight)
        nn.init.zeros_(block.ffn.fc2.weight)
    return encoder
