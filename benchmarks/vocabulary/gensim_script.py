"""gensim answering the analogy questions over the same vectors.

``python -m benchmarks.vocabulary.gensim_script FOLDER`` prints the seconds it took, and for each question whether its
first answer was right.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors

FOLDER = Path(sys.argv[1])

vectors = np.load(FOLDER / "vectors.npy")
words = KeyedVectors(vectors.shape[1])
words.add_vectors(json.loads((FOLDER / "names.json").read_text(encoding="utf-8")), vectors)
started = time.perf_counter()
questions = str(FOLDER / "questions.txt")
_, sections = words.evaluate_word_analogies(questions, restrict_vocab=len(vectors), case_insensitive=False)
seconds = time.perf_counter() - started
right = {(section["section"], four) for section in sections for four in section["correct"]}
verdicts, name = [], ""
for line in Path(questions).read_text(encoding="utf-8").splitlines():
    if line.startswith(":"):
        name = line[2:]
    else:
        verdicts.append((name, tuple(line.split())) in right)
print(json.dumps({"seconds": seconds, "right": verdicts}))
