# The official PostgreSQL image (Debian) with missing_photos in it.
#
#     docker build --build-arg PG=15 -t postgres-missing-photos .
#
# The library must be mounted into the container as well, read-only:
#
#     docker run -v /srv/photos:/data:ro … postgres-missing-photos
ARG PG=15
FROM postgres:${PG} AS build
ARG PG
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc make libssl-dev libc6-dev \
        postgresql-server-dev-${PG}
COPY . /missing_photos
RUN make -C /missing_photos clean \
    && make -C /missing_photos \
    && make -C /missing_photos install DESTDIR=/installed

FROM postgres:${PG}
COPY --from=build /installed/ /
