"""Trains the SentencePiece model on captions: python make_tokenizer.py OUT_DIR"""
import os
import sys

import sentencepiece

import scenes

if __name__ == "__main__":
    captions = [scenes.caption(scenes.random_scene(s), s * 7 + v)
                for s in range(20000) for v in range(2)]
    os.makedirs(sys.argv[1], exist_ok=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions), model_prefix=f"{sys.argv[1]}/spiece", vocab_size=900,
        model_type="unigram", byte_fallback=True, hard_vocab_limit=False, num_threads=2,
        character_coverage=1.0, pad_id=0, eos_id=1, bos_id=2, unk_id=3)
    os.remove(f"{sys.argv[1]}/spiece.vocab")
