"""Teaches the text encoder what captions say, for a given time: every output row must tell the
background and the number of objects, and the rows of the words that speak of an object all its
attributes and whether it is the upper or the lower one. That takes minutes on a CPU and makes the
video model's conditioning easy: python train_text.py --seconds 300 --out DIR   writes DIR/text.pt

With --resume it goes on from an encoder that a transformer already listens to: new layers begin by
changing nothing, and what is said of scenes with one object stays where the transformer knows it
(--keep), while scenes with two learn to be told apart.
"""
import argparse
import os
import time

import torch
import torch.nn.functional as F
from torch import nn

import scenes
from text_encoder import TextEncoder, load_encoder
from tokens import VOCAB, token_ids, token_owners, tokenizer

# classes of what is told: by every row; by the rows of an object, of that object
CLASSES = [6, 2] + [2, 8, 10, 8, 3]
NAMES = "background count lower shape colour motion size".split()


def attributes(scene):
    """[2, len(CLASSES)]: what the rows of the first and of the second object tell"""
    return [[scene.background, scene.count - 1, i, o.shape, o.colour, o.motion, o.size]
            for i, o in enumerate(scene.object)]


def captions(pieces, found, variants):
    """-> token ids [n,L] and their owners, see token_owners"""
    texts, spans = zip(*(scenes.caption_and_spans(s, v) for s, v in zip(found, variants)))
    return token_ids(pieces, texts), token_owners(pieces, texts, spans)


def told_loss(heads, rows, ids, owners, want):
    """rows [B,n,128] of the encoder, ids and owners [B,n], want [B,2,attributes] -> loss, and for
    each of CLASSES its logits and the wanted classes of every row that has to tell it"""
    of = want.gather(1, (owners - 1).clamp(min=0)[..., None].expand(-1, -1, want.shape[2]))
    logits, out = heads(rows).split(CLASSES, -1), []
    for k, z in enumerate(logits):
        told = ids > 0 if k < 2 else owners > 0
        out.append((z[told], of[..., k][told]))
    return sum(F.cross_entropy(z, wanted) for z, wanted in out), out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--out", required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--layers", type=int, default=2, help="--resume grows to as many")
    parser.add_argument("--resume", help="an encoder to go on from")
    parser.add_argument("--keep", type=float, default=0,
                        help="weight of how far the rows of one object move from --resume's")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pieces = tokenizer()
    encoder = load_encoder(args.resume, args.layers) if args.resume else TextEncoder(VOCAB)
    encoder, known = encoder.to(device), None
    if args.resume and args.keep:
        known = load_encoder(args.resume).to(device).requires_grad_(False)
    heads = nn.Linear(128, sum(CLASSES)).to(device)
    weights = [*encoder.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(weights, args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    start, seed, first = time.time(), 0, args.seed << 32
    os.makedirs(args.out, exist_ok=True)
    while time.time() - start < args.seconds:
        progress = (time.time() - start) / args.seconds
        for group in optimiser.param_groups:
            group["lr"] = args.lr * min(1, (seed + 1) / 6400) * (1 - progress)
        found = [scenes.random_scene(first + seed + i) for i in range(args.batch)]
        ids, owners = captions(pieces, found, range(seed, seed + args.batch))
        longest = int((ids > 0).sum(1).max())
        ids, owners = ids[:, :longest].to(device), owners[:, :longest].to(device)
        want = torch.tensor([attributes(s) for s in found], device=device)
        context = encoder(ids)
        loss, told = told_loss(heads, context, ids, owners, want)
        if known:
            one = (want[:, 0, 1] == 0).float()[:, None, None]
            loss = loss + args.keep * ((context - known(ids)).square() * one).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        if seed // args.batch % 100 == 0:
            right = " ".join(f"{name} {(z.argmax(-1) == wanted).float().mean().item():.3f}"
                             for name, (z, wanted) in zip(NAMES, told))
            print(f"text {time.time() - start:4.0f} s {seed} captions loss {loss.item():.3f} "
                  f"right: {right}", flush=True)
            torch.save(encoder.state_dict(), f"{args.out}/text.pt")
        seed += args.batch
    torch.save(encoder.state_dict(), f"{args.out}/text.pt")


if __name__ == "__main__":
    main()
