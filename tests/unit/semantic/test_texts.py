"""Words on their way to a vector: canonical form, captions, and what is remembered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import ConfigError, EncoderError
from ap_remote.semantic.texts import BARE, CLIP, SIGLIP, Prompts, TextVectors, canonical, prompts_for
from tests.unit.semantic.planted import PlantedEncoder


class Counting(PlantedEncoder):
    def __init__(self, fingerprint: str = "00000000planted0", prompts: Prompts = BARE) -> None:
        super().__init__(fingerprint)
        self.prompts = prompts
        self.asked: list[list[str]] = []

    def encode_texts(self, texts):
        self.asked.append(list(texts))
        return super().encode_texts(texts)


def test_short_texts_are_put_into_every_caption_of_the_family():
    assert CLIP.captions("dog") == ("a photo of dog", "a photo of a dog", "a photo of the dog")
    assert SIGLIP.captions("red car") == ("a photo of red car", "this is a photo of red car")
    assert BARE.captions("dog") == ("dog",)


@pytest.mark.parametrize(
    "text", ["a dog on grass", "", "собака", "犬", "screenshot", "old photograph", "Drawings of dogs", "painting"]
)
def test_sentences_other_scripts_and_names_of_media_stay_alone(text):
    assert CLIP.captions(text) == (text,)


def test_accents_are_latin_and_braces_are_only_text():
    assert CLIP.captions("café") == ("a photo of café", "a photo of a café", "a photo of the café")
    assert Prompts(templates=("a {}!",)).captions("{} {0}") == ("a {} {0}!",)


@pytest.mark.parametrize("templates", [(), ("a photo",), ("{} and {}",), ("fine {}", "")])
def test_a_caption_without_one_place_for_the_text_is_an_error(templates):
    with pytest.raises(ConfigError, match="one caption at least"):
        Prompts(templates=templates)


def test_a_model_s_family_is_told_by_its_text_tower():
    assert prompts_for({"text_cfg": {"width": 512}}) == CLIP
    assert prompts_for({"text_cfg": {"hf_tokenizer_name": "timm/ViT-B-16-SigLIP2-256"}}) == SIGLIP
    tower = {"hf_tokenizer_name": "facebook/nllb", "hf_model_name": "facebook/nllb"}
    assert prompts_for({"text_cfg": tower}) == BARE


@given(st.text())
@settings(max_examples=60, deadline=None)
def test_a_canonical_text_is_its_own_canonical_text(text):
    once = canonical(text)
    assert canonical(once) == once
    assert once == once.strip()
    assert canonical(f"  {text}\n") == once


def test_composition_and_spaces_make_no_other_text_but_case_does():
    assert canonical(" cafe\u0301\t au  lait ") == "café au lait"
    assert canonical("Turkey") != canonical("turkey")


def test_a_text_is_encoded_once_however_it_is_spaced():
    encoder, known = Counting(), TextVectors()
    first = known.of(encoder, ["red", "blue", " red "])
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(known.of(encoder, ["blue", "red"]), first[[1, 0]])
    assert np.array_equal(first[:2], PlantedEncoder().encode_texts(["red", "blue"]))
    known.of(encoder, ["red", "lime"])
    assert encoder.asked == [["red", "blue"], ["lime"]]


def test_another_fingerprint_and_other_captions_are_another_vector():
    known = TextVectors()
    encoders = [Counting(), Counting("00000000planted1"), Counting(prompts=CLIP), Counting(prompts=CLIP)]
    for encoder in encoders:
        known.of(encoder, ["red"])
    assert [len(encoder.asked) for encoder in encoders] == [1, 1, 1, 0]
    assert len(known) == 3


def test_the_text_that_was_longest_not_asked_makes_room():
    encoder, known = Counting(), TextVectors(capacity=2)
    for text in ("red", "blue", "red", "lime", "red", "blue"):
        known.of(encoder, [text])
    assert encoder.asked == [["red"], ["blue"], ["lime"], ["blue"]]
    assert len(known) == 2


def test_more_texts_than_there_is_room_for_are_all_answered():
    encoder, known = Counting(), TextVectors(capacity=1)
    wanted = ["red", "blue", "lime"]
    assert np.array_equal(known.of(encoder, wanted), PlantedEncoder().encode_texts(wanted))
    assert len(known) == 1


def test_no_text_is_no_vector():
    encoder = Counting()
    assert TextVectors().of(encoder, []).shape == (0, encoder.dim)
    assert encoder.asked == []


def test_a_text_without_a_usable_vector_is_an_error_and_not_remembered():
    class Broken(Counting):
        def encode_texts(self, texts):
            return super().encode_texts(texts) * np.nan

    known = TextVectors()
    with pytest.raises(EncoderError, match="no usable vector"):
        known.of(Broken(), ["red"])
    assert len(known) == 0


def test_many_threads_may_ask_at_one_time():
    encoder, known = Counting(), TextVectors(capacity=3)
    words = ["red", "blue", "lime", "yellow"] * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda word: known.of(encoder, [word])[0], words))
    assert np.array_equal(np.stack(found), PlantedEncoder().encode_texts(words))
    assert len(known) == 3
