"""Small tokenizers with the parts that real ones have, in any combination, and texts that hit where their parts meet.

A configuration becomes a tokenizer.json: `tokenizers` reads it as the reference, and so does the library under test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

CORPUS = [
    "The quick brown fox jumps over the lazy dog, and the dog doesn't mind; it's asleep.",
    "def encode(self, text):\n    return [self.ranks[b] for b in text.encode()]  # 12345 tokens\n\n\n",
    "I'll say: WE'RE here, they've gone, you'd know... HTTPServer parsesJSON in 2024/05/15 at 10:30.",
    "Grüße aus Köln! Ça va? Ελληνικά, русский язык, עברית, العربية, हिन्दी में, ภาษาไทย.",
    "日本語のトークンを数える。中文分词也要正确。한국어 문장도 있습니다. 東京都2024年",
    "👩‍👩‍👧‍👦 family 🦆🦆 e\u0301 é ﬁ Å \u212b x²  \t tabs\tand  spaces   \r\n\r\nnew   lines\n \n",
    "aaaaaaaaaaaaaaaa abababababab <b>bold</b> {{ braces }} __init__ --flag=value 1,234,567.89 $5.00",
]

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN = CL100K.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_SUFFIX}"
    rf"|\p{{N}}{{1,3}}{_REST}"
)
TEKKEN = rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*|\p{{N}}{_REST}"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
    "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
]
ODD = [r"\d+|\s", r"(?:(?=a)a|b)+", r"[A-Z][a-z]*|.", r"\S{1,4}", r"\s+$|^\s+", r"(?i)the|dog"]
REAL_SPLITS = {
    "cl100k": [CL100K], "qwen": [QWEN], "qwen3.5": [QWEN35], "o200k": [O200K], "tekken": [TEKKEN], "gpt2": [GPT2],
    "deepseek": DEEPSEEK,
}  # fmt: skip

BEHAVIORS = ["Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """An added token."""

    content: str
    special: bool = True
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One tokenizer: its parts as tokenizer.json writes them."""

    sentencepiece: bool = False
    size: int = 600
    alphabet: bool = True
    """Byte-level: every byte is a token. SentencePiece: byte tokens are there and stand in for unknown characters."""
    normalizer: Any = None
    pre_tokenizer: Any = None
    post_processor: Any = None
    decoder: Any = None
    added: tuple[Added, ...] = ()
    ignore_merges: bool = False
    unknown: bool = True
    fuse_unknown: bool = True
    every_merge: bool = False
    """Whether every two tokens that make a third may join, as in tiktoken; else only those that training found."""
    merges_as_text: bool = False
    """Whether merges are written `"a b"`, as before tokenizers 0.20."""

    def json(self) -> str:
        """The tokenizer.json."""
        vocab, merges = model(self.sentencepiece, self.size, self.alphabet)
        if self.every_merge:
            merges = _every_merge(vocab)
        ids = dict(vocab)
        tokens = []
        for added in self.added:
            ids.setdefault(added.content, len(ids))
            flags = {name: getattr(added, name) for name in Added.__slots__ if name != "content"}
            tokens.append({"id": ids[added.content], "content": added.content, **flags})
        parts = {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>" if self.sentencepiece and self.unknown else None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": self.sentencepiece and self.fuse_unknown,
            "byte_fallback": self.sentencepiece and self.alphabet,
            "ignore_merges": self.ignore_merges,
            "vocab": vocab,
            "merges": [" ".join(pair) if self.merges_as_text else pair for pair in merges],
        }
        whole = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": sorted(tokens, key=lambda token: token["id"]),
            "normalizer": self.normalizer,
            "pre_tokenizer": self.pre_tokenizer,
            "post_processor": self.post_processor,
            "decoder": self.decoder,
            "model": parts,
        }
        return json.dumps(whole, ensure_ascii=False)


@cache
def model(sentencepiece: bool, size: int, alphabet: bool) -> tuple[dict[str, int], list[list[str]]]:
    """Vocabulary and merges of a small model of a kind."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace() if sentencepiece else pre_tokenizers.ByteLevel(False)
    first = [] if sentencepiece or not alphabet else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=first, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    if sentencepiece:
        bytes_ = [f"<0x{byte:02X}>" for byte in range(256)] if alphabet else []
        tokens = ["<unk>", "<s>", "</s>", *bytes_, *tokens]
    return {token: i for i, token in enumerate(tokens)}, [list(pair) for pair in model["merges"]]


def _every_merge(vocab: dict[str, int]) -> list[list[str]]:
    """Pairs by the rank of what they make."""
    pairs = [
        (token[:cut], token[cut:]) for token in sorted(vocab, key=vocab.__getitem__) for cut in range(1, len(token))
    ]
    return [[left, right] for left, right in pairs if left in vocab and right in vocab]


# ---- parts -----------------------------------------------------------------------------------------------------------


def byte_level(*, prefix: bool = False, trim: bool = True, regex: bool = False) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def split(pattern: str, behavior: str = "Isolated", *, invert: bool = False, text: bool = False) -> dict[str, Any]:
    return {
        "type": "Split",
        "pattern": {"String" if text else "Regex": pattern},
        "behavior": behavior,
        "invert": invert,
    }


def sequence(kind: str, parts: list[Any]) -> dict[str, Any]:
    return {"type": "Sequence", kind: parts}


def template(token: str, token_id: int, *, last: bool = False) -> dict[str, Any]:
    """A post-processor that puts a token first, and perhaps last."""
    marker = {"SpecialToken": {"id": token, "type_id": 0}}
    single = [marker, {"Sequence": {"id": "A", "type_id": 0}}, *([marker] if last else [])]
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}]
    known = {token: {"id": token, "ids": [token_id], "tokens": [token]}}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known}


PREPEND = {"type": "Prepend", "prepend": "▁"}
MARK_SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
LLAMA_DECODER = sequence(
    "decoders",
    [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
)
GEMMA_DECODER = sequence("decoders", LLAMA_DECODER["decoders"][:3])

CONTROL = (
    Added(content="<|im_start|>"),
    Added(content="<|im_end|>"),
    Added(content="<|im_end|>x", special=False),
    Added(content="<think>", special=False),
)


def metaspace(scheme: str, *, splits: bool = True) -> dict[str, Any]:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": splits}


def named() -> dict[str, Config]:
    """Tokenizers shaped like those that models ship."""
    found = {}
    for name, patterns in REAL_SPLITS.items():
        steps = [*(split(pattern) for pattern in patterns), byte_level()]
        found[name] = Config(pre_tokenizer=sequence("pretokenizers", steps), decoder=byte_level(), added=CONTROL)
    found["qwen"] = _with(found["qwen"], normalizer={"type": "NFC"}, post_processor=byte_level(trim=False))
    found["llama3"] = _with(
        found["cl100k"],
        ignore_merges=True,
        post_processor=sequence("processors", [byte_level(trim=False), template("<|im_start|>", 600)]),
    )
    found["gpt4"] = _with(
        found["cl100k"],
        pre_tokenizer=sequence("pretokenizers", [split(CL100K, "Removed", invert=True), byte_level()]),
    )
    found["gpt2 as shipped"] = Config(
        pre_tokenizer=byte_level(regex=True),
        post_processor=byte_level(),
        decoder=byte_level(),
        added=(Added(content="<|endoftext|>", normalized=True),),
    )
    found["llama2"] = Config(
        sentencepiece=True,
        normalizer=sequence("normalizers", [PREPEND, MARK_SPACES]),
        post_processor=template("<s>", 1),
        decoder=LLAMA_DECODER,
        added=(Added(content="<unk>"), Added(content="<s>"), Added(content="</s>"), Added(content="[INST]")),
    )
    found["llama2, normalized"] = _with(
        found["llama2"], added=tuple(_added(token, normalized=True) for token in found["llama2"].added)
    )
    found["mistral v3"] = Config(
        sentencepiece=True,
        pre_tokenizer=metaspace("first", splits=False),
        decoder=LLAMA_DECODER,
        post_processor=template("<s>", 1),
        added=found["llama2"].added,
    )
    found["metaspace"] = Config(
        sentencepiece=True,
        pre_tokenizer=metaspace("always"),
        decoder=metaspace("always"),
        added=found["llama2"].added,
        alphabet=False,
    )
    found["gemma"] = Config(
        sentencepiece=True,
        normalizer=MARK_SPACES,
        pre_tokenizer=split(" ", "MergedWithPrevious", text=True),
        decoder=GEMMA_DECODER,
        post_processor=template("<s>", 1),
        added=(*found["llama2"].added, Added(content="\n\n", special=False), Added(content="▁▁", special=False)),
    )
    return found


def _with(config: Config, **changes: Any) -> Config:
    values = {name: getattr(config, name) for name in Config.__slots__}
    return Config(**{**values, **changes})


def _added(token: Added, **changes: Any) -> Added:
    values = {name: getattr(token, name) for name in Added.__slots__}
    return Added(**{**values, **changes})


# ---- strategies ------------------------------------------------------------------------------------------------------

ADDED_CONTENTS = [
    "<s>", "</s>", "<unk>", "[INST]", "<|im_start|>", "<|im_end|>", "<|im", "<|im_end|><|im_start|>", "<think>",
    "the", "dog", "aa", "a", " ", "  ", "\n\n", "\t", "é", "e\u0301", "▁▁", "▁the", "日本", "🦆", "Köln", "'s", "12",
]  # fmt: skip
"""Some are words or white space, which text outside control tokens holds, too."""

FRAGMENTS = [
    *(word for line in CORPUS for word in line.split()[:6]), *ADDED_CONTENTS,
    " ", "  ", "   ", "\n", "\r\n", "\n\n\n", "\t", "\u00a0", "\u3000", "\u2003", "\u200b", "\u2028", "\x85", "\x0b",
    "\x00", "\x1f", "\x7f", "'", "'S", "'LL", "'ſ", "’s", "İ", "ß", "ǅ", "ʰ", "٣", "²", "Ⅷ", "½", "_", "-", "/", "//\n",
    "...", "?!\r\n", "\u0301", "\u0327\u0301", "\u1100\u1161\u11a8", "각", "\u0958", "\u212b", "\ufb01", "\ufffd",
    "\ufeff", "\ue000", "\U0010ffff", "\U000e0001", "👍🏽", "🇩🇪", "🏴", "<0x0A>", "▁", "Ġ", "Ċ",
    "<", "|", ">", "<|", "<|im_st", "art|>", "1234567", "0", "x" * 40, "ab" * 30,
]  # fmt: skip

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
texts = st.lists(
    st.sampled_from(FRAGMENTS) | st.sampled_from(FRAGMENTS) | any_text | st.text("aA1 .\n'é日", max_size=12),
    max_size=12,
).map("".join)

added_tokens = st.lists(
    st.builds(
        Added,
        content=st.sampled_from(ADDED_CONTENTS),
        special=st.booleans(),
        lstrip=st.booleans(),
        rstrip=st.booleans(),
        single_word=st.booleans(),
        normalized=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda token: token.content,
).map(tuple)

_patterns = st.sampled_from([*ODD, *(pattern for patterns in REAL_SPLITS.values() for pattern in patterns)])
_literals = st.sampled_from([" ", "a", "\n", "é", "ab"])
_behaviors = st.sampled_from(BEHAVIORS)
_splits = (
    st.builds(split, _patterns, _behaviors, invert=st.booleans())
    | st.builds(split, _literals, _behaviors, invert=st.booleans(), text=st.just(True))
    | st.builds(lambda each: {"type": "Digits", "individual_digits": each}, st.booleans())
)
_whole = st.sampled_from(sorted(REAL_SPLITS)).map(lambda name: [split(pattern) for pattern in REAL_SPLITS[name]])
_normalizers = st.sampled_from(
    [None, None, {"type": "NFC"}, sequence("normalizers", []), sequence("normalizers", [{"type": "NFC"}])]
)
_post_processors = st.none() | st.builds(byte_level, prefix=st.booleans(), trim=st.booleans())

byte_level_configs = st.builds(
    Config,
    size=st.sampled_from([300, 600]),
    alphabet=st.sampled_from([True, True, True, False]),
    normalizer=_normalizers,
    pre_tokenizer=st.builds(byte_level, prefix=st.booleans(), trim=st.booleans(), regex=st.booleans())
    | st.builds(
        lambda splits, last: sequence("pretokenizers", [*splits, last]),
        _whole | st.lists(_splits, max_size=2),
        st.builds(byte_level, prefix=st.booleans(), trim=st.booleans(), regex=st.booleans()),
    ),
    post_processor=_post_processors,
    decoder=st.just(byte_level()),
    added=added_tokens,
    ignore_merges=st.booleans(),
    merges_as_text=st.booleans(),
)

_schemes = st.sampled_from(["always", "first", "never"])
_spaces = st.sampled_from(
    [
        (sequence("normalizers", [PREPEND, MARK_SPACES]), None),
        (MARK_SPACES, split(" ", "MergedWithPrevious", text=True)),
        (sequence("normalizers", [MARK_SPACES]), None),
        (sequence("normalizers", [{"type": "NFC"}, PREPEND, MARK_SPACES]), None),
    ]
) | st.builds(lambda scheme, splits: (None, metaspace(scheme, splits=splits)), _schemes, st.booleans())

sentencepiece_configs = st.builds(
    lambda spaces, **parts: Config(sentencepiece=True, normalizer=spaces[0], pre_tokenizer=spaces[1], **parts),
    _spaces,
    size=st.sampled_from([250, 500]),
    alphabet=st.booleans(),
    post_processor=st.none() | st.just(template("<s>", 1)),
    decoder=st.sampled_from([LLAMA_DECODER, GEMMA_DECODER]) | _schemes.map(metaspace),
    added=added_tokens,
    ignore_merges=st.booleans(),
    unknown=st.booleans(),
    fuse_unknown=st.booleans(),
    merges_as_text=st.booleans(),
)
