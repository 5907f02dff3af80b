# make lab        environment, installation, JupyterLab on the tour
# make test       the same environment, then all tests but the slow ones
# Variables: PYTHON=python3.12   the Python that makes the environment (3.11 or newer)
#            TORCH=...           any pip requirement, wheel or pip option for torch; remembered
#            PORT=8889           where JupyterLab listens
#            BROWSER=none        do not open a browser
#            ARGS=...            passed on to JupyterLab or pytest

PYTHON ?= python3
VENV ?= .venv
PORT ?= 8888
NOTEBOOK ?= notebooks/00_tour.ipynb

# Windows' environments keep their programs elsewhere; the README has plain pip lines for it.
RUN := $(VENV)/bin/python
PINNED_TORCH := $(shell sed -n '/^torch==/p' constraints.txt)
REMEMBERED_TORCH := $(shell cat $(VENV)/torch-asked 2>/dev/null)
TORCH ?= $(REMEMBERED_TORCH)
# Quoted word by word, so that "torch>=2.6" is no redirection and options may stand beside it.
TORCH_WORDS := $(foreach word,$(or $(TORCH),$(PINNED_TORCH)),'$(word)')

OPEN := $(if $(filter none,$(BROWSER)),--no-browser)
# In a container one is root as a rule, and JupyterLab would refuse to start.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# JupyterLab asks nobody for news, updates or extensions.
QUIET := --LabApp.news_url=None \
  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate \
  --LabApp.extension_manager=readonly

.PHONY: lab test test-slow studies bench weights lint format wheel docs constraints clean always
.DELETE_ON_ERROR:

lab: $(VENV)/installed
	$(RUN) -m jupyterlab --port=$(PORT) $(OPEN) $(AS_ROOT) $(QUIET) $(ARGS) $(NOTEBOOK)

test: $(VENV)/installed
	$(RUN) -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=300 $(ARGS)

# The long notebooks, which keep their results; some minutes each, with real weights.
studies: $(VENV)/installed
	$(RUN) -m pytest -o addopts= --nbval-lax --nbval-current-env --nbval-cell-timeout=3600 \
	  --timeout=7200 notebooks/study_* $(ARGS)

test-slow: $(VENV)/installed
	$(RUN) -m pytest -m slow --timeout=3600 $(ARGS)

bench: $(VENV)/installed
	$(RUN) -m benchmarks.browser $(ARGS)

# What the tests of real weights need, into the user's cache; the only thing that is fetched.
weights: $(VENV)/installed
	$(RUN) -m cnnwidgets weights get vgg16 efficientnet_lite0

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(VENV)/installed
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

wheel: $(VENV)/installed
	$(RUN) -m build --wheel --no-isolation

# The site, from docs/ and the docstrings, into build/site; nothing but Sphinx is fetched.
docs: $(VENV)/installed
	$(RUN) -m pip install -q -c $(VENV)/constraints.txt -e '.[docs]'
	$(RUN) -m sphinx -W --keep-going -b html -d build/doctrees docs build/site $(ARGS)

# The set that is installed now, for all machines: without build tags and local files.
constraints: $(VENV)/installed
	{ sed '/^#/!d' constraints.txt; \
	  $(RUN) -m pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools \
	    | sed 's/+.*//'; } > $(VENV)/constraints.new
	mv $(VENV)/constraints.new constraints.txt

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Torch comes first: where pip finds a build for CPUs it is taken, and what follows keeps it.
# Another torch than the tested one brings its own partners: then their pins step aside.
$(VENV)/installed: pyproject.toml constraints.txt $(VENV)/torch-asked
	$(RUN) -m pip install $(TORCH_WORDS)
	@torch=$$($(RUN) -m pip list --format=freeze | grep '^torch=='); \
	case "$$torch" in \
	  "$(PINNED_TORCH)" | "$(PINNED_TORCH)"+*) aside='^torch==' ;; \
	  *) aside='^(torch|torchvision|sympy)==' ;; \
	esac; \
	{ echo "$$torch"; grep -Ev "$$aside" constraints.txt; } > $(VENV)/constraints.txt
	$(RUN) -m pip install -c $(VENV)/constraints.txt -e '.[lab,test]'
	@touch $@

# Written only when another torch is asked for, so that nothing is installed again without need.
ifneq ($(TORCH),$(REMEMBERED_TORCH))
$(VENV)/torch-asked: always
endif
$(VENV)/torch-asked: | $(RUN)
	@printf '%s\n' '$(TORCH)' > $@

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "cnnwidgets needs Python 3.11 or newer, and '$(PYTHON)' is not;" \
	    "say which one to take: make lab PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make environments; on Debian and Ubuntu install the package" \
	    "python3-venv, then try again" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
