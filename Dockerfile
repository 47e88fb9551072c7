# syntax=docker/dockerfile:1
# The emulator's image: one static binary, no shell, no root. BuildKit builds it, which is Docker's default.
#
#   docker build -t lookoutvision-emulator .
#   docker buildx build --platform linux/amd64,linux/arm64 -t lookoutvision-emulator .
#
# Base images are pinned by digest. To renew one, copy the digest that this prints:
#
#   docker buildx imagetools inspect rust:1.95-bookworm --format '{{.Manifest.Digest}}'

# The compiler runs on the platform of the builder, and cross-compiles where the image is for another one.
FROM --platform=$BUILDPLATFORM rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS toolchain
ARG BUILDARCH TARGETARCH
RUN case "$TARGETARCH" in \
        amd64) machine=x86_64; package=x86-64 ;; \
        arm64) machine=aarch64; package=aarch64 ;; \
        *) echo "this Dockerfile knows amd64 and arm64, not $TARGETARCH" >&2; exit 1 ;; \
    esac \
    && if [ "$TARGETARCH" != "$BUILDARCH" ]; then \
        apt-get update -qq \
        && apt-get install -y -qq --no-install-recommends "gcc-$package-linux-gnu" "libc6-dev-$TARGETARCH-cross" \
        && rm -rf /var/lib/apt/lists/*; \
    fi \
    && echo "$machine-unknown-linux-gnu" > /target \
    && rustup target add "$(cat /target)"
RUN --mount=type=cache,target=/usr/local/cargo/registry cargo install --locked cargo-chef@0.1.78
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
    # The binary carries its C library, so that the image needs nothing else. Both commands below name their target, which
    # keeps the flag away from procedural macros: they cannot be built with it.
    RUSTFLAGS="-C target-feature=+crt-static"
WORKDIR /source

# What the manifests say; as long as it stays the same, so does the layer with the dependencies.
FROM toolchain AS recipe
COPY . .
RUN cargo chef prepare --recipe-path /recipe.json

FROM toolchain AS build
COPY --from=recipe /recipe.json /recipe.json
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo chef cook --locked --release --target "$(cat /target)" --package lookoutvision-emulator --recipe-path /recipe.json
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    cargo build --locked --release --target "$(cat /target)" --package lookoutvision-emulator \
    && mkdir -p /rootfs/authority /rootfs/certs \
    && cp "target/$(cat /target)/release/lookoutvision-emulator" /rootfs/

# `cargo xtask test` packages a binary that was built outside with exactly these lines.
FROM scratch AS emulator
LABEL org.opencontainers.image.title="lookoutvision-emulator" \
      org.opencontainers.image.description="Amazon Lookout for Vision behind an interface VPC endpoint, for testing only" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
COPY --from=build /rootfs/lookoutvision-emulator /lookoutvision-emulator
# A volume takes its owner from the directory that it covers. /authority holds the server's key and is for the emulator
# alone; /certs holds what clients need, and can be mounted into every other container.
COPY --from=build --chown=65532:65532 /rootfs/authority /authority
COPY --from=build --chown=65532:65532 /rootfs/certs /certs
# Inside a container it must listen on every address; publishing a port decides who reaches it.
ENV LOOKOUTVISION_EMULATOR_LISTEN=0.0.0.0:443 \
    LOOKOUTVISION_EMULATOR_CONTROL=0.0.0.0:8080 \
    LOOKOUTVISION_EMULATOR_CERTS=/authority \
    LOOKOUTVISION_EMULATOR_PUBLIC_CERTS=/certs \
    # How the host calls it, for what is printed: `-p 8443:443 -p 8080:8080`. Who publishes other ports sets these as well.
    LOOKOUTVISION_EMULATOR_PUBLISHED_PORT=8443 \
    LOOKOUTVISION_EMULATOR_PUBLISHED_CONTROL_PORT=8080
EXPOSE 443 8080
VOLUME ["/authority", "/certs"]
USER 65532:65532
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=15 \
    CMD ["/lookoutvision-emulator", "healthcheck"]
ENTRYPOINT ["/lookoutvision-emulator"]
