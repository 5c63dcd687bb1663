"""Names of topics, groups, operators, stores and applications."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import names
from streams.errors import ConfigException, InvalidGroupIdException, InvalidTopicException, TopologyException

GOOD = ("a", "A.b_c-9", "...", "x" * 249, "-", "word-count")
BAD = (
    ("", "the empty string is not allowed"),
    (".", "'.' is not allowed"),
    ("..", "'..' is not allowed"),
    ("x" * 250, f"the length of '{'x' * 250}' is longer than the max allowed length 249"),
    ("a b", "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    ("a/b", "'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    ("é", "'é' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    ("a\n", "'a\n' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
    ("٣", "'٣' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"),
)


@pytest.mark.parametrize("name", GOOD)
def test_allowed_names_pass_every_gate(name: str) -> None:
    for check in (names.check_topic, names.check_group, names.check_application_id, names.check_name):
        assert check(name) == name
    assert names.is_legal(name)


@pytest.mark.parametrize(("name", "fault"), BAD)
def test_each_gate_refuses_with_its_own_exception(name: str, fault: str) -> None:
    with pytest.raises(InvalidTopicException, match=f"^{re.escape(f'Topic name is invalid: {fault}')}$"):
        names.check_topic(name)
    with pytest.raises(InvalidGroupIdException, match=re.escape(fault)):
        names.check_group(name)
    with pytest.raises(ConfigException, match=re.escape(fault)):
        names.check_application_id(name)
    with pytest.raises(TopologyException, match=r"^Invalid topology: Name "):
        names.check_name(name)
    assert not names.is_legal(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "Name is illegal, it can't be empty"),
        (".", 'Name cannot be "." or ".."'),
        ("x" * 250, f"Name is illegal, it can't be longer than 249 characters, name: {'x' * 250}"),
        ("a b", "Name \"a b\" is illegal, it contains a character other than ASCII alphanumerics, '.', '_' and '-'"),
    ],
)
def test_operator_names_are_refused_in_javas_words(name: str, text: str) -> None:
    with pytest.raises(TopologyException) as raised:
        names.check_name(name)
    assert str(raised.value) == f"Invalid topology: {text}"


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("aZ09._-/ é\x00"), max_size=12))
def test_the_rule_is_the_plain_one(name: str) -> None:
    plain = 0 < len(name) <= 249 and name not in (".", "..") and not set(name) - set("aZ09._-")
    assert names.is_legal(name) is plain


def test_internal_topics() -> None:
    assert names.changelog_topic("app", "counts") == "app-counts-changelog"
    assert names.repartition_topic("app", "by-value") == "app-by-value-repartition"
    assert names.decorated_topic("app", "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-0000000001-topic").startswith(
        "app-KTABLE"
    )
    with pytest.raises(InvalidTopicException, match="longer than the max"):
        names.changelog_topic("app", "x" * 240)


@pytest.mark.parametrize(
    ("topic", "internal"),
    [
        ("app-counts-changelog", True),
        ("app-by-value-repartition", True),
        ("app-KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-0000000006-topic", True),
        ("app-mine-subscription-response-topic", True),
        ("app-orders", False),
        ("other-counts-changelog", False),
        ("application-counts", False),
    ],
)
def test_internal_topics_are_known_by_their_ends(topic: str, internal: bool) -> None:
    assert names.is_internal_topic("app", topic) is internal
