"""Converts files with markitdown, one after the other, in one process: `markitdown_files.py ROUNDS < LIST`.

Prints one line of JSON a file: its path, the best of ROUNDS in seconds (imports and the converter's set-up are not in it), and the
length of the Markdown in characters, or the error.
"""

import json
import logging
import sys
import time
import warnings

from markitdown import MarkItDown

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
rounds = int(sys.argv[1])
converter = MarkItDown(enable_plugins=False)
for line in sys.stdin:
    path = line.rstrip("\n")
    seconds, length, error = [], 0, None
    for _ in range(rounds):
        started = time.perf_counter()
        try:
            length = len(converter.convert(path).markdown)
        except Exception as problem:  # whatever a converter throws at its user
            error = type(problem).__name__
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"path": path, "seconds": min(seconds), "characters": length, "error": error}), flush=True)
