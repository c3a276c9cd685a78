"""Small tokenizers of kinds that our encoder does not cover."""

from __future__ import annotations

from tokenizers import Tokenizer as Reference
from tokenizers import decoders, models, pre_tokenizers, trainers

import tiny_tokenizers as tiny

KINDS = ("Unigram", "WordPiece", "WordLevel", "BPE with affixes")


def other_model(kind: str) -> Reference:
    """A tokenizer of one of `KINDS`."""
    pieces = [
        "<unk>",
        *sorted({piece for line in tiny.CORPUS for piece in line.split()}),
        *sorted(set("".join(tiny.CORPUS))),
    ]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    match kind:
        case "Unigram":
            scores = [(f"▁{piece}" if len(piece) > 1 else piece, -1.0 - i / 10) for piece, i in vocab.items()]
            tokenizer = Reference(models.Unigram(scores, unk_id=0, byte_fallback=False))
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            tokenizer.decoder = decoders.Metaspace()
        case "WordPiece":
            tokenizer = Reference(models.WordPiece({**vocab, "##s": len(vocab)}, unk_token="<unk>"))
            tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            tokenizer.decoder = decoders.WordPiece()
        case "WordLevel":
            tokenizer = Reference(models.WordLevel(vocab, unk_token="<unk>"))
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        case _:
            tokenizer = Reference(models.BPE(end_of_word_suffix="</w>", unk_token="<unk>"))
            tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
            tokenizer.decoder = decoders.BPEDecoder()
            trainer = trainers.BpeTrainer(
                vocab_size=400, end_of_word_suffix="</w>", special_tokens=["<unk>"], show_progress=False
            )
            tokenizer.train_from_iterator(tiny.CORPUS, trainer)
    tokenizer.add_special_tokens(["<s>"])
    return tokenizer
