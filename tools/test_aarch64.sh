#!/usr/bin/env bash
# Runs tests of the native library compiled for aarch64, on any Debian machine, under qemu.
#
#     apt-get install qemu-user-static && pip install 'setuptools>=77' 'ziglang>=0.13'
#     tools/test_aarch64.sh [tests, or other arguments of pytest]
#
# A Python for aarch64 comes from Debian's packages, unpacked into a temporary folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root" "$work"/{state/lists/partial,cache/archives/partial}

apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
  -o "Dir::State=$work/state" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$work/cache")
touch "$work/state/status"
"${apt[@]}" update
"${apt[@]}" install --download-only --no-install-recommends -y python3-minimal libpython3-stdlib libstdc++6
for package in "$work"/cache/archives/*.deb; do dpkg -x "$package" "$root"; done

aarch64=(qemu-aarch64-static -L "$root" "$root/usr/bin/python3")
version=$("${aarch64[@]}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
python -m pip install --quiet --target "$work/packages" --only-binary :all: \
  --platform manylinux2014_aarch64 --platform manylinux_2_28_aarch64 --python-version "$version" \
  numpy pytest hypothesis

# The package as a wheel has it, without its sources.
mkdir -p "$work/here/tests"
cp -r dnatag setup.cfg "$work/here"
cp -r tests/native "$work/here/tests"
rm -rf "$work"/here/dnatag/native/{src,*.so}
python - "$work/here/dnatag/native/libdnatag.so" <<'PYTHON'
import sys
from pathlib import Path

sys.path.insert(0, "build_backend")
from dnatag_build import compile_library

compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.17"]
compile_library([*compiler, "-mcpu=baseline"], Path(sys.argv[1]))
PYTHON

cd "$work/here"
[[ $# -gt 0 ]] || set -- tests/native/test_crf.py
PYTHONPATH=$work/here:$work/packages "${aarch64[@]}" -m pytest -p no:cacheprovider "$@"
