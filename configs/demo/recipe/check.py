"""Compares these models with reference fixtures: python check.py FOLDER, where FOLDER holds vae/,
t5/ and dit/ as the public code's outputs (see danaus verify). Run before training."""
import json
import sys

import torch
from safetensors.torch import load_file

from text_encoder import TextEncoder
from transformer import CHUNK, Transformer
from vae import Vae


def report(name, got, want, limit):
    error = ((got.double() - want.double()).norm() / want.double().norm()).item()
    print(f"{name:44} {error:.2e} {'pass' if error < limit else 'FAIL'}")
    return error < limit


def check_vae(root):
    vae = Vae(8, 2)
    vae.load_state_dict(torch.load(f"{root}/vae/Wan2.1_VAE.pth"))
    vae.double()
    decode, encode = load_file(f"{root}/vae/decode.safetensors"), load_file(
        f"{root}/vae/encode.safetensors")
    for n in (1, 3, 7):
        got = vae.decode(decode[f"t{n}.z"].double().permute(1, 0, 2, 3)[None])[0]
        yield report(f"vae decode {n}", got.permute(3, 0, 1, 2), decode[f"t{n}.pixels_raw"], 1e-5)
    for n in (1, 5, 9):
        got = vae.encode(encode[f"f{n}.pixels"].double().permute(1, 2, 3, 0)[None])[0]
        yield report(f"vae encode {n}", got.transpose(0, 1), encode[f"f{n}.mu"], 1e-5)


def check_text(root):
    encoder = TextEncoder(1216, 64, 4, 3, 128)
    encoder.load_state_dict(torch.load(f"{root}/t5/models_t5_umt5-xxl-enc-bf16.pth"))
    encoder.double()
    data = load_file(f"{root}/t5/encode.safetensors")
    for n in (1, 7, 40, 512):
        got = encoder(data[f"len{n}.ids"].long()[None])[0]
        yield report(f"t5 {n}", got, data[f"len{n}.context"], 1e-5)
    got = encoder((data["pad512.ids"] * data["pad512.mask"]).long()[None])[0]
    yield report("t5 padded", got, data["pad512.context"], 1e-5)


def load_transformer(root, name):
    config = json.load(open(f"{root}/dit/{name}/config.json"))
    model = Transformer(config["dim"], config["num_heads"], config["num_layers"],
                        config["ffn_dim"], config["freq_dim"], 4096, config["text_len"])
    model.load_state_dict(load_file(f"{root}/dit/{name}/diffusion_pytorch_model.safetensors"))
    context = load_file(f"{root}/dit/{name}/context.safetensors")["cond"]
    return model.double(), context[None].double()


def check_window(root, name):
    """The rolling cache as the sampler keeps it: one chunk before the own one."""
    model, context = load_transformer(root, name.rsplit("_", 1)[1])
    data = {k: v.double() for k, v in load_file(f"{root}/dit/{name}.safetensors").items()}
    keep, cache, flows = CHUNK * data["x_noisy"][0, 0].numel() // 4, None, []
    for a in range(0, len(data["t_noisy"]), CHUNK):
        x, t = data["x_noisy"][None, a:a + CHUNK], data["t_noisy"][None, a:a + CHUNK]
        flows.append(model.chunk_forward(x, t, context, cache, a, 0)[0])
        clean = data["x_clean"][None, a:a + CHUNK]
        cache = model.chunk_forward(clean, 0 * t, context, cache, a, 0)[1]
        cache = [(k[:, :, -keep:], v[:, :, -keep:]) for k, v in cache]
    yield report(name, torch.cat(flows, 1)[0], data["flow_noisy"], 1e-5)
    got = model.teacher_forward(data["x_noisy"][None], data["t_noisy"][None],
                                data["x_clean"][None, :-CHUNK], context, 0)
    yield report(name + " (training form)", got[0], data["flow_noisy"], 1e-5)


def check_cached(root, name, mode):
    model, context = load_transformer(root, name.rsplit("_", 1)[1])
    data = load_file(f"{root}/dit/{name}.safetensors")
    data = {key: value.double() for key, value in data.items()}
    cache, flows = None, []
    for a in range(0, len(data["t_noisy"]), 3):
        x, t = data["x_noisy"][None, a:a + 3], data["t_noisy"][None, a:a + 3]
        flows.append(model.chunk_forward(x, t, context, cache, a, mode)[0])
        clean = data["x_clean"][None, a:a + 3]
        cache = model.chunk_forward(clean, 0 * t, context, cache, a, mode)[1]
    yield report(name, torch.cat(flows, 1)[0], data["flow_noisy"], 1e-5)
    got = model.teacher_forward(data["x_noisy"][None], data["t_noisy"][None],
                                data["x_clean"][None, :-3], context, mode, window=99)
    yield report(name + " (training form)", got[0], data["flow_noisy"], 1e-5)


if __name__ == "__main__":
    root = sys.argv[1]
    with torch.no_grad():
        good = list(check_vae(root)) + list(check_text(root))
        for name, mode in (("causal_kv_dense_tiny16", 0), ("causal_kv_dense_tiny128", 0),
                           ("causal_kv_monarch_tiny16", 1), ("causal_kv_monarch_tiny128", 1)):
            good += list(check_cached(root, name, mode))
        good += list(check_window(root, "causal_kv_dense_local6_sink0_tiny16"))
    sys.exit(not all(good))
