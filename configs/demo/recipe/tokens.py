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


def token_owners(pieces, texts, spans):
    """-> [n,TEXT_LEN] int64: which object a token speaks of, 1 or 2, 0 for none. spans: bytes
    [n,4] as scenes.caption_and_spans tells them; captions are ASCII without double spaces."""
    owners = torch.zeros(len(texts), TEXT_LEN, dtype=torch.int64)
    for row, found, span in zip(owners, pieces.encode(list(texts), out_type=str), spans):
        at = -1  # the first piece begins with a space that is not in the text
        for i, piece in enumerate(found[:TEXT_LEN - 1]):
            middle = at + len(piece) / 2
            row[i] = 1 if span[0] <= middle < span[1] else 2 if span[2] <= middle < span[3] else 0
            at += len(piece)
    return owners
