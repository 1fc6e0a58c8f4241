# The image of the daemon: one binary in a base without a shell, run by nobody in particular.

# As in rust-toolchain.toml; a test compares them.
ARG RUST=1.95.0

# The manifests and nothing else, so that the dependencies are built anew only when those change. Every
# target is left an empty source.
FROM rust:${RUST}-slim-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/src/lib.rs' ! -path '*/src/main.rs' \
        ! -path ./tests/main.rs -delete \
 && find . -type f -name '*.rs' -exec sh -c 'for file; do echo "fn main() { }" > "$file"; done' stub {} + \
 && find . -type d -empty -delete

FROM rust:${RUST}-slim-bookworm AS build
WORKDIR /src
COPY --from=manifests /src .
RUN cargo build --release --locked --package evenkeel
COPY crates crates
# Cargo goes by times, and these sources may be older than the empty ones that were built above.
RUN find crates -type f -exec touch {} + \
 && cargo build --release --locked --package evenkeel

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Evenkeel" \
      org.opencontainers.image.description="Keeps Amazon ECS services equal to a document in S3" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/target/release/evenkeel /usr/local/bin/evenkeel
USER nonroot
ENV EVENKEEL_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/local/bin/evenkeel", "health"]
ENTRYPOINT ["/usr/local/bin/evenkeel"]
CMD ["run"]
