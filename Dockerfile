# One image for every process of the farm: migrate, worker, tick and dashboard differ in their command alone.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

# Dependencies first, against empty packages: a change of the sources does not install them again.
WORKDIR /build
COPY pyproject.toml constraints.txt LICENSE README.md ./
RUN mkdir agent orchestrator dashboard \
    && touch agent/__init__.py orchestrator/__init__.py dashboard/__init__.py \
    && pip install --constraint constraints.txt .
COPY agent agent
COPY orchestrator orchestrator
COPY dashboard dashboard
RUN pip install --no-deps --force-reinstall . && rm -rf /build/*

# The state home holds the farm's private key, so it belongs to this user and is nobody else's to read.
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/pifarm --shell /usr/sbin/nologin pifarm \
    && install -d -o pifarm -g pifarm -m 0700 /var/lib/pifarm
ENV PIFARM_HOME=/var/lib/pifarm HOME=/var/lib/pifarm
VOLUME /var/lib/pifarm
WORKDIR /var/lib/pifarm
USER pifarm

ENTRYPOINT ["pifarm"]
CMD ["--help"]
