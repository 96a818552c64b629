#!/usr/bin/env bash
# Install all that is needed into .venv; check style and types, build the pages, run the tests:
#   bash Testing/run.sh [pytest options]
set -euo pipefail
cd "$(dirname "$0")/.."

# The libraries that Qt loads even without a screen, and those that draw a PDF's text.
packages=(libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3)
packages+=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" ||
        missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    as_root=""
    [ "$(id -u)" -eq 0 ] || as_root="sudo"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq -y --no-install-recommends \
        "${missing[@]}" >/dev/null
fi

[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy &
.venv/bin/sphinx-build -W -q -c docs . build/docs
wait $!  # for mypy, and fail as it does
# One thread a process: the tests run beside each other.
OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n "$(nproc)" "$@"
