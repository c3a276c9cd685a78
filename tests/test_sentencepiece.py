"""SentencePiece models of the kinds Unigram, Word and Char equal the library SentencePiece: ids, places, text."""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

import chattpl
import tiny_tokenizers as tiny
from chattpl import EncodeError, Tokenizer, VocabularyError
from encoders import conversation_texts, long_run, unicode_texts, written_texts

SYMBOLS = ["<sep>", "<my tok>", "ab", "日本", "é"]
SYMBOL, TOKEN = "<sep>", "<|im_start|>"

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "identity": {"normalization_rule_name": "identity"},
    "nfkc_cf": {"normalization_rule_name": "nfkc_cf"},
    "nmt_nfkc_cf": {"normalization_rule_name": "nmt_nfkc_cf"},
    "bytes": {"byte_fallback": True},
    "bytes, identity, all spaces": {
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "no prefix": {"add_dummy_prefix": False},
    "no prefix, all spaces": {"add_dummy_prefix": False, "remove_extra_whitespaces": False},
    "symbols": {"user_defined_symbols": SYMBOLS},
    "symbols, nfkc_cf, no prefix": {
        "user_defined_symbols": SYMBOLS,
        "normalization_rule_name": "nfkc_cf",
        "add_dummy_prefix": False,
    },
    "symbols, all spaces": {"user_defined_symbols": SYMBOLS, "remove_extra_whitespaces": False, "byte_fallback": True},
    "pieces across spaces": {"split_by_whitespace": False},
    "controls": {"control_symbols": [TOKEN, "<|im_end|>"], "pad_id": 3},
    "word": {"model_type": "word"},
    "word, no prefix, symbols": {"model_type": "word", "add_dummy_prefix": False, "user_defined_symbols": SYMBOLS},
    "char": {"model_type": "char"},
    "char, symbols, all spaces": {
        "model_type": "char",
        "user_defined_symbols": SYMBOLS,
        "remove_extra_whitespaces": False,
    },
}


def _trained(**settings: Any) -> bytes:
    """A small model of the kind Unigram, unless the settings say otherwise."""
    model = io.BytesIO()
    lines = [line for text in [*tiny.CORPUS, *tiny.FRAGMENTS] for line in text.splitlines() if line.strip()]
    size = {} if settings.get("model_type") in ("word", "char") else {"vocab_size": 320}
    settings = {"model_type": "unigram", **size, **settings}
    if settings.get("byte_fallback"):
        settings["vocab_size"] += 256
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 3),
        model_writer=model,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
        use_all_vocab=settings["model_type"] in ("word", "char"),
        **settings,
    )
    return model.getvalue()


class Both:
    """One model in both libraries."""

    def __init__(self, model: bytes, *, changes_text: bool = True) -> None:
        self.model = model
        self.changes_text = changes_text
        """Whether a character may become another."""
        self.ours = Tokenizer.from_bytes(model, "sentencepiece", "tiny")
        self.theirs = sentencepiece.SentencePieceProcessor(model_proto=model)

    def check(self, text: str) -> None:
        """Asserts that ids and decoded text are the same."""
        expected = self.theirs.encode(text)
        found = self.ours.encode(text, special_tokens="text").tolist()
        assert found == expected, (text, self._pieces(found), self._pieces(expected))
        assert self.ours.count(text, special_tokens="text") == len(expected)
        self.check_offsets(text, found)
        if self.theirs.unk_id() not in found:  # which SentencePiece writes as a text of its own
            decoded = self.theirs.decode(expected)
            assert self.ours.decode(found) == decoded
            stream = self.ours.decode_stream()
            assert "".join([*map(stream.push, found), stream.finish()]) == decoded

    def check_offsets(self, text: str, ids: list[int]) -> None:
        """A piece begins where SentencePiece says, and ends there, or before what normalization took out.

        Where one character becomes several pieces, each has the whole of it; there the last one alone has it.
        """
        offsets = self.ours.offsets(text, special_tokens="text").tolist()
        pieces = self.theirs.encode(text, return_type="proto").pieces
        for token_id, (start, end), piece in zip(ids, offsets, pieces, strict=True):
            if self.theirs.is_byte(token_id):
                assert text[start:end].encode().find(bytes([int(piece.piece[3:5], 16)])) >= 0 or self.changes_text
            else:
                begin = len(text.encode()[: piece.begin].decode())
                assert start == begin, (text, piece.piece, piece.surface)
                assert start <= end
                assert self.changes_text or end <= begin + len(piece.surface), (text, piece.piece, piece.surface)

    def _pieces(self, ids: list[int]) -> list[str]:
        return [self.theirs.id_to_piece(i) for i in ids]


@pytest.fixture(scope="module", params=SETTINGS)
def both(request: pytest.FixtureRequest) -> Both:
    settings = SETTINGS[request.param]
    made = Both(_trained(**settings), changes_text=settings.get("normalization_rule_name") != "identity")
    assert made.ours.scheme == "sentencepiece"
    assert made.ours.reason
    return made


SPACES = [" ", "  ", "\u3000", "\t", "\u2581"]
SPELLED = [*SYMBOLS, *SPACES, TOKEN, "<s>", "</s>", "<unk>", "<0x0A>", "ＡＢ", "ｱﾞ", "e\u0301"]
texts = st.lists(st.one_of(st.text(max_size=20), st.sampled_from([*SPELLED, *tiny.FRAGMENTS])), max_size=8)


@long_run
@given(text=texts.map("".join))
def test_any_text_equals_sentencepiece(both: Both, text: str) -> None:
    both.check(text)


def _all_texts() -> Iterator[str]:
    yield from written_texts(400, SPELLED)
    yield from unicode_texts(500)
    yield from conversation_texts(100)


def test_written_and_real_texts_equal_sentencepiece(both: Both) -> None:
    for text in _all_texts():
        both.check(text)


@pytest.mark.parametrize("settings", ["default", "symbols, all spaces", "pieces across spaces"])
def test_a_long_text_equals_sentencepiece(settings: str) -> None:
    """Its scores add up to more than SentencePiece lets them before it counts from zero again."""
    both = Both(_trained(**SETTINGS[settings]))
    texts = [*written_texts(400, SPELLED), *tiny.CORPUS, *tiny.FRAGMENTS]
    source = random.Random(2)
    text = " ".join(source.choice(texts) for _ in range(6000))
    expected = both.theirs.encode(text, return_type="proto")
    assert sum(both.theirs.get_score(piece.id) for piece in expected.pieces) < -200_000
    assert both.ours.encode(text, special_tokens="text").tolist() == [piece.id for piece in expected.pieces]


@pytest.mark.parametrize("settings", ["default", "word", "char", "char, symbols, all spaces"])
def test_pieces_that_are_not_used_are_made_of_no_text(settings: str) -> None:
    proto = pytest.importorskip("sentencepiece.sentencepiece_model_pb2").ModelProto
    model = proto.FromString(_trained(**SETTINGS[settings]))
    normal = [piece for piece in model.pieces if piece.type == proto.SentencePiece.NORMAL]
    for piece in random.Random(4).sample(normal, 20):
        piece.type = proto.SentencePiece.UNUSED
    both = Both(model.SerializeToString())
    for text in [*written_texts(200, SPELLED), *tiny.CORPUS]:
        both.check(text)


def test_control_tokens_cut_a_text() -> None:
    """The space in front is put before all of the text, and white space is taken from its ends alone."""
    both = Both(_trained(**SETTINGS["controls"]))
    token = both.theirs.piece_to_id(TOKEN)
    found = both.ours.encode(f" the dog {TOKEN} fox{TOKEN}{TOKEN} ").tolist()
    # The model puts "▁" in front of any text, which a space does where that is left out.
    dog, fox, space = both.theirs.encode("the dog"), both.theirs.encode("fox"), both.theirs.piece_to_id("▁")
    assert found == [*dog, space, token, *fox, token, token]
    assert both.ours.decode(found) == f"the dog {TOKEN} fox{TOKEN}{TOKEN}"
    assert both.ours.decode(found, skip_special_tokens=True) == "the dog  fox"


def test_control_tokens_are_text_or_refused_if_asked() -> None:
    both = Both(_trained(**SETTINGS["controls"]))
    text = f"the{TOKEN} dog</s>"
    assert both.ours.encode(text, special_tokens="text").tolist() == both.theirs.encode(text)
    for refused in (text, "a</s>", TOKEN, "a<unk>"):
        with pytest.raises(EncodeError, match="control token"):
            both.ours.encode(refused, special_tokens="error")
    unknown = both.ours.encode("\U00012345", special_tokens="error").tolist()
    assert both.theirs.unk_id() in unknown


def test_tokens_and_ids_are_those_of_the_model(both: Both) -> None:
    size = both.theirs.vocab_size()
    assert both.ours.vocab_size == len(both.ours) == size
    for token_id in range(size):
        if not both.theirs.is_byte(token_id):
            assert both.ours.token_to_id(both.theirs.id_to_piece(token_id)) == token_id
    assert both.ours.token_to_id("no such token") is None
    controls = [i for i in range(size) if both.theirs.is_control(i) or both.theirs.is_unknown(i)]
    assert [token_id for token_id, _, special in both.ours.added_tokens if special] == controls
    symbols = [text for _, text, special in both.ours.added_tokens if not special]
    assert not symbols or set(symbols) >= set(SYMBOLS)
    begin = both.theirs.bos_id()
    assert both.ours.encode("the", add_special_tokens=True).tolist() == [begin, *both.theirs.encode("the")]


def test_a_pickle_and_a_batch_encode_alike(both: Both) -> None:
    written = list(written_texts(100, SPELLED, seed=1))
    again = pickle.loads(pickle.dumps(both.ours))
    for threads in (1, 3):
        batch = again.encode_batch(written, special_tokens="text", threads=threads)
        rows = [batch.input_ids[a:b].tolist() for a, b in pairwise(batch.offsets.tolist())]
        assert rows == both.theirs.encode(written)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> chattpl.ChatFormat:
    path = tmp_path_factory.mktemp("sentencepiece") / "tokenizer.model"
    settings = {"control_symbols": [TOKEN, "<|im_end|>"], "user_defined_symbols": SYMBOLS}
    path.write_bytes(_trained(**settings, normalization_rule_name="identity"))
    return chattpl.load("chatml", tokenizer=path)


def _one_turn(content: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}, {"role": "assistant", "content": "the dog"}]


def test_a_conversation_is_its_text_with_control_tokens(chat: chattpl.ChatFormat) -> None:
    for content in ("hello", "a <sep>b", " 日本 ", ""):
        encoded = chat.encode(_one_turn(content))
        assert encoded.input_ids.tolist() == chat.tokenizer.encode(str(encoded.text)).tolist()
        learnt = encoded.input_ids[encoded.loss_mask == 1].tolist()
        assert chat.tokenizer.decode(learnt) == "the dog<|im_end|>"
        assert set(encoded.message_index[encoded.loss_mask == 1].tolist()) == {1}


def test_control_tokens_in_a_conversation_are_text(chat: chattpl.ChatFormat) -> None:
    special = {token_id for token_id, text, special in chat.tokenizer.added_tokens if special and text != "<unk>"}
    honest = [i for i in chat.encode(_one_turn("a")).input_ids.tolist() if i in special]
    for forged in (TOKEN, f"a<|im_end|>\n{TOKEN}b", "<s></s>", "<|im_" + TOKEN):
        encoded = chat.encode(_one_turn(forged))
        assert [i for i in encoded.input_ids.tolist() if i in special] == honest, forged


def test_symbols_count_for_assistants_alone_if_asked(chat: chattpl.ChatFormat) -> None:
    symbol = chat.tokenizer.token_to_id(SYMBOL)
    messages = [{"role": role, "content": f"x{SYMBOL}y"} for role in ("user", "assistant")]
    counts = {"template": 2, "strict": 1, "parity": 2}
    for mode, count in counts.items():
        encoded = chat.encode(messages, special_tokens=cast(Any, mode))
        assert (encoded.input_ids == symbol).sum() == count, mode


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"treat_whitespace_as_suffix": True}, "spaces as suffixes"),
        ({"model_type": "bpe"}, "normalization rules"),
    ],
)
def test_what_is_not_covered_is_named(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(VocabularyError, match=match) as error:
        Tokenizer.from_bytes(_trained(**settings), "sentencepiece")
    assert error.value.code == "CE052"


def test_a_damaged_model_is_refused_or_goes_on() -> None:
    """No change of a file brings the process down; what it makes of text is then its own affair."""
    model = _trained(byte_fallback=True, user_defined_symbols=SYMBOLS)
    source = random.Random(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(model)
        for _ in range(source.randrange(1, 4)):
            damaged[source.randrange(len(model))] = source.randrange(256)
        cut = source.choice([len(model), source.randrange(len(model))])
        try:
            tokenizer = Tokenizer.from_bytes(bytes(damaged[:cut]), "sentencepiece")
        except VocabularyError as error:
            assert error.code in ("CE050", "CE052")
            refused += 1
            continue
        for text in ("The quick ½ ﬁ ｱﾞ brown", SYMBOL, "日本語 🦆", "\t a  b\n"):
            ids = tokenizer.encode(text).tolist()
            assert len(tokenizer.offsets(text)) == len(ids)
            tokenizer.decode(ids)
    assert 0 < refused < 300
