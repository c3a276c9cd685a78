"""The lists of tokenizer classes against those of the installed `transformers`."""

from __future__ import annotations

import pytest

from chattpl import tokenizer_classes as ours

transformers = pytest.importorskip("transformers")


def test_model_types_have_the_classes_of_transformers() -> None:
    from transformers.models.auto import tokenization_auto as auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    theirs = {key: name.removesuffix("Fast") for key, name in auto.TOKENIZER_MAPPING_NAMES.items() if name}
    mistral = {key for key, name in ours._REGISTERED.items() if name == ours.MISTRAL}
    for key in mistral:  # `TokenizersBackend` without the package `mistral-common`
        assert theirs.pop(key) in (ours.MISTRAL, ours.BACKEND)
    assert {key: name for key, name in ours._REGISTERED.items() if key not in mistral} == theirs
    assert ours._WRONG_CLASS == auto.MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS
    assert set(auto.TOKENIZER_MAPPING_NAMES) - set(CONFIG_MAPPING_NAMES) == ours._WITHOUT_CONFIG
    assert set(ours._BACKEND_IDS) == set(auto.MODEL_IDS_TO_TOKENIZERS_BACKEND)


def test_every_class_is_followed_refused_or_takes_the_file_as_it_is() -> None:
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    base, backend = transformers.PreTrainedTokenizerBase, transformers.TokenizersBackend
    names = {name for name in dir(transformers) if "Tokenizer" in name} | set(TOKENIZER_MAPPING_NAMES.values())
    for name in filter(None, names):
        found = tokenizer_class_from_name(name)
        if not isinstance(found, type) or not issubclass(found, base) or found is base:
            continue
        known = ours._known(name)
        if found is backend or name.removesuffix("Fast") in (ours.MISTRAL, "PreTrainedTokenizer"):
            assert known == ours.BACKEND, name
        else:
            assert known not in (None, ours.BACKEND), name
            assert known in ours.REFUSED or known == found.__name__, name


def test_defaults_are_those_of_the_classes() -> None:
    import inspect

    for name, rebuild in ours.REBUILDS.items():
        parameters = inspect.signature(getattr(transformers, name).__init__).parameters
        defaults = {key: value.default for key, value in parameters.items() if key.endswith("_token")}
        defaults.pop("add_bos_token", None)
        assert rebuild.tokens == defaults, name
        assert rebuild.model == getattr(transformers, name).model.__name__ if name != "BertTokenizer" else True
