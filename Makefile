# make demo   set everything up, run the main job on examples/three_tones.toml
# make test   set everything up, run the tests, serial and under mpirun
# make bench  the benchmarks: minutes, tables into docs/performance.md
# make docs   the documentation as pages, into build/docs
# make image  a container image, with docker, podman or buildah: docker/README.md; make image-test tries it
# make lint   formatting and static checks, make types among them
# make coverage  lines that the tests run, serial and under mpirun together; pages into build/htmlcov
# make lock   pin all dependencies anew

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
RUN := runs/three_tones

# Without compiled modules every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-serial test-mpi coverage bench docs image image-test lint types lock clean

demo: $(INSTALLED)
	$(BIN)/freqbias run examples/three_tones.toml --out $(RUN)

test: test-serial test-mpi

test-serial: $(INSTALLED)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile

test-mpi: $(INSTALLED)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 UCX_TLS=self,sm,tcp timeout 600 $(BIN)/mpirun -n 2 $(BIN)/python -m mpi4py -m pytest -q -m mpi

# Whatever the tests start is measured too: commands, ranks, processes of a study.
coverage: $(INSTALLED)
	rm -rf build/coverage && mkdir -p build/coverage
	-COVERAGE_FILE=$(CURDIR)/build/coverage/data OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m coverage run -m pytest -q -n auto --dist loadfile
	-COVERAGE_FILE=$(CURDIR)/build/coverage/data OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 UCX_TLS=self,sm,tcp timeout 1200 \
		$(BIN)/mpirun -n 2 $(BIN)/python -m coverage run -m mpi4py -m pytest -q -m mpi
	cd build/coverage && ../../$(BIN)/coverage combine --rcfile=../../pyproject.toml --data-file=data
	$(BIN)/coverage report --data-file=build/coverage/data
	$(BIN)/coverage html --quiet --data-file=build/coverage/data

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run_all.py

docs: $(INSTALLED)
	$(BIN)/python -m sphinx -W --keep-going -n -q -d build/docs-cache docs build/docs

# BUILD_ARGS=… are options of the engine's build command; IMAGE=… is the name, ENGINE=… the program.
image:
	docker/build.sh $(BUILD_ARGS)

image-test: $(INSTALLED)
	docker/test_image.sh $(BIN)/python

lint: types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# Of the installed package: an editable one, spread over folders, is not found by mypy.
types: $(INSTALLED)
	rm -rf build/types build/lib && mkdir -p build/types
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --target build/types .
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../types-cache -p freqbias

# uv installs from the lock file several times faster than pip; it comes by pip, pinned like everything else.
$(INSTALLED): requirements.lock bootstrap.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || \
		{ echo "freqbias needs Python 3.12 or newer: make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

lock:
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.12 \
		--extra dev pyproject.toml --output-file requirements.lock
	echo uv | $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.12 \
		- --output-file bootstrap.lock

clean:
	rm -rf $(VENV) build *.egg-info
