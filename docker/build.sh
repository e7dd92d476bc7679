#!/usr/bin/env bash
# Build the image with docker, podman or buildah: docker/build.sh [options of the engine's build command]
# TARGET=test builds the image that runs the tests; IMAGE names the image, ENGINE the program.
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/engine.sh

build=(build)
[ "$engine" != buildah ] || build=(bud)
revision=$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || true)
echo "building $image with $engine" >&2
exec "$engine" "${build[@]}" --file docker/Dockerfile --target "${TARGET:-runtime}" --tag "$image" \
    --build-arg REVISION="$revision" "$@" .
