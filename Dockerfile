# The image contains one static binary and the trusted certificates, nothing else.
#
#   docker build -t dora-exporter .
#   docker build -t dora-exporter --target prebuilt .    # without a network, from the result of `make build`
#
# /data holds the database and the checkpoint: mount a volume or a folder there, not files. The mount must belong to the user
# 65532.

# The prebuilt stage comes before the build stage, since engines without BuildKit build everything above their target.
FROM scratch AS base
COPY --chown=65532:65532 deploy/image/ /
COPY config.yml /etc/dora-exporter/
WORKDIR /data
USER 65532:65532
VOLUME /data
EXPOSE 8090
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s --retries=3 \
  CMD ["/dora-exporter", "-config.file=/etc/dora-exporter/config.yml", "-healthcheck"]
ENTRYPOINT ["/dora-exporter"]
CMD ["-config.file=/etc/dora-exporter/config.yml"]

FROM base AS prebuilt
# The pattern lets those engines continue if nothing was built: it may match no file, and LICENSE is always there to copy.
COPY LICENSE dora-exporte[r] /

FROM golang:1.26.8-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY internal/conntrack/go.mod internal/conntrack/
RUN go mod download
COPY . .
ARG VERSION=dev
ARG REVISION=unknown
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -tags nomsgpack,grpcnotrace \
      -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /dora-exporter ./cmd/dora-exporter

FROM base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /dora-exporter /
COPY LICENSE /
