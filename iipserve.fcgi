#!/bin/sh
''':'
# Read by sh first: a web server may start this file without a PATH. For Python this part is a text.
PATH="${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin"
self=$(readlink -f "$0") || self=$0
python=${self%/*}/.venv/bin/python
[ -x "$python" ] || python=$(command -v python3) || {
    reason="iipserve: python3 is not installed; ${self%/*}/scripts/setup says what would do"
    echo "$reason" >&2
    log=${LOGFILE-/tmp/iipsrv.log}
    case $log in "" | - | syslog | /dev/*) ;; *) { echo "$reason" >>"$log"; } 2>/dev/null ;; esac
    exit 1
}
exec "$python" "$self" "$@"
'''
"""Launcher of iipserve from a checkout: puts its own folder on the path and uses the `.venv` beside it."""

# Versions of Python that are too old read this too, and say so.
import os
import sys

folder = os.path.dirname(os.path.realpath(__file__))
environment = os.path.join(folder, ".venv")
python = os.path.join(environment, "bin", "python")
version = "%d.%d" % sys.version_info[:2]
packages = os.path.join(environment, "lib", "python" + version, "site-packages")
is_environment = os.path.realpath(sys.prefix) == os.path.realpath(environment)
setup = os.path.join(folder, "scripts", "setup")


def refuse(reason):
    """End with what is wrong, on standard error and in the log: spawn-fcgi has no standard error."""
    if sys.stderr:
        sys.stderr.write("iipserve: %s\n" % reason)
    log = os.environ.get("LOGFILE", "/tmp/iipsrv.log")
    if log == "syslog":
        import syslog

        syslog.syslog(syslog.LOG_CRIT, "iipserve: CRITICAL %s" % reason)
    elif log not in ("", "-") and not log.startswith("/dev/"):
        import time

        line = "%s,000 [%d] CRITICAL %s\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), os.getpid(), reason)
        try:
            with open(log, "a") as file:
                file.write(line)
        except EnvironmentError:  # it has been said on standard error
            pass
    sys.exit(1)


if os.access(python, os.X_OK) and not is_environment:
    if os.path.abspath(sys.executable) == python:
        refuse("%s is no virtual environment any more; delete it and run %s" % (environment, setup))
    os.execv(python, [python, os.path.realpath(__file__)] + sys.argv[1:])
if os.path.islink(python) and not is_environment:
    gone = os.path.realpath(python)
    refuse("the Python of .venv, %s, is gone, or this user may not run it; %s makes it anew" % (gone, setup))
if sys.version_info < (3, 11):
    refuse("Python %s is too old: 3.11 or later is needed; %s makes .venv with one" % (version, setup))
if is_environment and not os.path.isdir(packages):
    refuse("the packages of .venv are for another version of Python than %s; %s makes it anew" % (version, setup))
sys.path.insert(0, folder)

try:
    from iipserve.__main__ import main
except ImportError as error:
    package = (error.name or "").partition(".")[0]
    if package == "iipserve":
        raise
    if not isinstance(error, ModuleNotFoundError):
        refuse("a Python package cannot be used (%s); delete .venv and run %s" % (error, setup))
    refuse("the Python package %s is missing; %s installs it" % (package, setup))

if __name__ == "__main__":
    sys.exit(main())
