"""Imports point down: the table is docs/architecture.md's picture of the layers."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import iipserve

PACKAGE = Path(iipserve.__file__).parent

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("geometry", "registry", "config", "leader", "lru", "native_libraries", "purges", "exchange", "damage"),
    ("containers",),
    ("http", "image", "libvips", "formats"),
    ("processing", "pyramid", "diagnosis"),
    ("geo",),
    ("plan",),
    ("sources", "codecs", "cache", "collections"),
    ("coverage_formats",),
    ("protocols", "engine"),
    ("router", "viewer", "responses", "collection_jobs"),
    ("address_cache", "catalog_documents", "collection_answers", "contents", "plan_words"),
    ("app",),
    ("middleware",),
    ("command_line",),
    ("check", "transport", "collection_command", "convert_command", "doctor_command", "warm_command"),
    ("purge_command",),
    ("__main__",),
)
"""Lowest first; parts in one line do not import each other."""

HEIGHT = {name: height for height, names in enumerate(LAYERS) for name in names}

FOREIGN = {
    "flup": "transport",
    "gunicorn": "transport",
    "prometheus_client": "transport",
    "pymemcache": "cache",
    "glymur": "sources",
    "tifffile": ("sources", "containers"),
    "isal": ("codecs", "coverage_formats"),
    "imagecodecs": ("processing", "sources", "codecs", "coverage_formats", "native_libraries"),
    "PIL": ("processing", "sources"),
    "pypdfium2": "sources",
    "pyvips": "libvips",
    "pyproj": "geo",
    "lxml": "geo",
    "mappyfile": "geo",
    "shapefile": "geo",
    "sqlalchemy": "collections",
    "geoalchemy2": "collections",
    "psycopg": "collections",
    "cql2": "collections",
    "shapely": ("collections", "engine", "protocols"),
    "arro3": "protocols",
    "distributed": "command_line",
    "antimeridian": ("collections", "engine"),
    "rasterio": ("engine", "sources", "codecs", "coverage_formats"),
}
"""Packages that only these parts may know; `check` asks all of them for their version."""

PLUGINS = {"PROTOCOL", "FORMAT", "ENCODER", "COVERAGE_FORMAT"}


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _part(path: Path) -> str:
    """The layer a module belongs to: its folder, or its own name at the top."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def _imports(path: Path) -> set[str]:
    """Dotted names of everything a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _parts_imported(path: Path) -> set[str]:
    dotted = (name.split(".") for name in _imports(path))
    return {parts[1] for parts in dotted if parts[0] == "iipserve" and len(parts) > 1} & HEIGHT.keys()


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    part = _part(path)
    if part == "__init__":
        assert not _parts_imported(path)
        return
    assert part in HEIGHT, f"{part} is in no layer; add it to LAYERS and to docs/architecture.md"
    for other in _parts_imported(path) - {part}:
        assert HEIGHT[other] < HEIGHT[part], f"{part} imports {other}, which is not below it"


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_package_is_known_to_one_part(path: Path) -> None:
    part = _part(path)
    for package in {name.partition(".")[0] for name in _imports(path)} & FOREIGN.keys():
        allowed = FOREIGN[package]
        assert part == "check" or part in ((allowed,) if isinstance(allowed, str) else allowed)


def test_folders_of_modules_are_packages() -> None:
    """Others are not installed, although the checkout works."""
    folders = {path.parent for path in _modules()}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_glymur_is_imported_by_the_module_that_finds_its_library() -> None:
    """Tests and scripts included: where the system has no OpenJPEG, glymur imported first does not work."""
    folders = (PACKAGE, PACKAGE.parent / "tests", PACKAGE.parent / "scripts")
    paths = [
        path for folder in folders for path in folder.rglob("*.py") if "import glymur" in path.read_text()
    ]
    assert [path.name for path in paths if "glymur" in _imports(path)] == ["openjpeg_library.py"]


@pytest.mark.parametrize("folder", ["protocols", "sources", "codecs", "coverage_formats", "cache"])
def test_siblings_meet_only_in_their_interface(folder: str) -> None:
    """Nothing imports a protocol, source, codec or cache, nor a module of its package, from outside of it."""
    modules = list((PACKAGE / folder).rglob("*.py"))
    plugins = {_member(path) for path in modules if _assigned(path) & PLUGINS}
    assert len(plugins) >= MIN_PLUGINS[folder]
    for path in modules:
        imported = {tuple(name.split(".")[:3]) for name in _imports(path)}
        siblings = {("iipserve", folder, name) for name in plugins - {_member(path)}}
        assert not siblings & imported, f"{path.name} imports from another plug-in"


MIN_PLUGINS = {"protocols": 4, "sources": 11, "codecs": 9, "coverage_formats": 8, "cache": 0}


def _member(path: Path) -> str:
    """The module or package of a plug-in folder that a file belongs to: `tiff` of `sources/tiff/layout.py`."""
    return path.relative_to(PACKAGE).parts[1].removesuffix(".py")


def _assigned(path: Path) -> set[str]:
    body = ast.parse(path.read_text()).body
    targets = (target for node in body if isinstance(node, ast.Assign) for target in node.targets)
    return {target.id for target in targets if isinstance(target, ast.Name)}


def test_only_the_entry_point_reads_the_environment() -> None:
    for path in _modules():
        if _part(path) in ("__main__", "transport"):
            continue
        assert "os.environ" not in path.read_text(), f"{path.name} reads the environment"
