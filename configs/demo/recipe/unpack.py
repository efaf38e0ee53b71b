"""The way back from export.py: python unpack.py MODEL_DIR PARTS

Writes video.pt, text_with_video.pt, decoder.pt and encoder.pt from a model directory, so that
training can go on from shipped weights."""
import os
import sys

import torch
from safetensors.torch import load_file


def main(model, parts):
    os.makedirs(parts, exist_ok=True)
    vae = torch.load(f"{model}/Wan2.1_VAE.pth", map_location="cpu")
    found = {
        "video": load_file(f"{model}/diffusion_pytorch_model.safetensors"),
        "text_with_video": torch.load(f"{model}/models_t5_umt5-xxl-enc-bf16.pth",
                                      map_location="cpu"),
        "decoder": {k: v for k, v in vae.items() if k.startswith(("decoder.", "conv2."))},
        "encoder": {k: v for k, v in vae.items() if k.startswith(("encoder.", "conv1."))},
    }
    for name, state in found.items():
        torch.save({k: v.float() for k, v in state.items()}, f"{parts}/{name}.pt")


if __name__ == "__main__":
    main(*sys.argv[1:])
