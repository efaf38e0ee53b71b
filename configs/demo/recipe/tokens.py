"""Captions to token ids, as the text encoder takes them."""
import os

import sentencepiece
import torch

TEXT_LEN = 64
VOCAB = 640  # embedding rows, at least the tokenizer's pieces
HERE = os.path.dirname(os.path.abspath(__file__))


def tokenizer():
    path = os.path.join(HERE, "../google/umt5-xxl/spiece.model")
    return sentencepiece.SentencePieceProcessor(model_file=path)


def token_ids(pieces, texts):
    """-> [n,TEXT_LEN] int64: pieces, the end mark 1, then 0."""
    ids = torch.zeros(len(texts), TEXT_LEN, dtype=torch.int64)
    for row, found in zip(ids, pieces.encode(list(texts))):
        found = found[:TEXT_LEN - 1] + [1]
        row[:len(found)] = torch.tensor(found)
    return ids
