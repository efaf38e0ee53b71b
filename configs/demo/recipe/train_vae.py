"""Trains half of the VAE for a given time: the decoder to draw pictures from the prescribed latents
(src/train/scene_latents.h), or the encoder to find those latents in pictures.

    python train_vae.py decoder --seconds 3000 --out DIR [--resume]
writes DIR/decoder.pt (or encoder.pt; float32, public names) and DIR/decoder.png (drawn above
decoded). Training sees crops: the attention in the middle is left at zero, so all is convolution.
"""
import argparse
import os
import time

import numpy as np
import torch
from PIL import Image

import scenes
from vae import Vae

ROWS, COLS = 7, 9  # the crop in cells
SPANS = (3, 8)  # latents of a crop: the start of a clip, and far enough to see its steady state


def corner(scene, start, rng):
    """First cell row and column of a crop, mostly one that shows an object."""
    rows, cols = scenes.H // 8 - ROWS, scenes.W // 8 - COLS
    if rng.random() < 0.15:
        return rng.integers(rows + 1), rng.integers(cols + 1)
    x, y = scenes.place(scene, int(rng.integers(scene.count)), start + 4)
    row, col = y / 8 - ROWS / 2 + rng.normal(), x / 8 - COLS / 2 + rng.normal()
    return int(np.clip(round(row), 0, rows)), int(np.clip(round(col), 0, cols))


def sample(rng, span):
    """-> latents [span,16,7,9], frames [.,56,72,3] uint8, background crop [56,72,3] uint8"""
    scene = scenes.random_scene(int(rng.integers(1 << 40)))
    start = int(rng.choice([0, rng.integers(81 - (4 * span - 3))]))
    row, col = corner(scene, start, rng)
    z = scenes.latents(scene, 0, span, start)[:, :, row:row + ROWS, col:col + COLS]
    frames = np.empty((4 * span - 3, scenes.H, scenes.W, 3), np.uint8)
    scenes.draw(scene, frames, start)
    y, x = slice(8 * row, 8 * (row + ROWS)), slice(8 * col, 8 * (col + COLS))
    return z, frames[:, y, x], scenes.BACKGROUNDS[scene.background][y, x]


def to_pixels(array):
    return torch.from_numpy(np.ascontiguousarray(array)).float() / 127.5 - 1


def picture_loss(got, want, ground):
    """L1 on pixels and on their differences, more where the picture is not background."""
    weight = 1 + 3 * ((want - ground[:, None]).abs().amax(-1, keepdim=True) > 0.08).float()
    error = got.float() - want
    across, down = error[:, :, :, 1:] - error[:, :, :, :-1], error[:, :, 1:] - error[:, :, :-1]
    return ((error.abs() * weight).mean() + (across.abs() * weight[:, :, :, 1:]).mean() +
            (down.abs() * weight[:, :, 1:]).mean())


def half(vae, part):
    """The parameters that `part` trains; attention stays zero."""
    modules = (vae.decoder, vae.conv2) if part == "decoder" else (vae.encoder, vae.conv1)
    return {name: p for name, p in vae.named_parameters() if ".middle.1." not in name
            and any(p is q for m in modules for q in m.parameters())}


def start_easy(vae):
    """Every residual block begins as the identity, every attention stays so."""
    for name, p in vae.named_parameters():
        if "residual.6." in name or "middle.1.proj" in name:
            torch.nn.init.zeros_(p)


def step_loss(vae, part, items, device):
    z, frames, ground = (np.stack(x) for x in zip(*items))
    z, want = torch.from_numpy(z).to(device), to_pixels(frames).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        if part == "decoder":
            noise = 0.25 * torch.rand(len(z), 1, 1, 1, 1, device=device).square()
            got = vae.decode(z + noise * torch.randn_like(z))
        else:
            got = vae.encode(want)
    if part == "encoder":
        return (got - z).abs().mean() + (got - z).square().mean()
    return picture_loss(got, want, to_pixels(ground).to(device))


@torch.no_grad()
def report(vae, device, out):
    """Whole unseen clips from their latents: PSNR and a sheet of pictures."""
    errors, rows = [], []
    for seed in range(8):
        scene = scenes.heldout_scene(seed)
        frames = np.empty((17, scenes.H, scenes.W, 3), np.uint8)
        scenes.draw(scene, frames)
        z = torch.from_numpy(scenes.latents(scene, 0, 5))[None].to(device)
        with torch.autocast(device.type, torch.bfloat16):
            got = vae.decode(z + 0.05 * torch.randn_like(z)).float().clamp(-1, 1).cpu()[0]
        errors.append((got - to_pixels(frames)).square().mean().item())
        copy = ((got + 1) * 127.5).round().byte().numpy()
        pick = [0, 5, 6, 7, 8, 16]
        rows += [np.concatenate(list(frames[pick]), 1), np.concatenate(list(copy[pick]), 1)]
    print("psnr", [round(10 * np.log10(4 / e), 1) for e in errors], flush=True)
    Image.fromarray(np.concatenate(rows)).save(f"{out}/decoder.png")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=("decoder", "encoder"))
    parser.add_argument("--seconds", type=float, default=3000)
    parser.add_argument("--out", required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    rng = np.random.default_rng(int(time.time()) if args.resume else 1)
    vae, path = Vae(), f"{args.out}/{args.part}.pt"
    start_easy(vae)
    if args.resume:
        vae.load_state_dict(torch.load(path, map_location=device), strict=False)
    vae.to(device)
    weights = half(vae, args.part)
    torch.backends.cudnn.benchmark = True
    optimiser = torch.optim.AdamW(weights.values(), args.lr, betas=(0.9, 0.98), weight_decay=1e-4)
    ahead = scenes.ThreadPoolExecutor(max(1, os.cpu_count() - 1))

    def draw():
        span = SPANS[rng.random() < 0.65]
        seeds = rng.integers(1 << 60, size=max(1, args.batch * SPANS[0] // span))
        return [ahead.submit(sample, np.random.default_rng(s), span) for s in seeds]

    waiting, start, saved, losses, count = [draw(), draw()], time.time(), time.time(), [], 0
    while (progress := (time.time() - start) / args.seconds) < 1:
        rate = args.lr * min(1, (count + 1) / 100) * (0.5 + 0.5 * np.cos(np.pi * progress))
        for group in optimiser.param_groups:
            group["lr"] = rate
        waiting.append(draw())
        items = [job.result() for job in waiting.pop(0)]
        loss = step_loss(vae, args.part, items, device)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), 1.0)
        optimiser.step()
        losses.append(loss.item())
        count += 1
        if time.time() - saved > 60:
            saved = time.time()
            print(f"{args.part} {saved - start:5.0f} s step {count} loss {np.mean(losses):.4f}",
                  flush=True)
            losses = []
            torch.save({k: p.detach() for k, p in weights.items()}, path)
    torch.save({k: p.detach() for k, p in weights.items()}, path)
    if args.part == "decoder":
        report(vae, device, args.out)


if __name__ == "__main__":
    main()
