# syntax=docker/dockerfile:1
# headrace itself: `serve`, `worker`, `migrate`, `emulate`, `check`, and whatever else the command can do.
# docs/container.md says how it is built and used; an add-on's own image is made by the Dockerfile of `headrace init`.
ARG BASE=python:3.13-slim-trixie

FROM $BASE AS build
# Where no index can be reached, a folder of wheels that is mounted here.
ARG PIP_NO_INDEX
ARG PIP_FIND_LINKS
WORKDIR /build
COPY requirements requirements
# What builds and installs stays in this stage: the environment that goes on has no pip.
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/headrace \
    && tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && tools/bin/pip --python /opt/headrace/bin/python install --no-cache-dir --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN tools/bin/hatchling build --target wheel \
    && tools/bin/pip --python /opt/headrace/bin/python install --no-cache-dir --no-deps dist/*.whl

FROM $BASE
COPY --from=build /opt/headrace /opt/headrace
# A volume for what one writes, such as SQLite's file, is to be mounted at /data, and then belongs to the user.
RUN install --directory --owner 10001 --group 10001 /data
# An add-on's code is mounted here, or copied.
WORKDIR /app
USER 10001
# Settings come from the environment; DATABASE_URL has to name a PostgreSQL, or a file in a volume.
ENV PATH=/opt/headrace/bin:$PATH PORT=5050 PYTHONUNBUFFERED=1
EXPOSE 5050
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
ENTRYPOINT ["headrace"]
CMD ["serve", "addon:service"]
