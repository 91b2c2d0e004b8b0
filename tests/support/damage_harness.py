"""Damage a collection's files, one byte or one cut at a time, and see what its readers make of it.

Run as a program: ``damage_harness.py SOUND SCRATCH < damages.jsonl`` prints one line of JSON a damage.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
import sys
import warnings
from pathlib import Path
from unittest.mock import patch

from semsearch import Collection, CollectionSettings, Document
from semsearch.common.errors import SemsearchError
from semsearch.index import plan
from semsearch.storage.upkeep.repair import repair_folder
from semsearch.storage.upkeep.verify import verify_folder
from tests.support.fake_encoder import FakeEncoder

RATINGS = re.compile(r", percentile=[^,]*, confidence=[^,]*")
QUERIES = ("bee wings", "jet engine 7", "soup")
WORDS = ("bee", "wings", "honey", "jet", "engine", "cloud", "soup", "basil", "tomato", "violin", "string", "bow")
STATUS = ("documents", "passages", "deleted", "model", "dimension", "fingerprint", "unit", "metric", "generation")


def build(path, tokens=False):
    """A collection with an index, deleted rows, a document of several passages, and rows behind the index.

    With ``tokens`` it keeps word vectors, which have an index, too.
    """
    chance = random.Random(5)  # noqa: S311 - no secret
    settings = CollectionSettings(unit="sentence", word_vectors=tokens)
    small = patch.multiple(plan, EXACT_MS=0.0, LATENCY_MS=1e9, LISTS=1)
    with small, Collection.create(path, FakeEncoder(), settings) as collection:
        texts = [" ".join(chance.choices(WORDS, k=6)) + f" {n}. Second {n}." for n in range(60)]
        collection.add(Document(text, id=f"d{n}", metadata={"n": n}) for n, text in enumerate(texts))
        collection.tune(factory="Flat")
        collection.compact()
        collection.delete([f"d{n}" for n in range(5, 15)])
        collection.add([Document("A late bee. It hums. It stings.", id="late", title="Late", source="/late")])


def build_with_log(path, tokens=False):
    """The same, and its last commits are in a write-ahead log that nobody has merged, as a killed writer leaves it."""
    build(path.with_name("live"), tokens)
    live = path.with_name("live")
    held = sqlite3.connect(live / "collection.db", isolation_level=None)
    held.execute("BEGIN")
    held.execute("SELECT * FROM state").fetchone()
    with Collection.open(live, FakeEncoder()) as collection:
        collection.add([Document("A last bee. It sleeps.", id="last")])
        collection.delete(["d20"])
        shutil.copytree(live, path)
    held.close()


def damages(folder, flips, cuts, seed=1):
    """Random damages: single flipped bytes, and files cut short; every file gets its share."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    files = sorted(file for file in folder.iterdir() if file.stat().st_size)
    weights = [file.stat().st_size for file in files]
    equal = chance.choices(files, k=(flips + cuts) // 2)
    chosen = equal + chance.choices(files, weights, k=flips + cuts - len(equal))
    chance.shuffle(chosen)
    for number, file in enumerate(chosen):
        size = file.stat().st_size
        if number < flips:
            yield {"file": file.name, "at": chance.randrange(size), "flip": 1 << chance.randrange(8)}
        else:
            yield {"file": file.name, "cut": chance.randrange(size)}


def damage(folder, how):
    """Do to a file what is told."""
    file = folder / how["file"]
    content = bytearray(file.read_bytes())
    if "cut" in how:
        del content[how["cut"] :]
    else:
        content[how["at"]] ^= how["flip"]
    file.write_bytes(content)


def answers(path):
    """All that readers see of a collection."""
    with Collection.open(path, FakeEncoder()) as collection:
        status = collection.status()
        found = {name: getattr(status, name) for name in STATUS}
        found["ids"] = list(collection.ids())
        for exact in (True, False):
            for query in QUERIES:
                hits = collection.search(query, k=1000, exact=exact, mode="dense")
                found[f"{query} {exact}"] = [[repr(hit)] for hit in hits]
        for query in QUERIES:
            hits = collection.search(query, k=1000, mode="lexical", where="n < 30 or title is not null")
            found[f"{query} lexical"] = [[repr(hit)] for hit in hits]
        found["similar"] = [hit.document for hit in collection.similar("late", k=5)]
        for word in ("bee", "soup") if collection.settings.word_vectors else ():
            for same in (False, True):
                hits = collection.contexts(word, k=1000, same_word=same)
                found[f"{word} {same} word"] = [[repr(hit)] for hit in hits]
    return found


def outcome(path, sound):
    """``same``, ``reported``, or what is wrong with neither."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = answers(path)
        except SemsearchError as error:
            return "reported" if "semsearch verify" in str(error) else f"does not name verify: {error}"
        except Exception as error:  # noqa: BLE001 - this is what must not be
            return f"unexpected {type(error).__name__}: {error}"
    if json.loads(json.dumps(found)) != sound:
        return f"other results: {[name for name in sound if found[name] != sound[name]]}"
    return "warned" if told else "same"


def verified(path):
    """Whether ``verify`` finds the collection sound."""
    try:
        return verify_folder(path).sound
    except SemsearchError:
        return False


def repaired(path, sound):
    """Whether a repair leaves a sound collection, and nothing is lost that it does not name."""
    try:
        cut_off = any("lost with the write-ahead log" in one.problem for one in verify_folder(path).findings)
        done = repair_folder(path, lambda _: FakeEncoder())
    except SemsearchError as error:
        return str(error)
    if not verify_folder(path).sound:
        return "repaired, and not sound"
    if cut_off:
        return "rolled back"
    aside = Path(done.file).read_text(encoding="utf-8").splitlines() if done.file else []
    lost = len(sound["ids"]) - done.documents
    if lost != len(aside) or done.aside != lost:
        return f"{lost} lost, {len(aside)} put aside"
    if lost:
        return "put aside"
    found = answers(path)
    if any(no_ranks(name, found) != no_ranks(name, sound) for name in sound if " " in name):
        return "other results after the repair"
    return "mended"


def no_ranks(name, found):
    """Hits without their ranks: equal scores may change places when rows are numbered anew.

    Nor with what is said of scores, which the next write measures anew if its table was damaged.
    A mean of words that are numbered anew is summed up in another order, which scores of one word's places show.
    """
    rest = [hit[0].split(", document" if name.endswith("word") else ", score")[1] for hit in found[name]]
    return sorted(RATINGS.sub("", hit) for hit in rest)


def main(pristine, scratch):
    """Try the damages of standard input on copies of a sound collection."""
    sound = json.loads(json.dumps(answers(pristine)))
    for line in sys.stdin:
        how = json.loads(line)
        folder = Path(shutil.copytree(pristine, scratch / "damaged"))
        damage(folder, how)
        found = outcome(folder, sound)
        result = {**how, "outcome": found, "sound": verified(folder)}
        if how.get("repair") and not result["sound"]:
            result["repair"] = repaired(folder, sound)
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
