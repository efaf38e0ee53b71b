"""Makes a model directory of the public layout from trained parts: python export.py PARTS MODEL_DIR

PARTS holds decoder.pt, encoder.pt, video.pt and text_with_video.pt (or text.pt). Everything is
stored in bfloat16."""
import json
import os
import sys
from collections import OrderedDict

import torch
from safetensors.torch import save_file

from text_encoder import load_encoder
from tokens import TEXT_LEN
from transformer import Transformer
from vae import Vae

HEAD_DIM = 32


def load(path):
    return {k: v.float() for k, v in torch.load(path, map_location="cpu").items()}


def build_vae(parts):
    vae = Vae()
    for name, p in vae.named_parameters():
        if ".middle.1." in name and "gamma" not in name:
            torch.nn.init.zeros_(p)  # attention was left out of training
    state = {**load(f"{parts}/decoder.pt"), **load(f"{parts}/encoder.pt")}
    found = vae.load_state_dict(state, strict=False)
    assert not found.unexpected_keys and all(".middle.1." in k for k in found.missing_keys), found
    return vae


def build_text(parts):
    path = f"{parts}/text_with_video.pt"
    return load_encoder(path if os.path.exists(path) else f"{parts}/text.pt")


def build_video(parts):
    state = load(f"{parts}/video.pt")
    dim = len(state["patch_embedding.bias"])
    layers = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("blocks."))
    model = Transformer(dim, dim // HEAD_DIM, layers, len(state["blocks.0.ffn.0.bias"]))
    model.load_state_dict(state)
    return model


def halved(module):
    return OrderedDict((k, v.bfloat16().contiguous()) for k, v in module.state_dict().items())


def export(parts, out):
    os.makedirs(out, exist_ok=True)
    video = build_video(parts)
    video.config["text_len"] = TEXT_LEN
    with open(f"{out}/config.json", "w") as file:
        json.dump(video.config, file, indent=2, sort_keys=True)
        file.write("\n")
    save_file(halved(video), f"{out}/diffusion_pytorch_model.safetensors", {"format": "pt"})
    os.chmod(f"{out}/diffusion_pytorch_model.safetensors", 0o644)
    torch.save(dict(halved(build_text(parts))), f"{out}/models_t5_umt5-xxl-enc-bf16.pth")
    torch.save(halved(build_vae(parts)), f"{out}/Wan2.1_VAE.pth")


if __name__ == "__main__":
    export(sys.argv[1], sys.argv[2])
