"""Samples held-out prompts with an exported model, decodes and judges them.

    python evaluate.py MODEL_DIR [--clips 40] [--modes 0 1 2] [--sheet FILE.png]
        [--prompts TEXT ...]
Modes: 0 dense, 1 Monarch, 2 Monarch with h_reduce 2. With --prompts it only makes the sheet."""
import argparse
import json
import time

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import scenes
from sampler import rollout
from text_encoder import load_encoder
from tokens import token_ids, tokenizer
from transformer import Transformer
from vae import Vae

KINDS = ("colour", "motion", "shape", "background")


def load_model(path, device):
    config = json.load(open(f"{path}/config.json"))
    video = Transformer(config["dim"], config["num_heads"], config["num_layers"],
                        config["ffn_dim"])
    video.load_state_dict(load_file(f"{path}/diffusion_pytorch_model.safetensors"))
    text, vae = load_encoder(f"{path}/models_t5_umt5-xxl-enc-bf16.pth"), Vae()
    vae.load_state_dict(torch.load(f"{path}/Wan2.1_VAE.pth"))
    return (m.to(device).eval() for m in (text, video, vae))


@torch.no_grad()
def generate(parts, prompts, mode, device, half):
    """-> frames [n,81,H,W,3] uint8"""
    text, video, vae = parts
    ids = token_ids(tokenizer(), prompts).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        latents, _ = rollout(video, text(ids), mode, (scenes.H // 8, scenes.W // 8))
        frames = [vae.decode(z[None]).float()[0] for z in latents]
    return [((f.clamp(-1, 1) + 1) * 127.5).round().byte().cpu().numpy() for f in frames]


def sheet_rows(frames):
    return np.concatenate(list(frames[[0, 9, 18, 27, 36, 48, 60, 80]]), 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--modes", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--sheet")
    parser.add_argument("--sheet-rows", type=int, default=16)
    parser.add_argument("--prompts", nargs="*")
    parser.add_argument("--float32", action="store_true")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts, rows = list(load_model(args.model, device)), []
    if args.prompts:
        torch.manual_seed(args.first)
        made = generate(parts, args.prompts, args.modes[0], device, not args.float32)
        Image.fromarray(np.concatenate([sheet_rows(f) for f in made])).save(args.sheet)
        return
    for mode in args.modes:
        start, right, wrong = time.time(), dict.fromkeys(KINDS, 0), []
        for at in range(args.first, args.first + args.clips, args.batch):
            torch.manual_seed(at)
            which = range(at, min(at + args.batch, args.first + args.clips))
            wanted = [scenes.heldout_scene(i) for i in which]
            prompts = [scenes.caption(s, i) for i, s in zip(which, wanted)]
            made = generate(parts, prompts, mode, device, not args.float32)
            for scene, prompt, frames in zip(wanted, prompts, made):
                verdict = scenes.judge(scene, np.ascontiguousarray(frames))
                bad = [k for k in KINDS if not getattr(verdict, f"{k}_right")]
                for k in KINDS:
                    right[k] += k not in bad
                if bad:
                    wrong.append(f"  {', '.join(bad)}: {prompt}")
                if mode == args.modes[0] and len(rows) < args.sheet_rows:
                    rows.append(sheet_rows(frames))
        name = ("dense", "Monarch h1", "Monarch h2")[mode]
        print(f"{name}: " + " ".join(f"{k} {100 * n / args.clips:.1f} %" for k, n in right.items())
              + f"  ({args.clips} clips, {time.time() - start:.0f} s)", flush=True)
        print("\n".join(wrong[:30]), flush=True)
    if args.sheet:
        Image.fromarray(np.concatenate(rows)).save(args.sheet)


if __name__ == "__main__":
    main()
