"""Averages two trainings from the same start: python average.py DIR_A DIR_B SHARE_OF_B OUT"""
import sys

import torch

if __name__ == "__main__":
    a, b, share, out = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
    for name in ("video.pt", "text_with_video.pt"):
        x, y = (torch.load(f"{d}/{name}", map_location="cpu") for d in (a, b))
        torch.save({k: x[k].float().lerp(y[k].float(), share) for k in x}, f"{out}/{name}")
