# The image holds one static binary, the certificates to trust, and nothing else.
#
#   docker build -t dora-exporter .
#   docker build -t dora-exporter --target prebuilt .    # without a network, of what `make build` has built
#
# /data holds the database and the checkpoint: mount a volume or a folder there, not files. It belongs to the user 65532, as
# must what is mounted.

# The prebuilt stage stands before the one that needs another image, since engines without BuildKit build all that is above.
FROM scratch AS base
COPY --chown=65532:65532 deploy/image/ /
COPY config.yml /etc/dora-exporter/
COPY LICENSE /
WORKDIR /data
USER 65532:65532
VOLUME /data
EXPOSE 8090
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s --retries=3 \
  CMD ["/dora-exporter", "-config.file=/etc/dora-exporter/config.yml", "-healthcheck"]
ENTRYPOINT ["/dora-exporter"]
CMD ["-config.file=/etc/dora-exporter/config.yml"]

FROM base AS prebuilt
COPY dora-exporter /

FROM golang:1.26.8-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG REVISION=unknown
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath \
      -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /dora-exporter ./cmd/dora-exporter

FROM base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /dora-exporter /
