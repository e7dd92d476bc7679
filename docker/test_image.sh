#!/usr/bin/env bash
# Run the demo and a solve on two ranks inside the image, and the demo outside: do the numbers agree?
# docker/test_image.sh PYTHON [options of compare_runs.py]; PYTHON has freqbias installed. IMAGE and ENGINE as in build.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. docker/engine.sh
python=$1
shift

folder=$PWD/runs/image
rm -rf "$folder"
mkdir -p "$folder/inside" "$folder/outside"
cp examples/three_tones.toml "$folder/inside"
# As the user who calls; root stays outside: then it is the image's own user, who must be able to write here.
user=$(id -u):$(id -g)
if [ "$(id -u)" = 0 ]; then
    user=freqbias
    chmod 777 "$folder/inside"
fi

if [ "$engine" = buildah ]; then
    container=$(buildah from --pull-never "$image")
    trap 'buildah rm "$container" >/dev/null' EXIT
    inside() { buildah run --user "$user" --volume "$folder/inside:/work" --workingdir /work "$container" -- "$@"; }
else
    options=(--rm --user "$user" --volume "$folder/inside:/work" --shm-size 1g)
    [ "$engine" != podman ] || [ "$user" = freqbias ] || options+=(--userns keep-id)
    inside() { "$engine" run "${options[@]}" --entrypoint "$1" "$image" "${@:2}"; }
fi

# The cache holds the forms: no compiler is needed.
inside env CC=false freqbias run three_tones.toml --out run
inside mpirun -n 2 freqbias solve three_tones.toml --out two_ranks.nc
# Nor is the cache all there is: elements of degree 5 are compiled.
inside freqbias solve three_tones.toml --set mesh.degree=5 --out degree_5.nc
# A user's mistake keeps its status.
status=0
inside freqbias solve missing.toml --out missing.nc || status=$?
if [ "$status" != 2 ]; then
    echo "a missing problem file ended with status $status instead of 2" >&2
    exit 1
fi
if [ -n "$(find "$folder"/inside/run "$folder"/inside/*.nc -user 0)" ]; then
    echo "the container wrote files that belong to root" >&2
    exit 1
fi

"$python" -m freqbias run examples/three_tones.toml --out "$folder/outside/run"
"$python" docker/compare_runs.py "$folder/outside/run" "$folder/inside/run" --pde "$folder/inside/two_ranks.nc" "$@"
