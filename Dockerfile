# The emulator's image: one static binary, no shell, no root.

FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# The binary carries its C library, so that the image needs nothing else. Naming the target keeps the flag away from
# procedural macros, which cannot be built with it.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --locked --release --target "$target" --package lookoutvision-emulator \
    && mkdir -p /rootfs/certs \
    && cp "target/$target/release/lookoutvision-emulator" /rootfs/

# `cargo xtask test` packages a binary that was built outside with exactly these lines.
FROM scratch AS emulator
COPY --from=build /rootfs/lookoutvision-emulator /lookoutvision-emulator
# The certificate authority is made here on first start. A volume over it takes its owner from this directory.
COPY --from=build --chown=65532:65532 /rootfs/certs /certs
# Inside a container it must listen on every address; publishing a port decides who reaches it.
ENV LOOKOUTVISION_EMULATOR_LISTEN=0.0.0.0:443 \
    LOOKOUTVISION_EMULATOR_CONTROL=0.0.0.0:8080 \
    LOOKOUTVISION_EMULATOR_CERTS=/certs
EXPOSE 443 8080
VOLUME /certs
USER 65532:65532
HEALTHCHECK --interval=2s --timeout=3s --start-period=10s --retries=15 \
    CMD ["/lookoutvision-emulator", "healthcheck"]
ENTRYPOINT ["/lookoutvision-emulator"]
