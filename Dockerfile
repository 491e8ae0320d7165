# A PostgreSQL image with missing_photos in it: the official one, on Debian or Alpine, or any made
# from it (LibrePhotos's and Immich's databases are).
#
#     docker build --build-arg BASE=postgres:15 -t postgres-missing-photos .
#
# docs/docker.md tells the rest.
ARG BASE=postgres:15

FROM ${BASE} AS build
USER root
COPY . /missing_photos
RUN /missing_photos/docker/build.sh /installed

FROM ${BASE}
COPY --from=build /installed/ /
