# Sourced by build.sh and test_image.sh: sets engine to docker, podman or buildah, the first that works; ENGINE=NAME picks.
engine=
for candidate in ${ENGINE:-docker podman buildah}; do
    if command -v "$candidate" >/dev/null && "$candidate" info >/dev/null 2>&1; then
        engine=$candidate
        break
    fi
done
if [ -z "$engine" ]; then
    echo "none of ${ENGINE:-docker, podman, buildah} is installed and running: a container image needs one of them" >&2
    exit 2
fi
image=${IMAGE:-freqbias}
