"""Collections that keep a vector of every word: they answer as those do that encode when asked, whatever is written."""

from __future__ import annotations

import io
import random
import re
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import DamagedError, DamagedIndexWarning, QueryError
from semsearch.storage.database.state import read_state
from semsearch.storage.snapshot import Extra
from semsearch.storage.tables.meta import META
from semsearch.storage.tables.passages import Passages
from semsearch.storage.tables.table import values_crc
from semsearch.storage.upkeep.archive import import_archive
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder
from tests.support.index_helpers import stamps
from tests.support.opened import snapshot_of

WORDS = ["bee", "Bee", "wings", "honey", "jet", "internationalisation", "engine", "🐝", "soup", "and", "."]
TOLERANCE = 0.05
"""Numbers of a vector are kept in steps of 1/128, those of 16 dimensions at some 0.25."""
TEXTS = [
    "A bee has wings.\nThe bee and the jet.",
    "A jet has an engine.",
    "Soup, and a Bee in the soup.",
    "No such word.",
]


@pytest.fixture
def words(make):
    """A collection of lines that keeps word vectors."""
    return make("words", unit="line", word_vectors=True)


@pytest.fixture
def filled(words):
    """The same with documents."""
    words.add([Document(text, id=str(number), title="Bee") for number, text in enumerate(TEXTS)])
    return words


def text(chance):
    """A few lines of words."""
    return "\n".join(" ".join(chance.choices(WORDS, k=chance.randrange(1, 8))) for _ in range(chance.randrange(1, 4)))


def places(hits):
    """Which occurrences they are."""
    return sorted((hit.document, hit.start, hit.end, hit.word) for hit in hits)


def every_word(documents):
    """All words of {id: text} with a letter or a digit, as a collection must find them."""
    return sorted((one, *m.span(), m.group()) for one, body in documents.items() for m in re.finditer(r"\w+", body))


def brute_force(documents, word):
    """Cosines of a word by itself with every word of {id: text}, in lines, read behind the title if there is one."""
    encoder = FakeEncoder()
    (query,) = word_vectors_of(encoder, word).values()
    found = {}
    for one, body in documents.items():
        start = 0
        for line in body.split("\n"):
            here = word_vectors_of(encoder, line)
            found |= {
                (one, start + first, start + last): float(vector @ query) for (first, last), vector in here.items()
            }
            start += len(line) + 1
    return found


def word_vectors_of(encoder, line):
    """The direction of each word of a line."""
    (found,) = encoder.encode_tokens([line])
    vectors = {}
    for match in re.finditer(r"\w+", line):
        inside = [
            n for n, (first, last) in enumerate(found.tokens.offsets) if first < match.end() and last > match.start()
        ]
        mean = found.vectors[inside].mean(axis=0)
        vectors[match.span()] = mean / np.linalg.norm(mean)
    return vectors


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_written_it_answers_as_if_it_encoded_now(make, small_index, seed):
    """After additions, replacements, deletions and compactions: the words of what is there, in the order of cosines."""
    small_index(tail=20, part=64)
    stored, fresh = make("stored", unit="line", word_vectors=True), make("fresh", unit="line")
    chance, documents = random.Random(seed), {}  # noqa: S311 - no secret
    for _ in range(8):
        new = {f"d{chance.randrange(12)}": text(chance) for _ in range(4)}
        gone = chance.sample(sorted(documents), k=min(2, len(documents)))
        documents = {one: body for one, body in (documents | new).items() if one not in gone}
        for collection in (stored, fresh):
            collection.add(Document(body, id=one) for one, body in new.items())
            collection.delete(gone)
            if chance.random() < 0.2:
                collection.compact()
        check(stored, fresh, documents)
    assert verify_folder(stored.path).sound


def check(stored, fresh, documents):
    """Every word is found once with its cosine; and of one word, what a collection without word vectors finds."""
    hits = stored.contexts("bee", k=10_000)
    assert places(hits) == every_word(documents)
    assert stored.status().words >= len(hits)
    truth = brute_force(documents, "bee")
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(scores, [truth[hit.document, hit.start, hit.end] for hit in hits], atol=TOLERANCE)
    for word in ("bee", "internationalisation", "soup and"):
        ours, theirs = (answer(one, word) for one in (stored, fresh))
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose([ours[key] for key in ours], [theirs[key] for key in ours], atol=4 * TOLERANCE)


def answer(collection, word):
    """Scores of the occurrences of one word; none if it is not there."""
    try:
        hits = collection.contexts(word, f"the {word} flies", k=1000, same_word=True)
    except QueryError:
        return {}
    return {(hit.document, hit.start, hit.passage): hit.score for hit in hits}


def test_senses_are_those_of_a_collection_without_word_vectors(make, filled):
    """The same groups of the same occurrences."""
    fresh = make("fresh", unit="line")
    fresh.add([Document(body, id=str(number), title="Bee") for number, body in enumerate(TEXTS)])
    ours, theirs = filled.senses("bee", k=9), fresh.senses("bee", k=9)
    assert [places(sense.central) for sense in ours] == [places(sense.central) for sense in theirs]
    assert [sense.typical for sense in ours] == [sense.typical for sense in theirs]


def test_words_of_overlapping_windows_count_once(make):
    """From the window with more context, and none is missing."""
    chance = random.Random(1)  # noqa: S311 - no secret
    body = " ".join(chance.choices(["bee", "wings", "jet", "honey"], k=120))
    collection = make("windows", window=12, overlap=5, word_vectors=True)
    collection.add([Document(body, id="long")])
    assert collection.status().words > 120
    assert places(collection.contexts("bee", k=1000)) == every_word({"long": body})
    assert len(collection.contexts("bee", k=50)) == 50
    once = collection.contexts("bee", k=1000, same_word=True)
    assert [hit.start for hit in sorted(once, key=lambda hit: hit.start)] == [
        m.start() for m in re.finditer("bee", body)
    ]


def test_words_that_do_not_fit_the_model_have_no_vector(make):
    """What was cut off a passage is found neither way; the passage's own truncation has been reported."""
    collection = make("long", unit="document", word_vectors=True)
    report = collection.add([Document("bee " * 40, id="long")])
    assert report.tokens_cut == 10
    assert len(collection.contexts("bee", k=100)) == 30
    assert len(collection.contexts("bee", k=100, same_word=True)) == 30


def test_an_empty_collection_has_no_words(words):
    """Asked for any word or for one, it says what to do."""
    for same_word in (False, True):
        with pytest.raises(QueryError, match="has no words; add documents to it"):
            words.contexts("bee", same_word=same_word)
    assert words.status().words == 0
    assert words.verify().sound


def test_status_counts_words_that_are_kept(filled, notes):
    """Not those of deleted documents; a collection without word vectors has no number."""
    assert filled.status().words == sum(len(re.findall(r"\w+|[.,]", body)) for body in TEXTS)
    filled.delete(["0"])
    assert filled.status().words == sum(len(re.findall(r"\w+|[.,]", body)) for body in TEXTS[1:])
    assert notes.status().words is None


def test_a_search_for_passages_does_without_words(filled):
    """They are loaded when they are asked for, and damage to them harms nothing else."""
    assert snapshot_of(filled).words is None
    filled.contexts("bee", k=1)
    assert snapshot_of(filled).words is not None
    (filled.path / "words-0.u8").unlink()
    with Collection.open(filled.path, FakeEncoder()) as again:
        assert again.search("a bee", k=4, mode="dense")
        with pytest.raises(DamagedError, match="semsearch verify"):
            again.contexts("bee")


def test_words_have_an_index(make, small_index):
    """In files of its own, which a damaged one of costs no hit; new words are found behind it."""
    small_index(tail=20, part=64)
    collection = make("indexed", unit="line", word_vectors=True)
    bodies = {f"d{n}": f"bee{n} wing{n % 7} sky{n % 11} bee" for n in range(60)}
    collection.add(Document(body, id=one) for one, body in bodies.items())
    assert len(stamps(collection, "word-index-*.faiss")) == 4
    with collection._store.pinned(Extra.WORDS) as snapshot:
        pass
    assert (snapshot.words.searcher.index.covered, len(snapshot.words.searcher.rows)) == (240, 240)
    expected = places(collection.contexts("bee", k=100))
    next(iter(collection.path.glob("word-index-*.faiss"))).write_bytes(b"damaged")
    with Collection.open(collection.path, FakeEncoder()) as again:
        with pytest.warns(DamagedIndexWarning, match="word-index"):
            assert places(again.contexts("bee", k=100)) == expected
        assert [one.part for one in verify_folder(again.path).findings] == ["index"]
        again.add([Document("late bee", id="late")])
        assert places(again.contexts("bee", k=1000)) == every_word(bodies | {"late": "late bee"})
        assert verify_folder(again.path).sound


def test_a_reader_keeps_passages_and_words_of_one_generation(filled):
    """Within a pinned block nothing changes for it; after the block it sees the words of the new state."""
    other = Collection.open(filled.path, FakeEncoder())
    with filled._store.pinned(Extra.WORDS) as before:
        other.delete(["0"])
        other.compact()
        assert len(filled.contexts("bee", k=100, same_word=True)) == 3
        assert snapshot_of(filled) is before
    assert len(filled.contexts("bee", k=100, same_word=True)) == 1
    assert snapshot_of(filled).state.epoch == 1
    assert {file.name for file in filled.path.glob("*-[0-9].[fu]*")} == {"vectors-1.f16", "words-1.u8"}


def change(collection, statement):
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(collection.path / "collection.db")) as connection, connection:
        connection.execute(statement)


DAMAGES = {
    "spans": "UPDATE words SET spans = x'010203' WHERE passage = 1",
    "first": "UPDATE words SET first = 0 WHERE passage = 2",
    "missing": "DELETE FROM words WHERE passage = 0",
    "surplus": "INSERT INTO words VALUES (99, 0, 1, x'010001', 5)",
    "block": "UPDATE word_blocks SET rows = rows - 1",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_records_of_words_are_reported_and_mended(filled, damage):
    """No answer is made of them; verify finds them, and a repair encodes the documents again."""
    expected = {word: places(filled.contexts(word, k=100)) for word in ("bee", "soup")}
    change(filled, DAMAGES[damage])
    with Collection.open(filled.path, FakeEncoder()) as again:
        for same_word in (False, True):
            with pytest.raises(DamagedError, match="semsearch verify words"):
                again.contexts("bee", k=100, same_word=same_word)
    assert not verify_folder(filled.path).sound
    done = repair_folder(filled.path, lambda _: FakeEncoder())
    assert (done.documents, done.aside) == (4, 0)
    assert verify_folder(filled.path).sound
    with Collection.open(filled.path, FakeEncoder()) as again:
        assert {word: places(again.contexts(word, k=100)) for word in expected} == expected


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_file_of_word_vectors_is_reported_and_mended(filled, damage):
    """Only what is damaged is encoded again."""
    expected = places(filled.contexts("bee", k=100))
    file = filled.path / "words-0.u8"
    content = bytearray(file.read_bytes())
    content[-30] ^= 1
    file.unlink() if damage == "gone" else file.write_bytes(content if damage == "flip" else content[:-30])
    with Collection.open(filled.path, FakeEncoder()) as again, pytest.raises(DamagedError, match="semsearch verify"):
        again.contexts("bee", k=100)
    assert "vector" in {one.part for one in verify_folder(filled.path).findings}
    done = repair_folder(filled.path, lambda _: FakeEncoder())
    assert (done.documents, done.encoded, done.aside) == (4, 4 if damage == "gone" else 1, 0)
    assert verify_folder(filled.path).sound
    with Collection.open(filled.path, FakeEncoder()) as again:
        assert places(again.contexts("bee", k=100)) == expected


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (DAMAGES["spans"], "words of a passage do not match"),
        ("UPDATE passages SET stop = stop - 1 WHERE vector = 1", "passage 1 does not match"),
    ],
)
def test_a_compaction_does_not_seal_damage(filled, damage, message):
    """Places that do not match their checksum are not copied under a new one, and all stays as it was."""
    filled.delete(["3"])
    change(filled, damage)
    with pytest.raises(DamagedError, match=message):
        filled.compact()
    with closing(sqlite3.connect(filled.path / "collection.db")) as connection:
        assert connection.execute("SELECT epoch, count(*) FROM state, dead").fetchone() == (0, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = json_remove(value, '$.hidden_size') WHERE key = 'encoder'",
        "UPDATE meta SET value = json_set(value, '$.hidden_size', -4) WHERE key = 'encoder'",
        "UPDATE meta SET value = json_set(value, '$.options', json('[]')) WHERE key = 'encoder'",
        "UPDATE meta SET value = '[]' WHERE key = 'settings'",
    ],
)
def test_settings_that_make_no_sense_are_damage(filled, statement):
    """Even with the right checksum they are refused, reported, and not sealed by a repair, which saves the texts."""
    with closing(sqlite3.connect(filled.path / "collection.db", isolation_level=None)) as connection:
        connection.execute(statement)
        state = read_state(connection)._replace(settings=META.checksum(connection))
        connection.execute("UPDATE state SET settings = ?, crc = ?", (state.settings, values_crc(state)))
    with pytest.raises(DamagedError):
        Collection.open(filled.path)
    assert not verify_folder(filled.path).sound
    with pytest.raises(DamagedError, match="its 4 documents are in"):
        repair_folder(filled.path, lambda _: FakeEncoder())


def stored(collection):
    """The vector of each passage, and which words are where."""
    rows = [(row[0].document.id, row[0].ordinal, row[1].tolist()) for row in collection._store.passages_with_vectors()]
    return rows, [(hit.document, hit.start, hit.score) for hit in collection.contexts("bee", k=1000)]


@pytest.mark.parametrize("seal_is_lost", [False, True])
def test_a_repair_does_not_believe_files_that_were_never_committed(filled, monkeypatch, seal_is_lost):
    """What a compaction leaves that was killed numbers the rows otherwise; each would match its checksum there."""
    filled.delete(["1"])
    expected = stored(filled)
    monkeypatch.setattr(Passages, "renumber", killed)
    with pytest.raises(KeyboardInterrupt):
        filled.compact()
    monkeypatch.undo()
    assert {"vectors-1.f16", "words-1.u8"} <= {file.name for file in filled.path.iterdir()}
    if seal_is_lost:
        change(filled, "UPDATE state SET rows = rows + 1")
    done = repair_folder(filled.path, lambda _: FakeEncoder())
    assert (done.documents, done.encoded, done.aside) == (3, 3 if seal_is_lost else 0, 0)
    assert verify_folder(filled.path).sound
    with Collection.open(filled.path, FakeEncoder()) as again:
        found = stored(again)
    assert [row[:2] for row in found[0]] == [row[:2] for row in expected[0]]
    np.testing.assert_allclose([row[2] for row in found[0]], [row[2] for row in expected[0]], atol=2e-3)
    assert found[1] == expected[1]


def killed(*_):
    """Die in the middle."""
    raise KeyboardInterrupt


def test_lost_vectors_of_passages_alone_are_made_again(filled):
    """The words' file is of the same epoch and takes no harm."""
    (filled.path / "vectors-0.f16").unlink()
    done = repair_folder(filled.path, lambda _: FakeEncoder())
    assert (done.documents, done.encoded, done.aside) == (4, 4, 0)
    assert verify_folder(filled.path).sound


def test_fewer_occurrences_are_the_first_of_more(make):
    """A word in two overlapping windows counts where it is nearest, however many are asked for."""
    words = make("overlapping", unit="window", window=4, overlap=3, word_vectors=True)
    words.add(["A bee has wings and the bee has honey and the jet has an engine and no honey at all"])
    whole = words.contexts("honey", k=50)
    assert len(whole) == len({(hit.document, hit.start) for hit in whole}) == 20
    for k in range(1, 20):
        assert [(hit.start, hit.score) for hit in words.contexts("honey", k=k)] == [
            (hit.start, hit.score) for hit in whole[:k]
        ]


def test_files_that_belong_to_no_state_are_found_and_removed(filled):
    """Those of words like those of passages."""
    for name in ("words-7.u8", "word-index-3-0.faiss"):
        (filled.path / name).write_bytes(b"left behind")
    assert [one.name for one in verify_folder(filled.path).findings] == ["word-index-3-0.faiss", "words-7.u8"]
    filled.delete(["0"])
    assert verify_folder(filled.path).sound


def test_an_archive_carries_word_vectors(filled, tmp_path):
    """What arrives answers likewise, and has the words of its own."""
    filled.delete(["3"])
    target = io.BytesIO()
    filled.export(target)
    path = import_archive(io.BytesIO(target.getvalue()), tmp_path / "elsewhere", "arrived")
    with Collection.open(path, FakeEncoder()) as arrived:
        assert arrived.contexts("bee", k=100) == filled.contexts("bee", k=100)
        assert arrived.status().words == filled.status().words
    assert verify_folder(path).sound


def test_encoding_again_makes_word_vectors_of_the_new_encoder(filled):
    """Of its own size, in the place of the old ones."""
    other = FakeEncoder(dimension=24, name="other", fingerprint="0" * 32)
    filled.reencode(other)
    assert filled._store.definition.encoder.hidden_size == 24
    assert places(filled.contexts("bee", k=100)) == every_word({str(n): body for n, body in enumerate(TEXTS)})
    assert verify_folder(filled.path).sound
    assert {file.name for file in filled.path.glob("words-*")} == {"words-1.u8"}


def test_the_setting_is_part_of_the_collection(filled):
    """It is read back, and a collection without it has neither tables nor files of words."""
    again = Collection.open(filled.path, FakeEncoder())
    assert again.settings == CollectionSettings(unit="line", word_vectors=True)
    other = Collection.create(filled.path.with_name("other"), FakeEncoder())
    with closing(sqlite3.connect(other.path / "collection.db")) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert not {name for name in tables if "word" in name}
    assert not list(other.path.glob("word*"))
