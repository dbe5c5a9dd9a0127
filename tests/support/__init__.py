"""What tests and benchmarks share: real servers and their databases, exports to import, clients that ask and listen.

It imports neither tests nor benchmarks. What one folder of tests needs alone stands in that folder.
"""

from pathlib import Path

#: The folder of the repository.
ROOT = Path(__file__).resolve().parents[2]
