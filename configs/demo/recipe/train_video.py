"""Trains the transformer for a given time on prescribed latents of random scenes, with a text
encoder that train_text.py made.

    python train_video.py --text DIR/text.pt --out DIR --seconds 540 [--resume DIR/video.pt]
Kinds of steps: `first`, the first chunk from noise alone; `next`, chunks given the true chunk before
them; in the last part of the time `own`, Self-Forcing: the model continues its own chunks, and is
trained at a step of its own sampling. With --polish only a cheap form of the last, one chunk at a
time. One model serves dense and Monarch attention: each step draws one. Writes DIR/video.pt and
DIR/text_with_video.pt, averaged weights in float16.
"""
import argparse
import copy
import os
import random
import time

import numpy as np
import torch

import scenes
from sampler import COUPLED, TIMES, couple, rollout
from text_encoder import load_encoder
from tokens import tokenizer
from train_text import CLASSES, attributes, captions, told_loss
from transformer import CHUNK, Transformer

MODES = (0, 1, 1, 2)  # dense, Monarch h1 (the default, so twice), Monarch h2
SPAN = 3  # chunks of a training window
CAPTIONS = 8  # wordings kept of each clip


class Data:
    """The latents, captions and open choices of scenes 0..count-1, drawn once and kept on the device;
    batches are latents [B,3*chunks,16,h,w], u, and a caption: token ids, owners, attributes."""

    def __init__(self, count, seed, device):
        start, pieces = time.time(), tokenizer()
        found = [scenes.random_scene(seed * count + i) for i in range(count)]
        jobs = scenes.ThreadPoolExecutor(os.cpu_count())
        self.latents = torch.empty(count, 7 * CHUNK, 16, scenes.H // 8, scenes.W // 8,
                                   dtype=torch.bfloat16, device=device)
        step = 256
        for at in range(0, count, step):
            some = list(jobs.map(scenes.latents, found[at:at + step]))
            self.latents[at:at + step] = torch.from_numpy(np.stack(some)).to(device)
        ids, owners = captions(pieces, [s for s in found for _ in range(CAPTIONS)],
                               [31 * i + n for i in range(count) for n in range(CAPTIONS)])
        self.ids = ids.to(device).unflatten(0, (count, CAPTIONS))
        self.owners = owners.to(device).unflatten(0, (count, CAPTIONS))
        self.u = torch.tensor([scenes.open_choices(s) for s in found], device=device)
        self.told = torch.tensor([attributes(s) for s in found], device=device)
        print(f"{count} clips in {time.time() - start:.0f} s", flush=True)

    def batch(self, size, chunks, at=0):
        pick = torch.randint(len(self.u), (size,), device=self.u.device)
        which = torch.randint(CAPTIONS, (size,), device=self.u.device)
        latents = self.latents[pick, at * CHUNK:(at + chunks) * CHUNK].float()
        caption = self.ids[pick, which], self.owners[pick, which], self.told[pick]
        return latents, self.u[pick], caption


def spread_sigma(sigma):
    return sigma[..., None, None, None]


def draw_times(batch, chunks):
    """[B,3*chunks]: mostly the sampler's four, some anywhere on the shifted schedule."""
    few = torch.tensor(TIMES)[torch.randint(4, (batch, chunks))]
    sigma = torch.rand(batch, chunks)
    anywhere = 1000 * 5 * sigma / (1 + 4 * sigma)
    t = torch.where(torch.rand(batch, chunks) < 0.9, few, anywhere)
    return t.repeat_interleave(CHUNK, 1)


class Trainer:
    def __init__(self, args):
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.text = load_encoder(args.text).to(self.device)
        torch.set_float32_matmul_precision("high")
        self.model = Transformer(args.dim, args.heads, args.layers, 4 * args.dim).to(self.device)
        if args.resume:
            self.model.load_state_dict(torch.load(args.resume, self.device))
        self.both = torch.nn.ModuleList([self.model, self.text])
        self.heads = torch.nn.Linear(128, sum(CLASSES)).to(self.device)
        self.average = copy.deepcopy(self.both)
        self.data = Data(args.clips, args.seed, self.device)
        self.steps = 0

    def batch(self, *key):
        """Latents, context, open choices; keeps how badly the context tells the attributes."""
        x0, u, caption = self.data.batch(*key)
        context = self.text(caption[0])
        self.untold = told_loss(self.heads, context, *caption)[0]
        return x0, context, u

    def first(self, mode):
        x0, context, u = self.batch(self.args.first_batch, 1)
        t = draw_times(len(x0), 1).to(self.device)
        noise = torch.randn_like(x0)
        tied = spread_sigma(t[:, :1] > 900)
        noise = torch.where(tied, couple(noise, u), noise)
        sigma = spread_sigma(t / 1000)
        noisy = (1 - sigma) * x0 + sigma * noise
        flow = self.model.chunk_forward(noisy, t, context, None, 0, mode)[0]
        return self.measure(flow - (noise - x0), x0)

    def next(self, mode):
        at = random.randrange(7 - SPAN + 1)
        x0, context, _ = self.batch(self.args.next_batch, SPAN, at)
        target = x0[:, CHUNK:]
        t = draw_times(len(x0), SPAN - 1).to(self.device)
        sigma, noise = spread_sigma(t / 1000), torch.randn_like(target)
        blur = 0.25 * torch.rand(len(x0), 1, 1, 1, 1, device=self.device).square()
        clean = x0[:, :-CHUNK]
        clean = clean + blur * torch.randn_like(clean)
        flow = self.model.teacher_forward((1 - sigma) * target + sigma * noise, t, clean, context,
                                          mode, first=1)
        return self.measure(flow - (noise - target), target)

    def own(self, mode):
        """Chunks 0, 1, 2 all sampled, or two chunks after a true one from anywhere."""
        at = random.choice((0, 0, *range(5)))
        first = 0 if at == 0 and random.random() < 0.6 else 1
        x0, context, u = self.batch(self.args.next_batch, SPAN, at)
        known = x0[:, :CHUNK] if first else None
        latents, seen = rollout(self.model, context.detach(), mode, x0.shape[3:], SPAN, known, u)
        torch.clear_autocast_cache()  # else the casts made without gradients are used again
        i = random.randrange(4)
        seen, sigma = seen[i], TIMES[i] / 1000
        if i < COUPLED - 1:  # there the noise alone decides, so it must tell u
            seen[:, :CHUNK] = couple(seen[:, :CHUNK], u)
        t = torch.full(x0.shape[:2], TIMES[i], device=self.device)
        skip = first * CHUNK
        flow = self.model.teacher_forward(seen[:, skip:], t[:, skip:], latents[:, :-CHUNK], context,
                                          mode, first)
        return self.measure(flow - (seen - x0)[:, skip:] / sigma, x0[:, skip:])

    def measure(self, error, x0):
        """Mean square, more where an object is near (--near): shapes are small and hardest."""
        near = (x0[:, :, 8:12].mean(2, keepdim=True) < 0).float()
        weight = 1 + self.args.near * near
        return (error.square() * weight).mean() / weight.mean()

    def polish(self, mode):
        """One chunk, the first or any later one after the true one before it, trained at a step of
        the model's own sampling: cheap, for the last minutes."""
        first = random.random() < 0.6
        at = 0 if first else random.randrange(6)
        size = self.args.first_batch if first else self.args.next_batch
        x0, context, u = self.batch(size, 1 if first else 2, at)
        target, i, cache = x0[:, -CHUNK:], random.randrange(4), None
        with torch.no_grad():
            if not first:
                clean = x0[:, :CHUNK] + 0.1 * torch.randn_like(target)
                zeros = torch.zeros(size, CHUNK, device=self.device)
                cache = self.model.chunk_forward(clean, zeros, context, None, 0, mode)[1]
            x = torch.randn_like(target)
            if first and i == 0:
                x = couple(x, u)
            for n in range(i):
                t = torch.full((size, CHUNK), TIMES[n], device=self.device)
                start = 0 if first else CHUNK
                flow = self.model.chunk_forward(x, t, context, cache, start, mode)[0]
                noise, sigma = torch.randn_like(x), TIMES[n + 1] / 1000
                if first and n + 1 == COUPLED - 1:
                    noise = couple(noise, u)
                x = (1 - sigma) * (x - TIMES[n] / 1000 * flow) + sigma * noise
        torch.clear_autocast_cache()
        t = torch.full((size, CHUNK), TIMES[i], device=self.device)
        if first:
            flow = self.model.chunk_forward(x, t, context, None, 0, mode)[0]
        else:
            flow = self.model.teacher_forward(x, t, clean, context, mode, 1)
        return self.measure(flow - (x - target) / (TIMES[i] / 1000), target)

    def choose(self, progress):
        """At first only the first chunk, where the noise alone decides."""
        if self.args.polish:
            return self.polish
        if progress > 1 - self.args.own_share and random.random() < 0.8:
            return self.own
        only_first = progress < self.args.first_share
        return self.first if only_first or random.random() < 0.5 else self.next

    def update(self, optimiser, loss):
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.both.parameters(), 1.0)
        optimiser.step()
        self.steps += 1
        decay = min(0.998, self.steps / (self.steps + 20))
        kept, fresh = list(self.average.parameters()), list(self.both.parameters())
        with torch.no_grad():
            torch._foreach_mul_(kept, decay)
            torch._foreach_add_(kept, fresh, alpha=1 - decay)

    def run(self):
        groups = [dict(params=list(self.model.parameters()), share=1.0),
                  dict(params=list(self.heads.parameters()), share=1.0),
                  dict(params=list(self.text.parameters()), share=self.args.text_share)]
        optimiser = torch.optim.AdamW(groups, self.args.lr, betas=(0.9, 0.98), weight_decay=0.01)
        start, saved, sums = time.time(), time.time(), {}
        while (progress := (time.time() - start) / self.args.seconds) < 1:
            rate = self.args.lr * min(1, (self.steps + 1) / 100, 1.02 - progress)
            for group in optimiser.param_groups:
                group["lr"] = rate * group["share"]
            kind, mode = self.choose(progress), random.choice(MODES)
            with torch.autocast(self.device.type, torch.bfloat16):
                loss = kind(mode)
            self.update(optimiser, loss + self.args.told * self.untold)
            sums.setdefault(f"{kind.__name__}{mode}", []).append(loss.detach())
            sums.setdefault("untold", []).append(self.untold.detach())
            if time.time() - saved > 60:
                saved = time.time()
                shown = " ".join(f"{k} {torch.stack(v).mean().item():.4f}"
                                 for k, v in sorted(sums.items()))
                print(f"{saved - start:5.0f} s step {self.steps} {shown}", flush=True)
                sums = {}
                self.save()
        self.save()

    def save(self):
        for module, name in zip(self.average, ("video", "text_with_video")):
            state = {k: v.half() for k, v in module.state_dict().items()}
            torch.save(state, f"{self.args.out}/{name}.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--resume", help="go on from these weights")
    parser.add_argument("--polish", action="store_true", help="only the cheap last kind of steps")
    parser.add_argument("--near", type=float, default=0, help="added weight near objects")
    parser.add_argument("--clips", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0, help="another one draws other clips")
    parser.add_argument("--dim", type=int, default=192)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--layers", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3000)
    parser.add_argument("--first-share", type=float, default=0.25)
    parser.add_argument("--own-share", type=float, default=0.25)
    parser.add_argument("--first-batch", type=int, default=24)
    parser.add_argument("--next-batch", type=int, default=8)
    parser.add_argument("--told", type=float, default=0.01,
                        help="weight of what the text encoder fails to tell of the scene")
    parser.add_argument("--text-share", type=float, default=0.2,
                        help="the text encoder's learning rate, as a part of --lr")
    parser.add_argument("--lr", type=float, default=1.2e-3)
    torch.manual_seed(int(time.time()))
    Trainer(parser.parse_args()).run()
