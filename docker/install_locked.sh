#!/bin/sh
# Install what pyproject.toml asks for into /opt/venv, in the versions and with the hashes of requirements.lock.
# install_locked.sh [--extra NAME]; with TORCH_INDEX set, PyTorch comes from that index: the same version, without hashes.
set -eu

if [ -s /run/secrets/ca.crt ]; then
    export SSL_CERT_FILE=/run/secrets/ca.crt PIP_CERT=/run/secrets/ca.crt
fi
export UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 PIP_NO_CACHE_DIR=1

uv=/opt/uv/bin/uv
if [ ! -x $uv ]; then
    python3 -m venv /opt/uv
    /opt/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
fi
[ -d /opt/venv ] || $uv venv --quiet --python "$(command -v python3)" --no-python-downloads /opt/venv

hashes=--require-hashes
if [ -n "${TORCH_INDEX:-}" ]; then
    torch=$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' requirements.lock)
    $uv pip install --quiet --python /opt/venv/bin/python --no-deps --default-index "$TORCH_INDEX" "$torch"
    hashes=--verify-hashes
fi
# Constraints with hashes bind whatever is installed, not only what pyproject.toml names.
$uv pip install --quiet --python /opt/venv/bin/python $hashes \
    --requirements pyproject.toml --constraints requirements.lock "$@"

$uv pip freeze --python /opt/venv/bin/python | grep -v -e '^torch==' -e '^freqbias ' | while read -r package; do
    grep -q "^$package " requirements.lock || { echo "$package is not in requirements.lock" >&2; exit 1; }
done
