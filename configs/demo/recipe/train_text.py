"""Teaches the text encoder what captions say, for a given time: every output row must tell all
attributes of the scene. That takes a few minutes on a CPU and makes the video model's conditioning
easy: python train_text.py --seconds 300 --out DIR   writes DIR/text.pt
"""
import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

import scenes
from text_encoder import TextEncoder
from tokens import VOCAB, token_ids, tokenizer

# classes of each attribute: background, count, then per object (class 0: no such object)
CLASSES = [6, 2] + [9, 11, 9, 4] * 2


def attributes(scene):
    out = [scene.background, scene.count - 1]
    for i in range(2):
        o, there = scene.object[i], i < scene.count
        out += [(x + 1) * there for x in (o.shape, o.colour, o.motion, o.size)]
    return out


def told_loss(heads, rows, ids, want):
    """rows [B,n,128] of the encoder, ids [B,n], want [B,attributes] -> loss, logits and the wanted
    classes of every row that stands for a token"""
    told = (ids > 0).flatten()
    logits = heads(rows).flatten(0, 1)[told].split(CLASSES, -1)
    wanted = want[:, None].expand(-1, ids.shape[1], -1).flatten(0, 1)[told]
    loss = sum(F.cross_entropy(z, wanted[:, k]) for k, z in enumerate(logits))
    return loss, logits, wanted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--out", required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder, pieces = TextEncoder(VOCAB).to(device), tokenizer()
    heads = nn.Linear(128, sum(CLASSES)).to(device)
    weights = [*encoder.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(weights, args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    start, seed = time.time(), 0
    while time.time() - start < args.seconds:
        progress = (time.time() - start) / args.seconds
        for group in optimiser.param_groups:
            group["lr"] = args.lr * min(1, (seed + 1) / 6400) * (1 - progress)
        found = [scenes.random_scene(seed + i) for i in range(args.batch)]
        ids = token_ids(pieces, [scenes.caption(s, seed + i) for i, s in enumerate(found)])
        ids = ids[:, :int((ids > 0).sum(1).max())].to(device)
        want = torch.tensor([attributes(s) for s in found], device=device)
        loss, logits, rows = told_loss(heads, encoder(ids), ids, want)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        if seed // args.batch % 100 == 0:
            right = [(z.argmax(-1) == rows[:, k]).float().mean().item()
                     for k, z in enumerate(logits)]
            print(f"text {time.time() - start:4.0f} s {seed} captions loss {loss.item():.3f} right "
                  + " ".join(f"{r:.2f}" for r in right), flush=True)
            torch.save(encoder.state_dict(), f"{args.out}/text.pt")
        seed += args.batch
    torch.save(encoder.state_dict(), f"{args.out}/text.pt")


if __name__ == "__main__":
    main()
