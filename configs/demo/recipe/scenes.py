"""The C scene drawer, captions and judge through ctypes; drawing runs on all cores because ctypes
lets go of the interpreter lock."""
import ctypes
import glob
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np

W, H, FRAMES = 160, 96, 81
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../../..")
GROUNDS = 6


class Object(ctypes.Structure):
    _fields_ = ([(n, ctypes.c_int32) for n in ("shape", "colour", "motion", "size")] +
                [(n, ctypes.c_float) for n in ("across", "down", "phase")])


class Scene(ctypes.Structure):
    _fields_ = [("background", ctypes.c_int32), ("count", ctypes.c_int32), ("object", Object * 2)]


class Verdict(ctypes.Structure):
    _fields_ = [("background", ctypes.c_int32), ("colour", ctypes.c_int32 * 2),
                ("shape", ctypes.c_int32 * 2), ("motion", ctypes.c_int32 * 2)] + [
                    (f"{n}_right", ctypes.c_bool) for n in ("background", "colour", "shape",
                                                           "motion")]


class Place(ctypes.Structure):
    _fields_ = [(n, ctypes.c_float) for n in ("x", "y", "radius")]


def build():
    """Compiles the scene room into a shared library beside the recipe."""
    out = os.path.join(HERE, "libscenes.so")
    sources = sorted(glob.glob(f"{ROOT}/src/train/scene*.[ch]"))
    if os.path.exists(out) and os.path.getmtime(out) > max(map(os.path.getmtime, sources)):
        return ctypes.CDLL(out)
    sources = [s for s in sources if s.endswith(".c")]
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-march=native", "-shared", "-fPIC",
                    f"-I{ROOT}/src", *sources, f"{ROOT}/src/base/mem.c",
                    "-o", out, "-lm"], check=True)
    return ctypes.CDLL(out)


lib = build()
lib.scene_random.argtypes = [ctypes.c_uint64, ctypes.POINTER(Scene)]
lib.scene_heldout.argtypes = [ctypes.c_int32, ctypes.POINTER(Scene)]
lib.scene_open_choices.argtypes = [ctypes.POINTER(Scene), ctypes.c_float * 6]
lib.scene_caption.argtypes = [ctypes.POINTER(Scene), ctypes.c_uint32, ctypes.c_char_p,
                              ctypes.c_size_t, ctypes.c_int32 * 4]
lib.scene_object_place.argtypes = [ctypes.POINTER(Scene)] + [ctypes.c_int] * 4
lib.scene_object_place.restype = Place
lib.scene_judge_clip.argtypes = ([ctypes.POINTER(Scene), ctypes.c_void_p] + [ctypes.c_int] * 3 +
                                 [ctypes.POINTER(Verdict)])
lib.scene_draw_clip.argtypes = ([ctypes.POINTER(Scene)] + [ctypes.c_int] * 4 + [ctypes.c_void_p])
lib.scene_ground_latent.argtypes = [ctypes.c_int] * 3 + [ctypes.c_void_p]
lib.scene_object_latent.argtypes = ([ctypes.POINTER(Scene)] + [ctypes.c_int] * 4 +
                                    [ctypes.c_void_p])
lib.scene_draw_background.argtypes = [ctypes.c_int] * 3 + [ctypes.c_void_p]
pool = ThreadPoolExecutor(os.cpu_count())


def random_scene(seed):
    scene = Scene()
    lib.scene_random(seed, scene)
    return scene


def heldout_scene(index):
    scene = Scene()
    lib.scene_heldout(index, scene)
    return scene


def caption(scene, variant):
    return caption_and_spans(scene, variant)[0]


def caption_and_spans(scene, variant):
    """The text, and first and end byte of what it says of each object, [4]."""
    text, spans = ctypes.create_string_buffer(512), (ctypes.c_int32 * 4)()
    lib.scene_caption(scene, variant & 0xFFFFFFFF, text, 512, spans)
    return text.value.decode(), list(spans)


def open_choices(scene):
    """What the caption does not tell, [6] in (0,1); -1: there is nothing to tell."""
    u = (ctypes.c_float * 6)()
    lib.scene_open_choices(scene, u)
    return [x if x < 0 else min(max(x, 1e-4), 1 - 1e-4) for x in u]


def place(scene, index, frame):
    """Centre x, y of an object in pixels."""
    at = lib.scene_object_place(scene, index, frame, W, H)
    return at.x, at.y


def draw(scene, out, first=0):
    """Fills out [count,H,W,3] uint8 with frames first, first+1, ..."""
    lib.scene_draw_clip(scene, first, out.shape[0], W, H, out.ctypes.data)


def backgrounds():
    out = np.zeros((GROUNDS, H, W, 3), np.uint8)
    for i in range(GROUNDS):
        lib.scene_draw_background(i, W, H, out[i].ctypes.data)
    return out


def ground_latents():
    out = np.zeros((GROUNDS, 5, H // 8, W // 8), np.float32)
    for i in range(GROUNDS):
        lib.scene_ground_latent(i, W, H, out[i].ctypes.data)
    return out


GROUND_LATENTS, BACKGROUNDS = ground_latents(), backgrounds()


def latents(scene, first=0, count=21, start=0):
    """[count,16,h,w]: latents first, first+1, ... of the clip from frame `start` on."""
    out = np.empty((count, 16, H // 8, W // 8), np.float32)
    out[:, :5] = GROUND_LATENTS[scene.background]
    for i in range(count):
        lib.scene_object_latent(scene, start, first + i, W, H, out[i, 5:].ctypes.data)
    return out


def judge(scene, frames):
    """frames [n,H,W,3] uint8, contiguous -> Verdict"""
    verdict = Verdict()
    lib.scene_judge_clip(scene, frames.ctypes.data, len(frames), W, H, verdict)
    return verdict
