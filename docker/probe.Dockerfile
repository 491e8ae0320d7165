# The probe alone, as a service beside a database that has no mount (docs/probe-service.md).
#
#     docker build -f docker/probe.Dockerfile -t missing-photos-probe .
ARG BASE=debian:12-slim

FROM ${BASE} AS build
COPY . /missing_photos
RUN if [ -e /etc/alpine-release ]; then \
		apk add --no-cache gcc make musl-dev linux-headers openssl-dev; \
	else \
		apt-get update && apt-get install -y --no-install-recommends gcc make libc6-dev libssl-dev; \
	fi \
	&& make -C /missing_photos -f src/probe/probe.mk missing_photos_probe

FROM ${BASE}
RUN if [ -e /etc/alpine-release ]; then apk add --no-cache libcrypto3; \
	else apt-get update && apt-get install -y --no-install-recommends libssl3 \
		&& rm -rf /var/lib/apt/lists/*; fi
COPY --from=build /missing_photos/missing_photos_probe /usr/local/bin/
ENTRYPOINT ["missing_photos_probe"]
CMD ["--listen", "/run/missing_photos/probe.socket", "--root", "/data", "--peer", "999"]
