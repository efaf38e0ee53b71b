"""The Wan video VAE with the public parameter names, for whole clips.

The public code runs frame group by frame group with a feature cache; running the whole clip at once
gives the same numbers (check.py compares): causal convolutions see zeros before the first frame,
the first frame is left alone by temporal resampling, and on the way up the second latent's history
is zeros. Activations are [B,T,H,W,C], so that each 3x3x3 convolution is a 2-D one over the
channels of three frames, which GPUs run best.
"""
import torch
import torch.nn.functional as F
from torch import nn

MEAN = torch.tensor([-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
                     0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921])
STD = torch.tensor([2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
                    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160])


def conv2d(x, weight, bias, stride=1, padding=1):
    """x [...,H,W,C] with 2-D weights."""
    y = F.conv2d(x.flatten(0, -4).permute(0, 3, 1, 2), weight, bias, stride, padding)
    return y.permute(0, 2, 3, 1).reshape(*x.shape[:-3], *y.shape[2:], y.shape[1])


def earlier_frames(x, count=2):
    """x with `count` zero frames in front."""
    return torch.cat([torch.zeros_like(x[:, :1]).expand(-1, count, -1, -1, -1), x], 1)


class CausalConv3d(nn.Conv3d):
    """3x3x3 (or 3x1x1) with zero history, 1x1x1 as a matrix product."""

    def forward(self, x):
        o, c, kt, kh, kw = self.weight.shape
        if kt == 1:
            return F.linear(x, self.weight.reshape(o, c), self.bias)
        T = x.shape[1]
        x = earlier_frames(x)
        x = torch.cat([x[:, k:k + T] for k in range(3)], -1)
        weight = self.weight.transpose(1, 2).reshape(o, kt * c, kh, kw)
        if kh == 1:
            return F.linear(x, weight[:, :, 0, 0], self.bias)
        return conv2d(x, weight.contiguous(memory_format=torch.channels_last), self.bias)


class RmsNorm(nn.Module):
    def __init__(self, dim, images=False):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim, 1, 1) if images else torch.ones(dim, 1, 1, 1))

    def forward(self, x):
        scale = x.float().pow(2).mean(-1, keepdim=True).clamp_min(1e-24).rsqrt()
        return x * scale.to(x.dtype) * self.gamma.flatten().to(x.dtype)


class ResidualBlock(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.residual = nn.Sequential(
            RmsNorm(c_in), nn.SiLU(), CausalConv3d(c_in, c_out, 3),
            RmsNorm(c_out), nn.SiLU(), nn.Identity(), CausalConv3d(c_out, c_out, 3))
        self.shortcut = CausalConv3d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


class FrameAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = RmsNorm(dim, images=True)
        self.to_qkv = nn.Conv2d(dim, dim * 3, 1)
        self.proj = nn.Conv2d(dim, dim, 1)

    def forward(self, x):
        B, T, H, W, C = x.shape
        y = conv2d(self.norm(x), self.to_qkv.weight, self.to_qkv.bias, padding=0)
        q, k, v = y.reshape(B * T, H * W, 3 * C).chunk(3, -1)
        weights = (q @ k.transpose(-1, -2) * C ** -0.5).float().softmax(-1).to(v.dtype)
        y = (weights @ v).reshape(B, T, H, W, C)
        return x + conv2d(y, self.proj.weight, self.proj.bias, padding=0)


class Resample(nn.Module):
    """down2d, down3d (then time halves), up2d, up3d (time doubles first)."""

    def __init__(self, dim, mode):
        super().__init__()
        self.mode = mode
        down = mode.startswith("down")
        self.resample = nn.Sequential(nn.Identity(), nn.Conv2d(dim, dim if down else dim // 2, 3))
        if mode.endswith("3d"):
            self.time_conv = CausalConv3d(dim, dim if down else dim * 2, (3, 1, 1))

    def forward(self, x):
        conv = self.resample[1]
        if self.mode.startswith("down"):
            x = conv2d(F.pad(x, (0, 0, 0, 1, 0, 1)), conv.weight, conv.bias, 2, 0)
            return self.halve_time(x) if self.mode == "down3d" else x
        if self.mode == "up3d" and x.shape[1] > 1:
            B, T, H, W, C = x.shape
            pairs = self.time_conv(x[:, 1:]).reshape(B, T - 1, H, W, 2, C)
            pairs = pairs.permute(0, 1, 4, 2, 3, 5).reshape(B, 2 * T - 2, H, W, C)
            x = torch.cat([x[:, :1], pairs], 1)
        B, T, H, W, C = x.shape
        x = x[:, :, :, None, :, None].expand(B, T, H, 2, W, 2, C).reshape(B, T, 2 * H, 2 * W, C)
        return conv2d(x, conv.weight, conv.bias)

    def halve_time(self, x):
        if x.shape[1] == 1:
            return x
        o, c = self.time_conv.weight.shape[:2]
        groups = torch.cat([x[:, 0:-2:2], x[:, 1:-1:2], x[:, 2::2]], -1)
        weight = self.time_conv.weight.transpose(1, 2).reshape(o, 3 * c)
        return torch.cat([x[:, :1], F.linear(groups, weight, self.time_conv.bias)], 1)


def middle(dim):
    return nn.Sequential(ResidualBlock(dim, dim), FrameAttention(dim), ResidualBlock(dim, dim))


class Encoder(nn.Module):
    def __init__(self, width, blocks, z):
        super().__init__()
        dims = [width, width, 2 * width, 4 * width, 4 * width]
        self.conv1 = CausalConv3d(3, width, 3)
        stages = []
        for i, (a, b) in enumerate(zip(dims, dims[1:])):
            stages += [ResidualBlock(a if n == 0 else b, b) for n in range(blocks)]
            if i < 3:
                stages.append(Resample(b, "down3d" if i else "down2d"))
        self.downsamples = nn.Sequential(*stages)
        self.middle = middle(dims[-1])
        self.head = nn.Sequential(RmsNorm(dims[-1]), nn.SiLU(), CausalConv3d(dims[-1], 2 * z, 3))

    def forward(self, x):
        return self.head(self.middle(self.downsamples(self.conv1(x))))


class Decoder(nn.Module):
    def __init__(self, width, blocks, z):
        super().__init__()
        dims = [4 * width, 4 * width, 4 * width, 2 * width, width]
        self.conv1 = CausalConv3d(z, dims[0], 3)
        self.middle = middle(dims[0])
        stages = []
        for i, (a, b) in enumerate(zip(dims, dims[1:])):
            first = a // 2 if i else a  # the resampling before it halved the width
            stages += [ResidualBlock(first if n == 0 else b, b) for n in range(blocks + 1)]
            if i < 3:
                stages.append(Resample(b, "up3d" if i < 2 else "up2d"))
        self.upsamples = nn.Sequential(*stages)
        self.head = nn.Sequential(RmsNorm(width), nn.SiLU(), CausalConv3d(width, 3, 3))

    def forward(self, x):
        return self.head(self.upsamples(self.middle(self.conv1(x))))


class Vae(nn.Module):
    def __init__(self, width=16, blocks=1, z=16):
        super().__init__()
        self.encoder, self.decoder = Encoder(width, blocks, z), Decoder(width, blocks, z)
        self.conv1, self.conv2 = CausalConv3d(2 * z, 2 * z, 1), CausalConv3d(z, z, 1)
        self.register_buffer("mean", MEAN, persistent=False)
        self.register_buffer("std", STD, persistent=False)

    def moments(self, pixels):
        """pixels [B,T,H,W,3] in [-1,1] -> mean and log-variance [B,t,h,w,16]."""
        return self.conv1(self.encoder(pixels)).float().chunk(2, -1)

    def encode(self, pixels):
        """-> normalised latents [B,t,16,h,w]"""
        return ((self.moments(pixels)[0] - self.mean) / self.std).permute(0, 1, 4, 2, 3)

    def decode_raw(self, z):
        """z [B,t,h,w,16], not normalised -> [B,T,H,W,3], not clamped"""
        return self.decoder(self.conv2(z))

    def decode(self, latents):
        """normalised latents [B,t,16,h,w] -> pixels [B,T,H,W,3]"""
        return self.decode_raw(latents.permute(0, 1, 3, 4, 2) * self.std + self.mean)

    @torch.no_grad()
    def fold(self, mean, std):
        """Makes latents that have this mean and deviation [16] come out normalised."""
        gain = self.std / std
        z = len(gain)
        w, b = self.conv1.weight, self.conv1.bias
        w[:z] *= gain.view(-1, 1, 1, 1, 1)
        b[:z] = (b[:z] - mean) * gain + self.mean
        b[z:] += 2 * gain.log()
        w = self.conv2.weight
        self.conv2.bias += w.flatten(1) @ (mean - self.mean / gain)
        w /= gain.view(1, -1, 1, 1, 1)
