# One file for every container of the farm; they differ in their command alone. Two targets:
#   farm (what is built without --target)   migrate, worker, tick, dashboard
#   sim                                     simulated boards: the same and asyncssh, which production does not need
FROM python:3.13-slim AS farm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    ORT_DISABLE_TELEMETRY=1

# The state home holds the farm's private key: it belongs to this user and is nobody else's to read. A new volume takes
# owner and mode from the folder that it is mounted over.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/pifarm --shell /usr/sbin/nologin pifarm \
    && install -d -o pifarm -g pifarm -m 0700 /var/lib/pifarm /var/lib/pifarm/heartbeats \
    && install -d -o pifarm -g pifarm -m 0755 /authorized \
    && install -d -m 1777 /run/lock

# Dependencies first, against empty packages: a change of the sources does not install them again.
WORKDIR /build
COPY pyproject.toml constraints.txt LICENSE README.md ./
RUN mkdir agent orchestrator dashboard \
    && touch agent/__init__.py orchestrator/__init__.py dashboard/__init__.py \
    && pip install --constraint constraints.txt .
COPY agent agent
COPY orchestrator orchestrator
COPY dashboard dashboard
RUN pip install --no-deps --force-reinstall . \
    && rm -rf agent orchestrator dashboard build *.egg-info

ENV PIFARM_HOME=/var/lib/pifarm HOME=/var/lib/pifarm
WORKDIR /var/lib/pifarm
USER 10001:10001
ENTRYPOINT ["pifarm"]
CMD ["--help"]

FROM farm AS sim
USER root
RUN pip install --constraint /build/constraints.txt "pifarm[sim]"
USER 10001:10001

FROM farm
