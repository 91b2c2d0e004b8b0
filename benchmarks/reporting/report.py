"""Tables and pictures of the documentation, written from the figures on disk and from nothing else.

``python -m benchmarks.reporting.report`` writes them again without measuring.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.neighbours.report import growth, neighbours
from benchmarks.reporting.durability import durability
from benchmarks.reporting.filtered import filtered
from benchmarks.reporting.results import load
from benchmarks.reporting.tables import table

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python -m benchmarks` from `benchmarks/results/*.json`; do not edit. How to run them, and on
what texts: [benchmarks/README.md](../benchmarks/README.md). Contestants take turns in one run; hold on to
the ratios, since absolute figures belong to one machine in one hour.
"""


SENSES = {"wic": "Words in Context", "novels": "novels", "novels_without_mean": "novels, without the mean"}


def write_tables() -> None:
    sections = [HEAD]
    for name, title, write in SECTIONS:
        record = load(name)
        if record:
            sections.append(f"## {title}\n\n{write(record['figures'])}\n{_machine(record)}\n")
    PAGE.write_text("\n".join(sections), encoding="utf-8")


def _machine(record: dict[str, Any]) -> str:
    machine = record["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    instructions = ", ".join(machine["instructions"])
    return (
        f"*{record['measured']}; {machine['processor']}, {machine['cores']} cores, {instructions}; "
        f"Python {machine['python']}; {packages}*"
    )


def _encoding(figures: dict[str, Any]) -> str:
    ceilings = figures["ceilings_gflops"]
    text = (
        "Texts per second with all cores, beside sentence-transformers with its torch default; same texts, same "
        "weights.\nGFLOP/s count the matrix products with the weights alone; the share is of what the machine's own "
        f"matrix product\nreached in the same run, {ceilings['f32']:,} GFLOP/s in f32 and {ceilings['bf16']:,} in "
        "bf16; no program that computes these\nproducts can be faster than the ratio at the ceiling.\n\n"
    )
    rows = []
    for kind in ("short", "passages"):
        part = figures[kind]
        best = {name: ceilings[name] / part["rows"]["sentence-transformers"]["gflops"] for name in ("f32", "bf16")}
        for name, row in part["rows"].items():
            limit = "" if name == "sentence-transformers" else f"{best['bf16' if name.endswith('bf16') else 'f32']:.2f}"
            rows.append(
                [
                    f"{kind} ({part['mean_tokens']} tokens)",
                    name,
                    f"{row['texts_per_second']:,}",
                    f"{row['tokens_per_second']:,}",
                    f"**{row['ratio']:.2f}**",
                    limit,
                    row["gflops"],
                    f"{row['share_of_ceiling']:.0%}",
                    row["lowest_cosine"],
                ]
            )
    head = [
        "texts",
        "",
        "texts/s",
        "tokens/s",
        "ratio",
        "ratio at the ceiling",
        "GFLOP/s",
        "share of ceiling",
        "lowest cosine",
    ]
    return text + table(head, rows)


def _quality(figures: dict[str, Any]) -> str:
    published = figures["published"]
    ways = figures["stsb_spearman"]
    rows = [["published (MTEB)", published["stsb_spearman"], published["scifact_ndcg10"]]]
    rows += [[way, spearman, figures["scifact_ndcg10"].get(way, "")] for way, spearman in ways.items()]
    return table(["", "STS-B test, Spearman x 100", "SciFact, nDCG@10"], rows)


def _startup(figures: dict[str, Any]) -> str:
    return table(
        [f"demo collection, {figures['passages']:,} passages", ""],
        [
            ["`semsearch search` in a new process, wall time", f"{figures['search_seconds']:.2f} s"],
            ["the same, peak memory", f"{figures['search_peak_mb']} MB"],
            ["`semsearch --help`", f"{figures['help_seconds']:.2f} s"],
            ["warm query through Python, p50", f"{figures['warm_p50_ms']} ms"],
            ["warm query through Python, p95", f"{figures['warm_p95_ms']} ms"],
        ],
    )


def _indexing(figures: dict[str, Any]) -> str:
    return table(
        [f"{figures['texts']:,} one-line texts, whole process", "seconds", "peak MB"],
        [
            ["`semsearch index`", figures["semsearch_seconds"], figures["semsearch_peak_mb"]],
            [
                "script with sentence-transformers and FAISS",
                figures["sentence_transformers_and_faiss_seconds"],
                figures["sentence_transformers_and_faiss_peak_mb"],
            ],
            ["ratio", f"**{figures['ratio']}**", ""],
        ],
    )


def _syncing(figures: dict[str, Any]) -> str:
    whole, again = figures["end_to_end"], figures["unchanged"]
    return table(
        ["", "seconds"],
        [
            [f"{whole['texts']:,} sentences, the encoder alone", whole["bare_seconds"]],
            ["the same from a JSONL file to a collection on disk", whole["whole_seconds"]],
            ["share of the encoder's rate", f"**{whole['share']}**"],
            [f"`semsearch index` of {again['files']:,} small files, the first time", again["first_seconds"]],
            ["the same again, all unchanged", f"**{again['again_seconds']}**"],
            ["`semsearch --help`", again["help_seconds"]],
        ],
    )


def _memory(figures: dict[str, Any]) -> str:
    text = (
        "`semsearch index` of JSONL with two fields beside the text. Own memory is what no file backs; the peak\n"
        "counts files that are mapped, too: 150 MB of libraries and model, and segments that are merged. The system\n"
        "takes these back at need.\n\n"
    )
    names = ("own_mb", "peak_mb", "index_mb")
    rows = [[f"{int(size):,}", *(row[name] for name in names)] for size, row in figures["rows"].items()]
    return text + table(["rows", "own memory, MB", "peak, MB", "index, MB"], rows)


def _peers(figures: dict[str, Any]) -> str:
    rows = [
        [name, row["build_seconds"], row["cold_query_seconds"], row["warm_query_ms"], row["query_peak_mb"]]
        for name, row in sorted(figures["rows"].items(), key=lambda item: item[1]["build_seconds"])
    ]
    head = [
        f"{figures['texts']:,} summaries",
        "build s",
        "query in a new process s",
        "warm query ms",
        "peak MB of a query",
    ]
    return table(head, rows)


def _analogies(figures: dict[str, Any]) -> str:
    published = "; ".join(f"{name}: {share}" for name, share in figures["published"].items())
    speed = figures["speed"]
    text = (
        f"Google's {figures['questions']:,} analogy questions, of which {figures['covered']:,} are covered: all their "
        f"words are whole tokens.\nPer cent right (right answer among the first five) over {figures['words']:,} words; "
        f"the words of a question are no answers\nto it, but for the last column. Published: {published}.\n\n"
    )
    rows = [
        [space, formula, *_shares(row), row["all_without_exclusion"]]
        for space, formulas in figures["spaces"].items()
        for formula, row in formulas.items()
    ]
    head = ["space", "formula", "covered", "all", "all, question's words allowed"]
    average = figures["3cosavg"]
    sections = [
        [name, row["questions"], _both(row, "all"), row["covered_questions"], _both(row, "covered")]
        for name, row in figures["sections"].items()
    ]
    return (
        f"{text}{table(head, rows)}\n`{figures['default']}` is the default. By section, 3CosAdd:\n\n"
        + table(["section", "questions", "all", "covered questions", "covered"], sections)
        + f"\n3CosAvg, every pair of a section asked for with the others as examples: {average['right']} % of "
        f"{average['pairs']:,} pairs.\n\nWhat is done to the vectors of `{figures['default']}`, 3CosAdd:\n\n"
        + table(["", "covered", "all"], [[name, *_shares(row)] for name, row in figures["preparations"].items()])
        + f"\nAll questions over {speed['names']:,} names (the static table and words of several pieces), 3CosAdd: "
        f"{speed['semsearch_seconds']:.1f} s."
        + (
            f" gensim's `evaluate_word_analogies` on the same\nvectors, in turn: {speed['gensim_seconds']:.1f} s, "
            f"**{speed['ratio']}** times as long; both judge {speed['same_verdict']} % of the questions alike.\n"
            if "ratio" in speed
            else "\n"
        )
    )


def _shares(row: dict[str, Any]) -> list[str]:
    return [_both(row, "covered"), _both(row, "all")]


def _both(row: dict[str, Any], which: str) -> str:
    return "" if row[which] is None else f"{row[which]} ({row[f'{which}_top5']})"


def _words(figures: dict[str, Any]) -> str:
    sets = figures["pairs"]
    accuracies = figures["wic_accuracy"]
    best = max(accuracies, key=accuracies.__getitem__)
    return (
        "Spearman x 100 of cosines with what people say.\n\n"
        + table(
            ["space", *(f"{name} ({count} pairs)" for name, count in sets.items())],
            [[space, *(row[name] for name in sets)] for space, row in figures["spearman"].items()],
        )
        + "\nWords in Context, training part: per cent of pairs judged right by the best threshold on the cosine of "
        f"the word's two\nvectors; layer {best} is the best.\n\n"
        + table([f"layer {layer}" for layer in accuracies], [list(accuracies.values())])
        + f"\nNearest words in `{figures['default']}`:\n\n"
        + table(["word", "nearest"], [[word, ", ".join(found)] for word, found in figures["nearest"].items()])
    )


def _senses(figures: dict[str, Any]) -> str:
    text = (
        "Which hidden layer ranks a word's occurrences by their sense. Words in Context, training part: of two pairs "
        "of one word, one\nwith the same sense and one without, per cent whose cosines are in this order. Novels: "
        f"{figures['sentences']:,} sentences with nine words of\nseveral senses, told by other words of the sentence "
        "(`benchmarks/senses.py`); mean average precision x 100 of an occurrence\nasking for those of its sense, all "
        "senses counting alike, and the same without the mean of the word's occurrences.\n\n"
    )
    rows = [[layer, *(row[name] for name in SENSES)] for layer, row in figures["layers"].items()]
    return text + table(["layer", *SENSES.values()], rows)


def _modes(figures: dict[str, Any]) -> str:
    rows = figures["ndcg10"]
    modes = list(rows["mean"])
    text = (
        "nDCG@10 by document on judged sets: the packaged model, windows (the default unit) with titles before them,\n"
        "the best passage of each document; the last lines have one vector for each document instead. The parameters\n"
        "are the same for all sets.\n\n"
    )
    return text + table(["", *rows], [[mode, *(f"{row[mode]:.3f}" for row in rows.values())] for mode in modes])


def _confidence(figures: dict[str, Any]) -> str:
    text = (
        "How well an answer's confidence tells a set's own questions from those of the two other sets. AUC is the\n"
        "share of pairs of which the own question has more. Behind it, for a least confidence: own questions that are\n"
        "answered / foreign ones that are said to have nothing relevant. Short questions are the first "
        f"{figures['short_words']} long words.\n\n"
    )
    rows = [
        [
            f"{name}, {kind} questions",
            f"**{row['auc']:.3f}**",
            *(
                f"{own:.1%} / {foreign:.1%}"
                for own, foreign in zip(row["own_kept"], row["foreign_refused"], strict=True)
            ),
        ]
        for name, kinds in figures["sets"].items()
        for kind, row in kinds.items()
    ]
    return text + table(["", "AUC", *(str(least) for least in figures["least"])], rows)


def _reranking(figures: dict[str, Any]) -> str:
    text = (
        f"The {figures['passages']} best passages of {figures['mean_tokens']} tokens re-ranked by tokens, median of "
        "whole searches. Where words have no\nvectors the passages are encoded up to the first layer: "
        f"{figures['gflops']:,} GFLOP/s, {figures['share_of_ceiling']:.0%} of what this machine's own\nmatrix product "
        f"reached in {figures['precision']}, {figures['ceiling_gflops']:,}.\n\n"
    )
    columns = ("plain_ms", "reranked_ms", "explained_ms", "snippets_ms")
    rows = [[kept, *(row[column] for column in columns)] for kept, row in figures["rows"].items()]
    head = ["a collection with", "search, ms", "re-ranked, ms", "explained, ms", "with best sentences, ms"]
    return text + table(head, rows)


def _duplicates(figures: dict[str, Any]) -> str:
    text = (
        f"Pairs with a cosine of {figures['least']} or more among {figures['texts']:,} one-line texts, on the same "
        f"matrix, in turn. {figures['pairs_of_one_alone']} of {figures['pairs']:,} pairs\nwere found by one of the two "
        f"alone. `Collection.duplicates`, with groups and texts: {figures['command_seconds']} s.\n\n"
    )
    rows = [
        ["semsearch", figures["seconds"]],
        ["sentence-transformers, `paraphrase_mining_embeddings`", figures["paraphrase_mining_seconds"]],
        ["ratio", f"**{figures['ratio']}**"],
    ]
    return text + table(["", "seconds"], rows)


def _lexical(figures: dict[str, Any]) -> str:
    head = ["", "rows", "words a row", "postings", "MB", "build, s", "merge, s", "p50, ms", "p95, ms"]
    rows = [[name, *_columns(figures[name])] for name in ("sentences", "passages")]
    text = (
        "BM25 by itself, without vectors: sentences of novels, and passages of eight of them. Questions are held-out\n"
        "sentences of 3 to 16 words, of which any may match; top 100.\n\n"
    )
    return text + table(head, rows)


def _columns(row: dict[str, Any]) -> list[Any]:
    return [f"{value:,}" if isinstance(value, int) else value for value in row.values()]


SECTIONS: tuple[tuple[str, str, Callable[[dict[str, Any]], str]], ...] = (
    ("encoding", "Encoding", _encoding),
    ("quality", "Quality", _quality),
    ("modes", "By meaning, by words, by both", _modes),
    ("reranking", "Re-ranking and explanations", _reranking),
    ("confidence", "Confidence", _confidence),
    ("lexical", "Lexical search", _lexical),
    ("filtered", "Filters", filtered),
    ("duplicates", "Near-duplicates", _duplicates),
    ("startup", "What a user waits for", _startup),
    ("indexing", "Indexing", _indexing),
    ("syncing", "Syncing", _syncing),
    ("memory", "Memory", _memory),
    ("neighbours", "Nearest neighbours", neighbours),
    ("growth", "How the index grows", growth),
    ("analogies", "Analogies", _analogies),
    ("words", "Words", _words),
    ("senses", "Senses", _senses),
    ("durability", "What a collection survives", durability),
    ("peers", "The same job in the peers", _peers),
)


if __name__ == "__main__":
    write_tables()
