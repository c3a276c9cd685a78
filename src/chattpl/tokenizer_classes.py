"""The tokenizer classes of `transformers` 5.24: which one a folder gets, and what it makes of a `tokenizer.json`.

Most folders get `TokenizersBackend`, which takes the file as it is. Some classes take the tokens and merges of the file
alone and put a normalizer, a pretokenizer and a decoder of their own around them: those below are followed part by
part, the others are refused. `docs/folders.md` lists them; a test compares the lists with the
installed `transformers`.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any, NamedTuple

BACKEND = "TokenizersBackend"
"""The class that takes a `tokenizer.json` as it is."""
MISTRAL = "MistralCommonBackend"
"""The class of the package `mistral-common`; without the package it is the one above, and so it is here."""

Part = dict[str, Any]


class Rebuild(NamedTuple):
    """What a class makes of a `tokenizer.json`."""

    model: str
    """The kind of model that it builds."""
    tokens: dict[str, str | None]
    """Its own named tokens, where the folder names none."""
    parts: Callable[[dict[str, Any]], Part]
    """The parts that replace those of the file, by the fields of `tokenizer_config.json` and the named tokens."""
    extra: tuple[str, ...] = ()
    """Special tokens without a name that it adds."""
    then: str = ""
    """How it adds all special tokens once more: `tokens` (as texts flagged special), `special` (as they are)."""


def class_for(
    config: dict[str, Any], model: dict[str, Any], *, hub_id: str, byte_level: Callable[[], bool]
) -> str | None:
    """Finds the class that `AutoTokenizer` gives a folder.

    Args:
        config: The fields of `tokenizer_config.json`.
        model: The fields of `config.json`.
        hub_id: The id of the model in the Hub, empty where the folder is none of the Hub cache's.
        byte_level: Whether the text of `tokenizer.json` holds `"ByteLevel"`.

    Returns:
        The name without `Fast`; None where only code of the folder's own could read it.
    """
    model_type, declared = _text(model, "model_type"), _text(config, "tokenizer_class")
    wanted = declared or _text(model, "tokenizer_class")
    registered = _REGISTERED.get(model_type)
    is_wrong = model_type in _WRONG_CLASS or _text(model, "model_name") in _WRONG_CLASS
    custom = config.get("auto_map") or {}
    custom = custom.get("AutoTokenizer") if isinstance(custom, dict) else custom
    if not custom:
        if any(fnmatch.fnmatch(hub_id.lower(), pattern) for pattern in _BACKEND_IDS):
            return BACKEND
        is_llama = wanted.removesuffix("Fast") == "LlamaTokenizer"
        if is_llama and registered != MISTRAL and not is_wrong and byte_level():
            return BACKEND
        if wanted and registered is not None and registered != wanted.removesuffix("Fast"):
            return _mismatched(registered, wanted, is_wrong=is_wrong)
    has_own_class = model_type in _CONFIGURED or (declared and _known(declared) is not None)
    if custom and not has_own_class and model_type not in _WRONG_CLASS:
        return None
    if wanted:
        return _known(wanted) or BACKEND
    return _known(registered or "") or BACKEND if model_type in _CONFIGURED else BACKEND


def _mismatched(registered: str, wanted: str, *, is_wrong: bool) -> str:
    """The class of a folder whose `tokenizer_class` is not the one of its model type."""
    if registered in (BACKEND, MISTRAL):
        return BACKEND
    return _known(registered if is_wrong else wanted) or BACKEND


def _known(name: str) -> str | None:
    """The class of a name as `transformers` finds it; None for a name that it does not know."""
    name = name.removesuffix("Fast")
    if name in (BACKEND, MISTRAL, "PreTrainedTokenizer", "PythonBackend", "BloomTokenizer"):
        return BACKEND
    name = _ALIASES.get(name, name)
    return name if name in REBUILDS or name in REFUSED else None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""


# ---- what the classes build ------------------------------------------------------------------------------------------


def _bpe(
    *, unk_token: str | None = None, fuse_unk: bool = False, byte_fallback: bool = False, affix: str | None = None
) -> Part:
    return {
        "unk_token": unk_token,
        "dropout": None,
        "continuing_subword_prefix": affix,
        "end_of_word_suffix": affix,
        "fuse_unk": fuse_unk,
        "byte_fallback": byte_fallback,
        "ignore_merges": False,
    }


def _sequence(kind: str, *steps: Part) -> Part:
    return {"type": "Sequence", kind: list(steps)}


def _byte_level(prefix: bool = False, *, regex: bool = True) -> Part:
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def _metaspace(scheme: str) -> Part:
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}


def _sentencepiece_decoder(*, strip: bool) -> Part:
    last = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if strip else []
    marks = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    return _sequence("decoders", marks, {"type": "ByteFallback"}, {"type": "Fuse"}, *last)


def _prefix_space(config: dict[str, Any], default: bool) -> bool:
    """The flag `add_prefix_space`; null stands for the default."""
    value = config.get("add_prefix_space")
    return default if value is None else bool(value)


def _llama(config: dict[str, Any]) -> Part:
    prefix = _prefix_space(config, True)
    scheme = ("always" if config.get("legacy") else "first") if prefix else "never"
    return {
        "model": _bpe(fuse_unk=True, byte_fallback=True),
        "normalizer": None,
        "pre_tokenizer": _metaspace(scheme),
        "decoder": _sentencepiece_decoder(strip=prefix),
    }


def _code_llama(config: dict[str, Any]) -> Part:
    scheme = "first" if _prefix_space(config, True) else "never"
    return {
        "model": _bpe(fuse_unk=True, byte_fallback=True, unk_token=str(config.get("unk_token"))),
        "normalizer": None,
        "pre_tokenizer": _metaspace(scheme),
        "decoder": _sentencepiece_decoder(strip=True),
        "post_processor": "bos",
    }


def _gemma(config: dict[str, Any]) -> Part:
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    return {
        "model": _bpe(fuse_unk=True, byte_fallback=True, unk_token=str(config.get("unk_token"))),
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": split,
        "decoder": _sentencepiece_decoder(strip=False),
    }


def _qwen(pattern: str) -> Callable[[dict[str, Any]], Part]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}

    def parts(config: dict[str, Any]) -> Part:
        level = _byte_level(_prefix_space(config, False), regex=False)
        return {
            "model": _bpe(affix=""),
            "normalizer": {"type": "NFC"},
            "pre_tokenizer": _sequence("pretokenizers", split, level),
            "decoder": _byte_level(True),
        }

    return parts


def _cohere(config: dict[str, Any]) -> Part:
    level = _byte_level(bool(config.get("add_prefix_space", False)))
    return {
        "model": _bpe(affix=""),
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": _sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, level),
        "decoder": level,
    }


def _gpt2(config: dict[str, Any]) -> Part:
    return {
        "model": _bpe(affix=""),
        "normalizer": None,
        "pre_tokenizer": _byte_level(bool(config.get("add_prefix_space", False))),
        "decoder": _byte_level(True),
    }


def _gpt_neox(config: dict[str, Any]) -> Part:
    return {**_gpt2(config), "normalizer": {"type": "NFC"}, "post_processor": None}


def _bert(config: dict[str, Any]) -> Part:
    return {
        "model": {
            "unk_token": str(config.get("unk_token")),
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        },
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": bool(config.get("tokenize_chinese_chars", True)),
            "strip_accents": config.get("strip_accents"),
            "lowercase": bool(config.get("do_lower_case", True)),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "post_processor": "cls-sep",
    }


_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_QWEN2 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_QWEN3_5 = (
    _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_END = "<|endoftext|>"
_QWEN_TOKENS: dict[str, str | None] = {"unk_token": _END, "bos_token": None, "eos_token": _END, "pad_token": _END}
_LLAMA_TOKENS: dict[str, str | None] = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}

REBUILDS = {
    "LlamaTokenizer": Rebuild("BPE", _LLAMA_TOKENS, _llama),
    "CodeLlamaTokenizer": Rebuild(
        "BPE",
        {
            **_LLAMA_TOKENS,
            "prefix_token": "▁<PRE>",
            "middle_token": "▁<MID>",
            "suffix_token": "▁<SUF>",
            "eot_token": "▁<EOT>",
            "fill_token": "<FILL_ME>",
        },
        _code_llama,
        extra=("▁<PRE>", "▁<MID>", "▁<SUF>", "▁<EOT>", "<FILL_ME>"),
    ),
    "GemmaTokenizer": Rebuild(
        "BPE",
        {
            "unk_token": "<unk>",
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "mask_token": "<mask>",
        },
        _gemma,
    ),
    "Qwen2Tokenizer": Rebuild("BPE", _QWEN_TOKENS, _qwen(_QWEN2), then="tokens"),
    "Qwen3_5Tokenizer": Rebuild("BPE", _QWEN_TOKENS, _qwen(_QWEN3_5)),
    "CohereTokenizer": Rebuild(
        "BPE",
        {
            "unk_token": "<UNK>",
            "bos_token": "<BOS_TOKEN>",
            "eos_token": "<|END_OF_TURN_TOKEN|>",
            "pad_token": "<PAD>",
            "cls_token": "<CLS>",
            "sep_token": "<SEP>",
            "mask_token": "<MASK_TOKEN>",
        },
        _cohere,
        then="special",
    ),
    "GPT2Tokenizer": Rebuild(
        "BPE", {"unk_token": _END, "bos_token": _END, "eos_token": _END, "pad_token": None}, _gpt2
    ),
    "GPTNeoXTokenizer": Rebuild(
        "BPE", {"unk_token": _END, "bos_token": _END, "eos_token": _END, "pad_token": "<|padding|>"}, _gpt_neox
    ),
    "BertTokenizer": Rebuild(
        "WordPiece",
        {
            "unk_token": "[UNK]",
            "sep_token": "[SEP]",
            "pad_token": "[PAD]",
            "cls_token": "[CLS]",
            "mask_token": "[MASK]",
        },
        _bert,
    ),
}
"""The classes that are followed."""

_ALIASES = {
    "LxmertTokenizer": "BertTokenizer",
    "MobileBertTokenizer": "BertTokenizer",
    "SqueezeBertTokenizer": "BertTokenizer",
}

# ---- lists -----------------------------------------------------------------------------------------------------------

REFUSED = _words(
    "AlbertTokenizer BartTokenizer BarthezTokenizer BartphoTokenizer BertGenerationTokenizer "
    "BertJapaneseTokenizer BertTokenizerLegacy BertweetTokenizer BigBirdTokenizer BioGptTokenizer "
    "BlenderbotSmallTokenizer BlenderbotTokenizer ByT5Tokenizer CLIPTokenizer CTRLTokenizer CamembertTokenizer "
    "CanineTokenizer ClvpTokenizer CodeGenTokenizer ConvBertTokenizer CpmAntTokenizer CpmTokenizer "
    "DPRContextEncoderTokenizer DPRQuestionEncoderTokenizer DPRReaderTokenizer DebertaTokenizer "
    "DebertaV2Tokenizer DiaTokenizer DistilBertTokenizer EsmTokenizer EsmcTokenizer FNetTokenizer FSMTTokenizer "
    "FastSpeech2ConformerTokenizer FlaubertTokenizer FunnelTokenizer GPTNeoXJapaneseTokenizer GPTSw3Tokenizer "
    "HerbertTokenizer LEDTokenizer LasrTokenizer LayoutLMv2Tokenizer LayoutLMv3Tokenizer LayoutXLMTokenizer "
    "LukeTokenizer M2M100Tokenizer MBart50Tokenizer MBartTokenizer MLukeTokenizer MPNetTokenizer MarianTokenizer "
    "MarkupLMTokenizer MgpstrTokenizer MvpTokenizer MyT5Tokenizer NllbTokenizer "
    "NougatTokenizer OpenAIGPTTokenizer PLBartTokenizer ParakeetTokenizer PegasusTokenizer PerceiverTokenizer "
    "PhobertTokenizer ProphetNetTokenizer ReformerTokenizer RemBertTokenizer RoCBertTokenizer RoFormerTokenizer "
    "RobertaTokenizer SeamlessM4TTokenizer Siglip2Tokenizer SiglipTokenizer Speech2TextTokenizer "
    "SpeechT5Tokenizer SplinterTokenizer T5Tokenizer TapasTokenizer Tipsv2Tokenizer UdopTokenizer "
    "VideoPrismTokenizer VitsTokenizer Wav2Vec2CTCTokenizer Wav2Vec2PhonemeCTCTokenizer WhisperTokenizer "
    "XGLMTokenizer XLMRobertaTokenizer XLMTokenizer XLNetTokenizer"
)
"""The classes that rebuild, or do without, a `tokenizer.json` in ways that are not followed."""

_CLASS_OF_MODEL_TYPES = {
    "AlbertTokenizer": "albert yoso",
    "BartTokenizer": "florence2",
    "BarthezTokenizer": "barthez",
    "BartphoTokenizer": "bartpho",
    "BertGenerationTokenizer": "bert-generation",
    "BertJapaneseTokenizer": "bert-japanese",
    "BertTokenizer": (
        "align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git grounding-dino "
        "layoutlm megatron-bert mm-grounding-dino nezha nomic_bert qdqbert realm retribert squeezebert tvp vilt "
        "visual_bert"
    ),
    "BertweetTokenizer": "bertweet",
    "BigBirdTokenizer": "big_bird",
    "BioGptTokenizer": "biogpt",
    "BlenderbotSmallTokenizer": "blenderbot-small",
    "BlenderbotTokenizer": "blenderbot",
    "ByT5Tokenizer": "byt5",
    "CLIPTokenizer": "aimv2 clip clipseg groupvit omdet-turbo oneformer owlv2 owlvit sam3 sam3_video xclip",
    "CTRLTokenizer": "ctrl",
    "CamembertTokenizer": "camembert",
    "CanineTokenizer": "canine",
    "ClvpTokenizer": "clvp",
    "CodeLlamaTokenizer": "code_llama",
    "CohereTokenizer": "aya_vision cohere cohere2",
    "CpmAntTokenizer": "cpmant",
    "CpmTokenizer": "cpm",
    "DPRQuestionEncoderTokenizer": "dpr",
    "DebertaTokenizer": "deberta",
    "DebertaV2Tokenizer": "deberta-v2",
    "DiaTokenizer": "dia",
    "EsmTokenizer": "esm",
    "EsmcTokenizer": "esmc esmfold2",
    "FNetTokenizer": "fnet",
    "FSMTTokenizer": "fsmt",
    "FlaubertTokenizer": "flaubert",
    "FunnelTokenizer": "funnel",
    "GPT2Tokenizer": (
        "blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip instructblipvideo jais2 "
        "opt phi starcoder2"
    ),
    "GPTNeoXJapaneseTokenizer": "gpt_neox_japanese",
    "GPTNeoXTokenizer": "falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm",
    "GPTSw3Tokenizer": "gpt-sw3",
    "GemmaTokenizer": (
        "diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma shieldgemma2 t5gemma zaya"
    ),
    "HerbertTokenizer": "herbert",
    "LEDTokenizer": "led",
    "LasrTokenizer": "lasr_ctc lasr_encoder",
    "LayoutLMv2Tokenizer": "layoutlmv2",
    "LayoutLMv3Tokenizer": "layoutlmv3",
    "LayoutXLMTokenizer": "layoutxlm",
    "LlamaTokenizer": "idefics idefics2",
    "LukeTokenizer": "luke",
    "LxmertTokenizer": "lxmert",
    "M2M100Tokenizer": "m2m_100",
    "MBart50Tokenizer": "mbart50",
    "MBartTokenizer": "mbart",
    "MLukeTokenizer": "mluke",
    "MPNetTokenizer": "mpnet",
    "MarianTokenizer": "marian",
    "MarkupLMTokenizer": "markuplm",
    "MgpstrTokenizer": "mgp-str",
    "MistralCommonBackend": (
        "ministral ministral3 mistral mistral3 mistral_large4 mixtral pixtral voxtral voxtral_realtime"
    ),
    "MobileBertTokenizer": "mobilebert",
    "MvpTokenizer": "mvp",
    "MyT5Tokenizer": "myt5",
    "NllbTokenizer": "nllb nllb-moe",
    "NougatTokenizer": "nougat pp_formulanet",
    "OpenAIGPTTokenizer": "openai-gpt",
    "PLBartTokenizer": "plbart",
    "ParakeetTokenizer": (
        "granite_speech5_ctc nemotron3_5_asr nemotron_asr_streaming omniasr_ctc parakeet_ctc parakeet_rnnt parakeet_tdt"
    ),
    "PegasusTokenizer": "pegasus",
    "PerceiverTokenizer": "perceiver",
    "PhobertTokenizer": "phobert",
    "ProphetNetTokenizer": "prophetnet",
    "Qwen2Tokenizer": (
        "audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl lighton_ocr "
        "moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl qwen2_audio qwen2_moe qwen2_vl "
        "qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe qwen3_vl qwen3_vl_moe vibevoice"
    ),
    "Qwen3_5Tokenizer": "qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp",
    "RagTokenizer": "rag",
    "ReformerTokenizer": "reformer",
    "RemBertTokenizer": "rembert",
    "RoCBertTokenizer": "roc_bert",
    "RoFormerTokenizer": "roformer",
    "RobertaTokenizer": (
        "bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta roberta-prelayernorm"
    ),
    "SeamlessM4TTokenizer": "seamless_m4t seamless_m4t_v2",
    "Siglip2Tokenizer": "siglip2",
    "SiglipTokenizer": "siglip",
    "Speech2TextTokenizer": "speech_to_text",
    "SpeechT5Tokenizer": "speecht5",
    "SplinterTokenizer": "splinter",
    "T5Tokenizer": "mt5 musicgen musicgen_melody switch_transformers t5",
    "TapasTokenizer": "tapas",
    "Tipsv2Tokenizer": "tipsv2",
    "TokenizersBackend": (
        "EvollaModel arctic aria beam bigbird_pegasus camembertv2-base canary chatlm cohere_asr ernie4_5 "
        "ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite glm4v glm4v_moe glm_image glmasr got_ocr2 "
        "gpt_bigcode gradium_phonon_tts granite granitemoe granitemoehybrid granitemoeshared h2ovl_chat "
        "hyperclovax hyperclovax_vlm internlm2 internlm3 iquestcoder jamba kimi_k25 kimi_linear kosmos-2 llava "
        "llava_next mimo_v2_flash minicpm3 minicpm_ocr minicpmv minicpmv4_6 minicpmv4_7 minimax_m2 modernbert "
        "modernbert-decoder molmo molmo2 nemo_speechlm nemotron nvfp4 nystromformer olmo2 olmo3 olmo_hybrid "
        "omniasr opencua openvla paddleocr_vl pegasus_x persimmon phi3 phi3_v phimoe pix2struct pocket_tts "
        "smolvlm stablelm step3_vl umt5 vipllava xlm-roberta-xl"
    ),
    "UdopTokenizer": "udop",
    "VideoPrismTokenizer": "videoprism",
    "VitsTokenizer": "vits",
    "Wav2Vec2CTCTokenizer": "data2vec-audio hubert unispeech unispeech-sat wav2vec2 wav2vec2-bert wav2vec2-conformer",
    "Wav2Vec2PhonemeCTCTokenizer": "wav2vec2_phoneme",
    "WhisperTokenizer": "whisper",
    "XGLMTokenizer": "xglm",
    "XLMRobertaTokenizer": "gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod",
    "XLMTokenizer": "xlm",
    "XLNetTokenizer": "xlnet",
}

_REGISTERED = {model_type: name for name, types in _CLASS_OF_MODEL_TYPES.items() for model_type in types.split()}
_WRONG_CLASS = _words(
    "arctic camembertv2-base chatlm cohere_asr ernie4_5 ernie4_5_moe fuyu h2ovl_chat hyperclovax "
    "hyperclovax_vision_v2 hyperclovax_vlm internlm2 internlm3 iquestcoder jamba llava llava_next minicpm3 "
    "minicpmv minimax_m2 modernbert modernbert-decoder molmo molmo2 nemotron nvfp4 opencua openvla paddleocr_vl "
    "phi3 phi3_v phimoe qwen2 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp siglip2 smolvlm step3_vl vipllava"
)
"""Model types whose folders name a class that is not theirs."""
_WITHOUT_CONFIG = _words(
    "barthez bartpho bert-japanese bertweet byt5 code_llama cpm herbert mbart50 mega mluke myt5 nezha nllb "
    "phobert qdqbert realm retribert wav2vec2_phoneme camembertv2-base internlm2 arctic hyperclovax_vlm step3_vl "
    "molmo opencua openvla minicpmv phi3_v chatlm h2ovl_chat nvfp4"
)
"""Model types with a tokenizer class, but without a configuration class."""
_CONFIGURED = frozenset(_REGISTERED) - _WITHOUT_CONFIG
_BACKEND_IDS = (
    "deepseek-ai/deepseek-r1-distill-llama-*",
    "deepseek-ai/deepseek-coder-*",
    "allenai/dolma2-tokenizer",
    "google/umt5-small",
    "naver-clova-ix/donut-*",
    "salesforce/blip2-opt-*",
    "salesforce/blip2-flan-t5-*",
    "salesforce/instructblip-flan-t5-*",
    "stepfun-ai/step-3.7-*",
)
"""Models of the Hub whose folders name a class that is not theirs."""
