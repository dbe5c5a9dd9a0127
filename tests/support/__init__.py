"""Code that tests and benchmarks share: real servers and their databases, exports to import, clients of the API and the sockets.

It imports neither tests nor benchmarks. What one folder of tests needs alone stands in that folder.
"""

from pathlib import Path

#: The folder of the repository.
ROOT = Path(__file__).resolve().parents[2]
