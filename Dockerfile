# One image for each service, and one with all of them and the operator's commands:
#   docker build --target collector -t auditrail/collector .
# An image holds the binary, the C library that it is linked to, authorities to trust, and a user who is not root:
# no shell, no package manager.

FROM rust:1-slim-bookworm AS build
WORKDIR /src
COPY . .
ARG SOURCE_DATE_EPOCH=0
ENV CARGO_INCREMENTAL=0 RUSTFLAGS="--remap-path-prefix=/src=auditrail --remap-path-prefix=/usr/local/cargo=cargo"
RUN cargo build --release --locked --workspace --bins
RUN for program in auditrail collector router shipper insight; do packaging/rootfs target/release/$program /images/$program; done

FROM scratch AS collector
COPY --from=build /images/collector /
USER 65532:65532
WORKDIR /var/lib/auditrail
EXPOSE 7101 9101
ENTRYPOINT ["/usr/bin/collector"]
CMD ["--config", "/etc/auditrail/auditrail.yaml"]

FROM scratch AS router
COPY --from=build /images/router /
USER 65532:65532
WORKDIR /var/lib/auditrail
EXPOSE 7102 9102
ENTRYPOINT ["/usr/bin/router"]
CMD ["--config", "/etc/auditrail/auditrail.yaml"]

FROM scratch AS shipper
COPY --from=build /images/shipper /
USER 65532:65532
WORKDIR /var/lib/auditrail
EXPOSE 7103 9103
ENTRYPOINT ["/usr/bin/shipper"]
CMD ["--config", "/etc/auditrail/auditrail.yaml"]

FROM scratch AS insight
COPY --from=build /images/insight /
USER 65532:65532
WORKDIR /var/lib/auditrail
EXPOSE 7104 8080
ENTRYPOINT ["/usr/bin/insight"]
CMD ["--config", "/etc/auditrail/auditrail.yaml"]

FROM scratch AS auditrail
COPY --from=build /images/auditrail /
USER 65532:65532
WORKDIR /var/lib/auditrail
EXPOSE 7104 8080
ENTRYPOINT ["/usr/bin/auditrail"]
CMD ["up", "--config", "/etc/auditrail/auditrail.yaml", "--data", "/var/lib/auditrail"]
