//! The shipper's promises, through its public surface: batches in, requests over real HTTP on loopback out.
#![allow(clippy::unwrap_used)]

mod age;
mod answers;
mod books;
mod broker;
mod budget;
mod bytes_kept;
mod crash;
mod elastic;
mod elasticsearch;
mod given;
mod hands;
mod hold;
mod http;
mod https;
mod intake;
mod kafka;
mod limits;
mod loki;
mod misbehaving;
mod opensearch;
mod otlp;
mod proofs;
mod proxies;
mod proxy;
mod real_receiver;
mod receipts;
mod receiver;
mod room;
mod service;
mod splunk;
mod splunk_hec;
mod tls;
mod wire;
