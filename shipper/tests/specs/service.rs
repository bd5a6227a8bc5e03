//! The shipper as a service: gRPC in, and its own pages.

use chassis::Stop;
use proto::v1::StatusRequest;
use tower::ServiceExt;

use crate::given::{self, config, count, events};
use crate::intake::Intake;

#[tokio::test(flavor = "multi_thread")]
async fn batches_come_in_over_grpc_and_status_and_metrics_tell_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let intake = Intake::willing().await;
    let mut config = config(directory.path(), &[("dd", given::datadog(&intake.url))]);
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (config.listen, config.http_listen) = (free(), free());
    let (stop, address) = (Stop::new(), format!("http://{}", config.listen));
    let pages = config.http_listen;
    let service = tokio::spawn(shipper::serve(config, stop.clone()));
    let stage = proto::connect(&address).unwrap();
    let receipt = loop {
        match stage.clone().oneshot(events("dd", 1, 10)).await {
            Ok(receipt) => break receipt,
            Err(_) => tokio::task::yield_now().await, // not up yet
        }
    };
    assert_eq!((receipt.first, receipt.last, receipt.repeated), (1, 10, false));
    let mut admin = proto::connect_admin(&address).unwrap();
    let status = loop {
        let status = admin.status(StatusRequest {}).await.unwrap().into_inner().services.remove(0);
        if count(&status.destinations[0].accounts[0].delivered) == 10 {
            break status;
        }
    };
    assert_eq!((status.service.as_str(), status.problems.len()), ("shipper", 0));
    assert_eq!(status.destinations[0].target, intake.url);
    let page = get(pages, "/metrics").await;
    assert!(page.contains("auditrail_shipper_delivered_events_total{destination=\"dd\"}"), "{page}");
    assert!(get(pages, "/readyz").await.contains("200 OK"));
    stop.request();
    service.await.unwrap().unwrap();
    assert_eq!(intake.messages().len(), 10);
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_without_a_key_is_refused_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let to = shipper::Datadog { site: Some("datadoghq.eu".into()), ..shipper::Datadog::default() };
    let config = config(directory.path(), &[("dd", shipper::Destination::Datadog(to))]);
    let refused = shipper::Shipper::open(&config).err().unwrap().to_string();
    assert!(refused.contains("`dd`") && refused.contains("api_key_file"), "{refused}");
    assert!(!directory.path().join("spool").exists());
}
