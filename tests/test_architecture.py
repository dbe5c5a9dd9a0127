"""The shape of the program: who may import whom, who may name eventlet, and what each process loads."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "hextrackr"
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Folder, or module at the top, -> what it may import. From the outside in: ``web``, ``realtime``, ``cli`` -> ``auth`` -> ``jobs``
#: -> ``ingest``, ``readmodel``, ``queries`` -> ``domain`` -> ``db``. What the importer process has, ``ingest`` and ``jobs``, tells its
#: progress as well.
ALLOWED = {
    "__init__": {
        "auth", "cli", "config", "database", "extensions", "jobs", "logs", "monitoring", "paths", "readmodel", "realtime", "serving", "web",
    },
    "__main__": set(),
    "auth": {"db", "escaping", "extensions", "jobs", "progress"},
    "cli": {"auth", "database", "db", "domain", "escaping", "extensions", "jobs", "paths"},
    "config": {"paths"},
    "connections": set(),
    "database": {"db", "domain", "escaping", "extensions", "paths"},
    "db": set(),
    "domain": {"db"},
    "errors": {"escaping"},
    "escaping": set(),
    "extensions": set(),
    "ingest": {"db", "domain", "escaping", "progress"},
    "jobs": {"db", "domain", "extensions", "ingest", "logs", "paths", "progress", "redis"},
    "logs": {"escaping"},
    "monitoring": {"db", "domain", "extensions", "jobs", "progress"},
    "paths": set(),
    "progress": {"extensions"},
    "queries": {"domain", "escaping", "ingest", "readmodel"},
    "readmodel": {"db", "domain", "logs", "paths"},
    "realtime": {"auth", "db", "extensions", "jobs", "progress", "redis"},
    "redis": {"progress"},
    "serving": {"config", "connections", "database", "extensions", "jobs", "logs", "realtime", "web"},
    "web": {
        "auth", "connections", "db", "domain", "escaping", "extensions", "ingest", "jobs", "monitoring", "progress", "queries", "readmodel",
        "realtime", "redis",
    },
}  # fmt: skip
#: What loads the app, and alone names what it is served with.
ENTRY_POINTS = {*PACKAGE.glob("serving/*.py"), PACKAGE / "__main__.py"}
#: What the pure parts may import of others' code.
PURE = ("progress", "ingest/dialect.py", "ingest/formats", "domain/verdicts.py")
IMPURE = {"time.time", "time.sleep", "socket", "subprocess", "os"}
STANDARD = set(sys.stdlib_module_names)
#: Private parts of libraries, by the modules that use them; the tests of these modules use the libraries themselves.
PRIVATE_PARTS = {
    "realtime/pings.py": {"_send_ping"},
    "realtime/broadcast.py": {"_send_eio_packet"},
    "realtime/websockets.py": {"_async"},
    "web/request_security.py": {"_fallback_limiter"},
}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Absolute names of what a module imports at run time; what stands under TYPE_CHECKING does not count."""
    package = ["hextrackr", *path.relative_to(PACKAGE).parts[:-1]]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checking = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if id(node) in checking:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def breaking(rule: Callable[[Path], set[str]], paths: Iterable[Path] = MODULES) -> dict[str, set[str]]:
    """The modules that break a rule, and what of them breaks it."""
    return {str(path.relative_to(ROOT)): found for path in paths if (found := rule(path))}


def test_imports_point_one_way():
    def forbidden(path: Path) -> set[str]:
        own = part_of(path)
        parts = {name.split(".")[1] for name in imports_of(path) if name.startswith("hextrackr.")}
        if path in ENTRY_POINTS:
            parts.discard("create_app")
        return parts - {own, "errors", "__version__"} - ALLOWED[own]

    assert breaking(forbidden) == {}


def test_the_map_is_acyclic_but_for_the_factory():
    """``__init__`` is the top; below it nothing leads back to where it came from."""

    def below(part: str, seen: tuple[str, ...] = ()) -> None:
        assert part not in seen, f"a cycle: {' -> '.join((*seen, part))}"
        for other in ALLOWED[part]:
            below(other, (*seen, part))

    for part in ALLOWED:
        below(part)


def test_the_pure_parts_use_the_standard_library_only():
    allowed = STANDARD | {"hextrackr", "charset_normalizer"}

    def forbidden(path: Path) -> set[str]:
        names = set(imports_of(path))
        return ({name.split(".")[0] for name in names} - allowed) | (names & IMPURE)

    pure = [path for path in MODULES if str(path.relative_to(PACKAGE)).startswith(PURE)]
    assert len(pure) > len(PURE)
    assert breaking(forbidden, pure) == {}


def test_only_the_entry_points_name_eventlet():
    def named(path: Path) -> set[str]:
        text = path.read_text(encoding="utf-8").casefold()
        if path.name == "config.py":
            text = text.replace('"eventlet"', "").replace("instead of eventlet", "")
        return set(re.findall(r"\beventlet", text))

    assert breaking(named, (path for path in MODULES if path not in ENTRY_POINTS)) == {}


def test_private_parts_of_libraries_are_used_only_where_a_test_tells_of_their_change():
    def used(path: Path) -> set[str]:
        names = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute))
        private = [node for node in names if re.match("_[a-z]", node.attr) and node.attr != "_exit"]
        own = {node.attr for node in private if ast.unparse(node.value) in ("self", "cls")}
        return {node.attr for node in private} - own - PRIVATE_PARTS.get(str(path.relative_to(PACKAGE)), set())

    assert breaking(used) == {}


def test_what_imports_knows_neither_flask_nor_eventlet():
    def known(path: Path) -> set[str]:
        return {name.split(".")[0] for name in imports_of(path)} & {"flask", "flask_socketio", "eventlet"}

    below = [path for path in MODULES if {"db", "domain", "ingest"} & set(path.relative_to(PACKAGE).parts)]
    assert below
    assert breaking(known, below) == {}


#: Folder of the browser's modules -> the folders it may import from beside itself. What ``lib`` has knows nothing of HexTrackr.
SCRIPTS = {
    "lib": set(),
    "progress": {"lib"},
    "elements": {"lib", "progress"},
    "pages": {"lib", "progress", "elements"},
}


@pytest.mark.parametrize("folder", SCRIPTS)
def test_the_modules_of_the_browser_import_one_way(folder):
    files = sorted((ROOT / "static" / "scripts" / folder).glob("*.js"))
    assert files
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    imported = re.findall(r'^import (?:.+ from )?"(.+)";$', text, re.MULTILINE)
    assert {name.split("/")[1] for name in imported if name.startswith("../")} <= SCRIPTS[folder]
    assert all(name.startswith(("../", "./")) for name in imported)


def named_in(folder: str) -> set[str]:
    """Which modules of tests and benchmarks the files of a folder name."""
    files = (ROOT / folder).rglob("*.py")
    return {name for path in files for name in re.findall(r"\b(?:tests|benchmarks)(?:\.\w+)+", path.read_text("utf-8"))}


def test_what_tests_and_benchmarks_share_stands_in_tests_support():
    assert {name for name in named_in("tests") if "benchmarks." in name or "conftest" in name} == set()
    assert {name for name in named_in("tests/support") if not name.startswith("tests.support")} == set()
    assert {name for name in named_in("benchmarks") if not name.startswith(("tests.support", "benchmarks."))} == set()


def loaded_by(statement: str, tmp_path: Path, **settings: str) -> set[str]:
    """The modules in a fresh interpreter with these settings after ``statement``."""
    program = f"{statement}; import sys; print('|'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT, env={"INSTANCE_PATH": str(tmp_path), "PATH": "", **settings}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(done.stdout.strip().split("|"))


def test_the_web_process_loads_neither_duckdb_nor_the_pipeline(tmp_path):
    loaded = loaded_by("import app", tmp_path)
    assert "eventlet" in loaded
    assert not loaded & {"duckdb", "hextrackr.ingest.pipeline", "hextrackr.ingest.csv_reader"}


def test_what_is_not_turned_on_is_not_loaded(tmp_path):
    loaded = loaded_by("import app", tmp_path, METRICS="off")
    off = {"redis", "celery", "kombu", "prometheus_client", "flask_login", "argon2", "authlib"}
    assert not packages(loaded) & off
    assert not {"hextrackr.redis", "hextrackr.realtime.message_queue", "hextrackr.jobs.celery_worker"} & loaded
    importer = packages(loaded_by("import hextrackr.jobs.importer", tmp_path))
    assert not importer & {"redis", "celery", "kombu", "prometheus_client"}


def packages(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def test_the_importer_process_loads_neither_flask_nor_eventlet(tmp_path):
    loaded = loaded_by("import hextrackr.jobs.importer", tmp_path)
    assert "hextrackr.ingest.pipeline" in loaded
    assert not loaded & {"flask", "eventlet", "flask_socketio", "socketio", "hextrackr.extensions"}
