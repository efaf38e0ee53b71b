"""The Self-Forcing few-step sampler, and the noise that carries what captions do not tell.

A caption leaves open where an object starts. Left to chance the model would learn the blurred mean
of all places, for it has only four steps. So in training each such number u is tied to the noise
of the first chunk: u = Phi(<pattern, noise>), the pattern a unit vector per number. Noise stays
exactly normal and independent of the caption; the model reads u from it and draws a sharp picture.
"""
import torch

from transformer import CHUNK, WINDOW

TIMES = (1000.0, 937.5, 2500 / 3, 625.0)  # the list [1000, 750, 500, 250] warped by shift 5
COUPLED = 2  # the steps whose noise tells u: afterwards the picture shows it


def patterns(count, h, w, device):
    """[count, CHUNK*16*h*w], orthonormal: a chessboard of signs in channel k."""
    sign = ((torch.arange(h)[:, None] + torch.arange(w)) % 2 * 2 - 1).float()
    out = torch.zeros(count, CHUNK, 16, h, w)
    for k in range(count):
        out[k, :, k] = sign
    return (out.flatten(1) / out.flatten(1).norm(dim=1, keepdim=True)).to(device)


def couple(noise, u):
    """noise [B,CHUNK,16,h,w] changed along the patterns so that it tells u [B,count]; where u is
    negative it stays as it is."""
    p = patterns(u.shape[1], *noise.shape[3:], noise.device)
    flat = noise.flatten(1)
    wanted = torch.special.ndtri(u.clamp(min=1e-4).double()).float()
    change = torch.where(u < 0, torch.zeros_like(u), wanted - flat @ p.T)
    return (flat + change @ p).reshape(noise.shape)


@torch.no_grad()
def rollout(model, context, mode, shape, chunks=7, known=None, u=None, start=0):
    """Samples latents [B,3*chunks,16,h,w] chunk by chunk. known: latents of the first chunks, taken
    as they are. u: ties the noise of the deciding step of the first chunk (training).
    -> latents, and what the model saw at each of the four steps [4,B,3*chunks,16,h,w]; there the
    known chunks are left at zero."""
    B, (h, w), cache, device = context.shape[0], shape, None, context.device
    keep = (WINDOW - 1) * CHUNK * h * w // 4
    latents, seen = [], []
    for c in range(chunks):
        at = start + c * CHUNK
        given = known is not None and c * CHUNK < known.shape[1]
        x0, inputs = torch.zeros(B, CHUNK, 16, h, w, device=device), []
        x = x0 if given else torch.randn_like(x0)
        for i, t in enumerate(TIMES):
            inputs.append(x)
            if given:
                continue
            times = torch.full((B, CHUNK), t, device=device)
            x0 = x - t / 1000 * model.chunk_forward(x, times, context, cache, at, mode)[0]
            if i + 1 < len(TIMES):
                sigma, noise = TIMES[i + 1] / 1000, torch.randn_like(x)
                if u is not None and c == 0 and i + 1 == COUPLED - 1:
                    noise = couple(noise, u)
                x = (1 - sigma) * x0 + sigma * noise
        if given:
            x0 = known[:, c * CHUNK:(c + 1) * CHUNK]
        latents.append(x0)
        seen.append(torch.stack(inputs))
        zeros = torch.zeros(B, CHUNK, device=device)
        cache = model.chunk_forward(x0, zeros, context, cache, at, mode)[1]
        cache = [(k[:, :, -keep:], v[:, :, -keep:]) for k, v in cache]
    return torch.cat(latents, 1), torch.cat(seen, 2)
