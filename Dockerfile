# The controller manager: nothing but Python, the locked run-time dependencies and this package.
# Both bases can be replaced, for instance by mirrored images pinned to a digest.
ARG BUILDER_IMAGE=python:3.13-slim
ARG BASE_IMAGE=python:3.13-slim

FROM ${BUILDER_IMAGE} AS builder
COPY requirements.runtime.lock /
# Only wheels: nothing is compiled, and nothing of a package runs while it is installed.
RUN python -m pip install --quiet --no-cache-dir --no-compile --only-binary :all: --require-hashes \
      --target /opt/lws --requirement /requirements.runtime.lock
COPY src/lws /opt/lws/lws
# kubectl-lws is for people's own machines.
RUN rm -r /opt/lws/lws/cli \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/lws \
 && chmod -R a=rX,u+w /opt/lws

# What the image holds, as CycloneDX: docker build --target sbom --output build .
FROM ${BUILDER_IMAGE} AS sbom-builder
COPY requirements.sbom.lock requirements.runtime.lock pyproject.toml /
RUN python -m pip install --quiet --no-cache-dir --no-compile --only-binary :all: --require-hashes \
      --target /opt/sbom --requirement /requirements.sbom.lock
RUN cd /opt/sbom \
 && python -W ignore -m cyclonedx_py requirements --pyproject /pyproject.toml --output-reproducible \
      --output-file /sbom.cdx.json /requirements.runtime.lock

FROM scratch AS sbom
COPY --from=sbom-builder /sbom.cdx.json /

FROM ${BASE_IMAGE}
ARG GIT_COMMIT=""
ARG BUILD_DATE=""
# What installs is not needed to run. The package is readable by all and writable by nobody but root.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip*
COPY --from=builder /opt/lws /opt/lws
# One malloc arena a thread would cost more memory than it saves time.
ENV PYTHONPATH=/opt/lws \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    LWS_GIT_COMMIT=${GIT_COMMIT} \
    LWS_BUILD_DATE=${BUILD_DATE}
USER 65532:65532
WORKDIR /
EXPOSE 9443 8443 8081
ENTRYPOINT ["python", "-m", "lws"]
