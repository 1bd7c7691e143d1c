"""Bytes that `dumps` never wrote: each is refused in plain words, and none is run, imported or crashed on."""

from __future__ import annotations

import decimal
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptstore.errors import CheckpointCorrupt, CheckpointError
from ckptstore.serializers import JsonSerializer

JSON = JsonSerializer()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"$date":"2024-13-01"}', 'state: "$date" holds "2024-13-01", which is not a date'),
        ('{"$date":"2024-01-01T00:00:00"}', "not a date"),
        ('{"$date":"20240101"}', "not a date"),
        ('{"$date":20240101}', '"$date" holds a number, which is not a date'),
        ('{"$datetime":"2024-01-01"}', '"$datetime" holds "2024-01-01", which is not a datetime'),
        ('{"$time":null}', '"$time" holds null, which is not a time'),
        ('{"$timedelta":[1,2]}', '"$timedelta" holds a list, which is not a timedelta'),
        ('{"$timedelta":[1.0,0,0]}', "not a timedelta"),
        ('{"$timedelta":[true,0,0]}', "not a timedelta"),
        ('{"$timedelta":["1",0,0]}', "not a timedelta"),
        ('{"$timedelta":[0,86400,0]}', "not a timedelta"),
        ('{"$timedelta":[99999999999,0,0]}', "not a timedelta"),
        ('{"$timedelta":[1000000000000000000000000000000,0,0]}', "not a timedelta"),
        ('{"$decimal":"x"}', '"$decimal" holds "x", which is not a Decimal'),
        ('{"$decimal":" 1"}', "not a Decimal"),
        ('{"$decimal":"1_0"}', "not a Decimal"),
        ('{"$decimal":1}', '"$decimal" holds a number'),
        ('{"$decimal":"1E+99999999999999999999"}', "not a Decimal"),
        ('{"$float":"NaN"}', "not a float"),
        ('{"$float":1.5}', "not a float"),
        ('{"$int":"10"}', "not an int"),
        ('{"$int":"0x_1"}', "not an int"),
        ('{"$int":true}', '"$int" holds a bool, which is not an int'),
        ('{"$bytes":"a"}', '"$bytes" holds "a", which is not bytes'),
        ('{"$bytes":"YQ==YQ=="}', "not bytes"),
        ('{"$bytes":"Y Q=="}', "not bytes"),
        ('{"$bytes":"é"}', "not bytes"),
        ('{"$str":"\\\\x"}', "not a str"),
        ('{"$str":"\\\\u0041"}', "not a str"),
        ('{"$str":[]}', "not a str"),
        ('{"$uuid":"x"}', '"$uuid" holds "x", which is not a UUID'),
        ('{"$uuid":"{00000000-0000-0000-0000-000000000001}"}', "not a UUID"),
        ('{"$tuple":{}}', '"$tuple" holds a dict, which is not a tuple'),
        ('{"$tuple":"ab"}', "not a tuple"),
        ('{"$set":[[]]}', '"$set" holds a list, which is not a set'),
        ('{"$set":[1,true]}', "not a set"),
        ('{"$frozenset":[{"$set":[]}]}', "not a frozenset"),
        ('{"$frozenset":[1,1]}', "not a frozenset"),
        ('{"$dict":[[1,2],[1.0,3]]}', '"$dict" holds a list, which is not a dict'),
        ('{"$dict":[[[],1]]}', "not a dict"),
        ('{"$dict":[[{"$decimal":"sNaN"},1]]}', "not a dict"),
        ('{"$dict":[[1]]}', "not a dict"),
        ('{"$dict":[[1,2,3]]}', "not a dict"),
        ('{"$dict":["ab"]}', "not a dict"),
        ('{"$dict":[{"a":1,"b":2}]}', "not a dict"),
        ('{"$dict":{"$tuple":[]}}', "not a dict"),
        ('{"$other":1}', 'state: "$other" is not a tag that this version knows'),
        ('{"$":1}', '"$" is not a tag'),
        ('{"$ndarray":[]}', '"$ndarray" holds a list, which is not a numpy array'),
        ('{"a":[{"b":{"$date":"x"}}]}', '"$date" holds "x"'),
        ('{"$tuple":[{"$set":[{"$date":"x"}]}]}', '"$date" holds "x"'),
        ('{"$dict":[[{"$date":"x"},1]]}', '"$date" holds "x"'),
        ('{"$date":"' + "x" * 99 + '"}', f'"$date" holds "{"x" * 60}…"'),
        ("", "state: not JSON"),
        ("[1", "state: not JSON"),
        ("nan", "state: not JSON"),
        ("[1e999]", "state: not JSON"),
        ('"\\ud800"', "state: not JSON"),
    ],
)
def test_malformed(data: str, message: str) -> None:
    """A tag that holds what it never holds, and anything that is no JSON, is corrupt; the message shows it."""
    with pytest.raises(CheckpointCorrupt) as caught:
        JSON.loads(data.encode())

    assert message in str(caught.value)
    assert len(str(caught.value)) < 200


def test_not_utf8() -> None:
    """Bytes that are no text are corrupt."""
    with pytest.raises(CheckpointCorrupt, match="state: not JSON"):
        JSON.loads(b'"\xff"')


@pytest.mark.parametrize(
    "data",
    [
        "[" * 100_000,
        "[" * 50_000 + "]" * 50_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '{"$tuple":[' * 201 + "]}" * 201,
        '{"$tuple":[' * 300 + "]}" * 300,
        '[{"$set":[' * 101 + "]}]" * 101,
        '{"$dict":[[1,' * 201 + "1" + "]]}" * 201,
        '{"$frozenset":[' * 50_000 + "]}" * 50_000,
        '{"$tuple":' * 300 + "1" + "}" * 300,
        '[{"$tuple":[]},' + "[" * 200 + "]" * 200 + "]",
        '[{"$tuple":[]},' + '{"a":' * 200 + "1" + "}" * 200 + "]",
        '{"$dict":[[' + '{"$tuple":[' * 200 + "]}" * 200 + ",1]]}",
        '{"$ndarray":{"dtype":' * 400 + "1" + "}}" * 400,
        '{"$typed":[' + '["list",' * 400 + '"int"' + "]" * 400 + ",1]}",
    ],
    ids=range(14),
)
def test_too_deep(data: str) -> None:
    """More levels than anybody can have saved are corrupt, never a RecursionError."""
    with pytest.raises(CheckpointCorrupt):
        JSON.loads(data.encode())


@pytest.mark.parametrize(
    "holder",
    [
        lambda keys: {"$set": keys},
        lambda keys: {"$frozenset": keys},
        lambda keys: {"$dict": [[key, 1] for key in keys]},
        lambda keys: {"$set": [{"$tuple": [key]} for key in keys]},
    ],
    ids=["set", "frozenset", "dict", "set of tuples"],
)
def test_keys_of_one_hash(holder: Any) -> None:  # noqa: ANN401 - a function
    """Numbers chosen for their hashes are refused: 300,000 of them would take a set ten minutes."""
    few, many = ([{"$int": hex((2**61 - 1) * (n + 32))} for n in range(count)] for count in (1000, 1001))

    assert JSON.loads(msgspec.json.encode(holder(few)))
    with pytest.raises(CheckpointCorrupt, match=r"is not a (set|frozenset|dict)$"):
        JSON.loads(msgspec.json.encode(holder(many)))


def test_many_keys() -> None:
    """Large sets and dicts come back, whatever is in them."""
    state = [
        set(range(5000)),
        {n / 7: n for n in range(5000)},
        {f"{n}" for n in range(5000)},
        {(n, -n) for n in range(5000)},
    ]

    assert JSON.loads(JSON.dumps(state)) == state


TITLES = '{"names":["a"],"formats":["<f8"],"offsets":[0],"itemsize":8,"aligned":false,"titles":%s}'


@pytest.mark.parametrize("titles", ["[1]", "[]", "[null]", '"a"', "1", "{}"])
def test_titles_that_could_not_be_saved(titles: str) -> None:
    """Titles are texts, or none."""
    with pytest.raises(CheckpointCorrupt, match="not a numpy array"):
        JSON.loads(b'{"$ndarray":{"dtype":%b,"shape":[0],"order":"C","data":""}}' % (TITLES % titles).encode())


def test_nothing_to_read() -> None:
    """A string that only looks like a tag is a string."""
    state = ['{"$date":"x"}', {'{"$tuple"': 1}]

    assert JSON.loads(JSON.dumps(state)) == state


def test_decimal_context() -> None:
    """A program that lets its decimals turn nonsense into NaN still reads no nonsense."""
    with decimal.localcontext() as context:
        context.traps[decimal.InvalidOperation] = False

        with pytest.raises(CheckpointCorrupt, match="not a Decimal"):
            JSON.loads(b'{"$decimal":"x"}')


def test_small_letters_context() -> None:
    """A program that writes exponents in small letters reads what others wrote."""
    with decimal.localcontext() as context:
        context.capitals = 0

        assert JSON.loads(b'[{"$decimal":"1E+10"}]') == [decimal.Decimal(10**10)]


def test_unknown_zone() -> None:
    """A zone without data on this machine is no damage: the error says what to install."""
    with pytest.raises(CheckpointError, match="pip install tzdata") as caught:
        JSON.loads(b'{"$datetime":"2024-01-01T00:00:00+00:00[Mars/Base]"}')

    assert not isinstance(caught.value, CheckpointCorrupt)


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/passwd", "Europe/../../etc/passwd"])
def test_a_zone_is_no_path(zone: str) -> None:
    """No name of a zone leads to another file."""
    with pytest.raises(CheckpointCorrupt, match="not a datetime"):
        JSON.loads(b'{"$datetime":"2024-01-01T00:00:00+00:00[%b]"}' % zone.encode())


def test_a_zone_of_a_megabyte() -> None:
    """However long the name of a zone is, the message is not."""
    with pytest.raises(CheckpointError, match="pip install tzdata") as caught:
        JSON.loads(b'{"$datetime":"2024-01-01T00:00:00+00:00[%b]"}' % (b"A" * 1_000_000))

    assert len(str(caught.value)) < 1200


def test_no_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array without numpy on this machine is no damage: the error says what to install."""
    monkeypatch.setitem(sys.modules, "numpy", None)

    with pytest.raises(CheckpointError, match="pip install numpy") as caught:
        JSON.loads(b'{"$ndarray":{"dtype":"<f8","shape":[0],"order":"C","data":""}}')

    assert not isinstance(caught.value, CheckpointCorrupt)


TAGS = [
    "$tuple", "$set", "$frozenset", "$dict", "$str", "$int", "$float", "$bytes", "$decimal", "$datetime", "$date",
    "$time", "$timedelta", "$uuid", "$ndarray", "$", "$x",
]  # fmt: skip
TEXTS = [
    "", "x", "nan", "0x1", "1.5", "YQ==", "2024-01-01", "2024-01-01T00:00:00+01:00[Europe/Berlin][_fold=1]", "12:00:00",
    "00000000-0000-0000-0000-000000000001", "\\ud800", "C", "F", "<f8", "|b1", "<U1", "|O8", "<M8[ns]", "|V0", "f4,f4",
]  # fmt: skip
FIELDS = ["dtype", "shape", "order", "data", "names", "formats", "offsets", "itemsize", "aligned", "titles"]
numbers = st.integers(-2, 9) | st.integers() | st.sampled_from([2**31, 2**63, 2**64 - 1, 10**30])
hostile = st.recursive(
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False) | st.sampled_from(TEXTS) | st.text(max_size=5),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(st.lists(inner, min_size=2, max_size=2), max_size=3),
        st.dictionaries(st.sampled_from(TAGS), inner, min_size=1, max_size=1),
        st.dictionaries(st.sampled_from(TAGS + FIELDS), inner, max_size=3),
    ),
    max_leaves=15,
)
fields = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["<f8", "|b1", "<U1", "|V0"]) | hostile,
        "shape": st.lists(numbers, max_size=3) | hostile,
        "order": st.sampled_from("CFA"),
        "data": st.binary(max_size=16).map(lambda data: msgspec.json.decode(msgspec.json.encode(data))) | hostile,
    },
)
structured = st.fixed_dictionaries(
    {
        "names": st.lists(st.sampled_from(["a", "b", ""]), max_size=2) | hostile,
        "formats": st.lists(st.sampled_from(["<f8", "|b1", ["<i2", [2]], ["<i2", [2**40, 2**40]]]), max_size=2)
        | hostile,
        "offsets": st.lists(numbers, max_size=2) | hostile,
        "itemsize": numbers | hostile,
        "aligned": st.booleans() | hostile,
    },
    optional={"titles": hostile, "x": hostile},
)


@settings(derandomize=True, database=None, deadline=None, max_examples=800)
@given(
    hostile
    | fields.map(lambda x: {"$ndarray": x})
    | st.builds(lambda x, y: {"$ndarray": {**x, "dtype": y}}, fields, structured)
)
def test_hostile(tree: Any) -> None:  # noqa: ANN401 - anything that JSON holds
    """Whatever the tags hold, reading ends in a state that can be saved again, or in CheckpointError."""
    try:
        state = JSON.loads(msgspec.json.encode(tree))
    except CheckpointError:
        return

    JSON.dumps(state)
