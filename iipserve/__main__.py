"""The command: listens, and serves until a signal ends it."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from socket import socket
from typing import Any, TextIO

from iipserve import __version__
from iipserve.command_line.installation import unusable_package
from iipserve.command_line.output import standard_output
from iipserve.config import Config, Loaded, load, settings
from iipserve.config.addresses import TcpAddress, UnixAddress, parse_address
from iipserve.errors import ConfigError
from iipserve.purges.board import PurgeBoard
from iipserve.transport import logs, operations, signals
from iipserve.transport.malloc import tune_malloc
from iipserve.transport.privileges import Account, become, parse_account
from iipserve.transport.service import Application
from iipserve.transport.sockets import (
    DEFAULT_BACKLOG,
    LISTENING_DESCRIPTOR,
    inherited_listener,
    listen,
    passed_listeners,
    raise_descriptor_limit,
)

log = logging.getLogger(logs.START)

COMMANDS: Mapping[str, tuple[str, str]] = {
    "collection": ("iipserve.collection_command", "manages collections of images"),
    "convert": ("iipserve.convert_command", "makes pyramids of image files"),
    "doctor": ("iipserve.doctor_command", "says why an image is slow"),
    "purge": ("iipserve.purge_command", "lets images count as changed"),
    "warm": ("iipserve.warm_command", "fills caches before visitors come"),
}
"""Arguments that begin commands: the package of each, imported on use, and what it does."""
DESCRIPTION = """\
Image server for IIP, IIIF, DeepZoom and Zoomify over FastCGI and HTTP. All other settings are environment
variables; --check shows them."""
NOTHING_TO_SERVE = (
    "descriptor 0 is not a listening socket: use --bind or --http, or let a web server (mod_fcgid, lighttpd), "
    "spawn-fcgi or systemd start this command"
)


def build_application(config: Config, board: PurgeBoard | None = None) -> Application:
    """Build the real application, imported only in the process that serves: its libraries do not survive a fork.

    Args:
        config: the settings.
        board: of the purges that workers share.

    Raises:
        ConfigError: a setting cannot be used, or a package that is needed cannot be imported.
    """
    try:
        from iipserve.middleware import build
    except ImportError as error:
        raise ConfigError(unusable_package(error)) from error
    return build(config, board)


def main(
    arguments: Sequence[str] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    build: Callable[[Config], Application] = build_application,
) -> int:
    """Run the command. Returns the exit status: 0 on success, 1 for invalid settings, 2 for wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    out = standard_output()
    try:
        return _run(given, environ, build, out)
    except ConfigError as error:
        logs.refuse(str(error))
    except ImportError as error:
        logs.refuse(unusable_package(error))
    finally:
        out.flush()
    return 1


def _run(
    given: Sequence[str], environ: Mapping[str, str], build: Callable[[Config], Application], out: TextIO
) -> int:
    if given and given[0] in COMMANDS:
        command = importlib.import_module(COMMANDS[given[0]][0])
        return int(command.main(given[1:], environ, out, sys.stderr))
    parser = _parser()
    options = parser.parse_args(given)
    loaded = load(environ)
    overrides = _overrides(options, loaded)
    if options.check:
        if options.user is not None:
            # what root may read and write says nothing of the server
            become(options.user)
        from iipserve.check import check

        # standard error is for mistakes
        logging.getLogger("iipserve").setLevel(logging.ERROR)
        listening = {"fastcgi": str(options.bind)} if options.bind else {}
        return check(environ, overrides, out, sys.stderr, **listening)
    if loaded.mistakes:
        if options.user is None and loaded.config.logfile not in logs.STANDARD_ERROR:
            logs.set_up(loaded.config)
        raise ConfigError("\n".join(loaded.mistakes.values()))
    loaded = _noted(loaded._replace(config=dataclasses.replace(loaded.config, **overrides)), overrides)
    if loaded.config.purge_secret and build is build_application:
        build = functools.partial(build, board=PurgeBoard())
    with signals.held_back():
        return _serve(parser, options, loaded, environ, build)


def _parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  iipserve {name:<11} {text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="iipserve",
        description=DESCRIPTION,
        epilog=f"Commands, each with a --help of its own:\n{commands}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--bind",
        type=_address,
        metavar="ADDRESS",
        help="listen for FastCGI: HOST:PORT, :PORT, [IPV6]:PORT or SOCKET_PATH; sockets passed by systemd "
        "replace it; without it and --http, the listening socket is descriptor 0",
    )
    parser.add_argument(
        "--backlog",
        type=_count,
        default=DEFAULT_BACKLOG,
        metavar="N",
        help=f"connections that can wait to be accepted ({DEFAULT_BACKLOG})",
    )
    parser.add_argument(
        "--http",
        type=_address,
        metavar="ADDRESS",
        help="listen for HTTP, with the gallery page; without FILESYSTEM_PREFIX the current folder is served",
    )
    parser.add_argument(
        "--workers", type=_count, metavar="N", help="worker processes (WORKERS; one per processor core)"
    )
    parser.add_argument(
        "--threads", type=_count, metavar="N", help="connections each worker serves at once (THREADS)"
    )
    parser.add_argument(
        "--user",
        type=_account,
        metavar="NAME[:GROUP]",
        help="once the sockets are open, or before --check, become this user, with its groups (started as root)",
    )
    parser.add_argument(
        "--check", action="store_true", help="show settings, formats and versions; fail if there is an error"
    )
    parser.add_argument("--version", action="version", version=f"iipserve {__version__}")
    return parser


def _address(text: str) -> TcpAddress | UnixAddress:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _account(text: str) -> Account:
    try:
        return parse_account(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 65535")
    return int(text)


def _overrides(options: argparse.Namespace, loaded: Loaded) -> dict[str, Any]:
    """Settings that the command line decides on, by field name.

    Raises:
        ConfigError: with --http the current folder would be served, and there is none.
    """
    given = {name: getattr(options, name) for name in ("workers", "threads")}
    if options.http is not None and not loaded.config.filesystem_prefix:
        given["filesystem_prefix"] = _current_folder()
    return {name: value for name, value in given.items() if value is not None}


def _current_folder() -> str:
    """The folder that is served over HTTP if no other is set: everything that this user can read would be too much."""
    try:
        return f"{os.getcwd().rstrip('/')}/"
    except OSError as error:
        raise ConfigError(
            f"FILESYSTEM_PREFIX is empty, and the current folder cannot be used: {error.strerror}"
        ) from error


def _noted(loaded: Loaded, overrides: Mapping[str, Any]) -> Loaded:
    """With a warning of the folder that is served, if that is the current one."""
    folder = overrides.get("filesystem_prefix")
    if folder is None:
        return loaded
    note = f"FILESYSTEM_PREFIX is empty: over HTTP the images below the current folder are served, {folder}"
    if loaded.config.logfile not in logs.STANDARD_ERROR:
        sys.stderr.write(f"{note}; the log is {loaded.config.logfile}\n")
    return loaded._replace(warnings=(*loaded.warnings, note))


def _serve(
    parser: argparse.ArgumentParser,
    options: argparse.Namespace,
    loaded: Loaded,
    environ: Mapping[str, str],
    build: Callable[[Config], Application],
) -> int:
    raise_descriptor_limit()
    tune_malloc()
    config, account = loaded.config, options.user
    if account is None:
        _begin_log(loaded)
    passed = passed_listeners(environ, os.getpid())
    alone = inherited_listener(LISTENING_DESCRIPTOR) if not (passed or options.bind or options.http) else None
    if alone is None and not (passed or options.bind or options.http):
        parser.error(NOTHING_TO_SERVE)

    def opened(address: TcpAddress | UnixAddress | None) -> list[socket]:
        if address is None:
            return []
        return [listen(address, options.backlog, config.socket_mode, config.socket_group)]

    # sockets of systemd replace --bind, so that one unit file does with and without them
    fastcgi, http = passed or opened(options.bind), opened(options.http)
    operating = _operating(config, alone=alone is not None)
    if account is not None:
        # the log is this user's too
        become(account)
        _begin_log(loaded)
    if alone is not None:
        return _serve_alone(config, build, alone, operating)
    return _supervise(config, build, fastcgi, http, operating, passed=bool(passed))


def _operating(config: Config, *, alone: bool) -> socket | None:
    """The socket of METRICS. Of several processes that a web server starts, one has it.

    Raises:
        ConfigError: it cannot be had.
    """
    try:
        return operations.opened(config)
    except ConfigError as error:
        if not alone:
            raise
        log.warning("METRICS: %s", error)
        return None


def _begin_log(loaded: Loaded) -> None:
    logs.set_up(loaded.config)
    for line in loaded.warnings:
        log.warning("%s", line)


def _supervise(
    config: Config,
    build: Callable[[Config], Application],
    fastcgi: Sequence[socket],
    http: Sequence[socket],
    operating: socket | None,
    *,
    passed: bool,
) -> int:
    from iipserve.transport.supervisor import Supervisor

    addresses = [f"FastCGI on {_name(listener)}" for listener in fastcgi]
    addresses += [f"HTTP on {_name(listener)}" for listener in http]
    _announce(config, " and ".join(addresses))
    sockets = {"fastcgi": fastcgi, "http": http}
    return Supervisor(config, build, **sockets, operations=operating, passed=passed).run()


def _serve_alone(
    config: Config, build: Callable[[Config], Application], listener: socket, operating: socket | None
) -> int:
    from iipserve.transport.single import serve

    _announce(config, "FastCGI on descriptor 0, in one process")
    if not serve(build(config), [listener], config, operating):
        # a thread that hangs would keep the interpreter from exiting
        os._exit(0)
    log.info("iipserve ends")
    return 0


def _name(listener: socket) -> str:
    name = listener.getsockname()
    return str(UnixAddress(name) if isinstance(name, str) else TcpAddress(name[0], name[1]))


def _announce(config: Config, addresses: str) -> None:
    """Log what was started, and every setting that differs from its default."""
    log.info("iipserve %s serves %s", __version__, addresses)
    prefix = config.filesystem_prefix
    if prefix and not os.path.isdir(prefix):
        log.warning(
            "FILESYSTEM_PREFIX is %r, which is no folder at present: there are no images until it is one",
            prefix,
        )
    for name, known in settings().items():
        value = getattr(config, name)
        if value != known.default:
            log.info("%s is %s", known.variable, known.parse.show(value) or "empty")


if __name__ == "__main__":
    sys.exit(main())
