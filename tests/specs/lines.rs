//! Every kind of line: nothing stops, each is accounted for, and original bytes stay where they can.

use tests::account::assert_same;
use tests::apiserver::ApiServer;
use tests::cluster::{Cluster, Layout, Setup};
use tests::fixture::{lossy, superset};
use tests::in_both_layouts;
use tests::intake::{Intake, Mood};

in_both_layouts!(
    garbage_blank_and_half_lines_stop_nothing_and_are_accounted_for,
    a_line_of_three_megabytes_is_whole_in_file_and_lake_and_shrunk_for_the_intake,
    invalid_utf8_is_kept_where_it_can_be_and_counted_where_it_cannot,
    what_processing_rules_leave_out_and_mask_is_accounted_for_with_the_bytes_that_were_read,
);

async fn garbage_blank_and_half_lines_stop_nothing_and_are_accounted_for(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let cluster = Cluster::start(layout, &Setup::to_datadog(&intake.url())).await;
    let mut server = ApiServer::in_directory(&cluster.logs());
    let good = &superset()[..4];

    server.write(&good[0]);
    server.write(b"2026-11-23T06:10:38.938 AUDIT: id=\"x\" stage=\"ResponseComplete\"");
    server.write(b"");
    server.write(b"{\"kind\":\"Event\",}");
    server.write(&good[1]);
    server.write_raw(&[&good[2][..], b"\r\n"].concat());
    server.write(&good[3]);
    server.write_raw(b"{\"kind\":\"Event\",\"level\":");

    let account = cluster.settled(7).await;
    assert_same(&intake.messages(), &lossy(good));
    assert_eq!(account[0].filtered_by["blank"].events, 1);
    assert_eq!(account[0].dead_by["quarantine"].events, 2);
    server.write_raw(b"\"Metadata\"}\n");
    assert_eq!(cluster.settled(8).await[0].delivered.events, 5);
}

async fn a_line_of_three_megabytes_is_whole_in_file_and_lake_and_shrunk_for_the_intake(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let scratch = tempfile::tempdir().unwrap();
    let (file, lake) = (scratch.path().join("out.ndjson"), scratch.path().join("lake"));
    let setup = Setup::to_datadog(&intake.url())
        .and("file", &format!("{{type: file, path: '{}'}}", file.display()))
        .and("lake", &format!("{{type: lake, url: '{}'}}", lake.display()));
    let cluster = Cluster::start(layout, &setup).await;
    let long = long_event(3_000_000);
    ApiServer::in_directory(&cluster.logs()).write(&long);

    let account = cluster.settled(1).await;

    assert_eq!(std::fs::read(&file).unwrap(), [&long[..], b"\n"].concat());
    let shrunk: serde_json::Value = serde_json::from_str(&intake.messages()[0]).unwrap();
    assert_eq!(shrunk["auditID"], "11111111-2222-3333-4444-555555555555");
    assert_eq!(shrunk["annotations"]["auditrail.dev/removed"], "responseObject");
    let datadog = account.iter().find(|row| row.destination == "datadog").unwrap();
    assert_eq!((datadog.shrunk.events, datadog.delivered.bytes), (1, long.len() as u64 + 1));
    assert_eq!(intake.broken(), Vec::<String>::new());
    assert_eq!(tests::lake::raw_lines(&lake), [long]);
}

async fn invalid_utf8_is_kept_where_it_can_be_and_counted_where_it_cannot(layout: Layout) {
    let intake = Intake::start(Mood::Accept).await;
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("out.ndjson");
    let setup =
        Setup::to_datadog(&intake.url()).and("file", &format!("{{type: file, path: '{}'}}", file.display()));
    let cluster = Cluster::start(layout, &setup).await;
    let line = b"{\"kind\":\"Event\",\"level\":\"Request\",\"requestObject\":{\"a\":\"\xff\"}}".to_vec();
    ApiServer::in_directory(&cluster.logs()).write(&line);

    let account = cluster.settled(1).await;

    assert_eq!(std::fs::read(&file).unwrap(), [&line[..], b"\n"].concat());
    assert_same(&intake.messages(), &lossy(&[line]));
    let datadog = account.iter().find(|row| row.destination == "datadog").unwrap();
    assert_eq!(datadog.replaced_utf8.events, 1);
}

async fn what_processing_rules_leave_out_and_mask_is_accounted_for_with_the_bytes_that_were_read(
    layout: Layout,
) {
    let intake = Intake::start(Mood::Accept).await;
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("out.ndjson");
    let rules = [
        r#"{type: exclude_at_match, name: no reads, pattern: '"verb":"(get|list|watch)"'}"#,
        r#"{type: mask_sequences, name: addresses, pattern: '"sourceIPs":\[[^\]]*\]', replace_placeholder: '"sourceIPs":[]'}"#,
    ];
    let setup = Setup {
        entry: format!(", log_processing_rules: [{}]", rules.join(", ")),
        ..Setup::to_datadog(&intake.url()).and("file", &format!("{{type: file, path: '{}'}}", file.display()))
    };
    let cluster = Cluster::start(layout, &setup).await;
    let mut server = ApiServer::in_directory(&cluster.logs());
    let lines = superset();
    lines.iter().for_each(|line| server.write(line));

    let account = cluster.settled(lines.len()).await;

    let is_read = |line: &&Vec<u8>| {
        let text = String::from_utf8_lossy(line);
        ["get", "list", "watch"].iter().any(|verb| text.contains(&format!("\"verb\":\"{verb}\"")))
    };
    let kept: Vec<&Vec<u8>> = lines.iter().filter(|line| !is_read(line)).collect();
    let masked: Vec<Vec<u8>> = kept.iter().map(|line| without_addresses(line)).collect();
    assert!(!kept.is_empty() && kept.len() < lines.len() && masked.iter().zip(&kept).any(|(a, b)| a != *b));
    let arrived = std::fs::read(&file).unwrap();
    let arrived: Vec<String> = arrived
        .split(|&byte| byte == b'\n')
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .filter(|line| !line.is_empty())
        .collect();
    assert_same(&arrived, &lossy(&masked));
    assert_same(&intake.messages(), &lossy(&masked));
    let bytes: u64 = kept.iter().map(|line| line.len() as u64 + 1).sum();
    for row in account {
        assert_eq!(row.filtered_by["no reads"].events as usize, lines.len() - kept.len());
        assert_eq!((row.delivered.events as usize, row.delivered.bytes), (kept.len(), bytes), "{row:?}");
    }
}

/// The line with the list of its addresses empty.
fn without_addresses(line: &[u8]) -> Vec<u8> {
    let find = |from: usize, what: &[u8]| {
        line[from..].windows(what.len()).position(|at| at == what).map(|at| from + at)
    };
    let begin = find(0, b"\"sourceIPs\":[").map(|at| at + 13);
    let end = begin.and_then(|begin| find(begin, b"]"));
    begin.zip(end).map_or(line.to_vec(), |(begin, end)| [&line[..begin], &line[end..]].concat())
}

fn long_event(bytes: usize) -> Vec<u8> {
    let start = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"RequestResponse\",\
        \"auditID\":\"11111111-2222-3333-4444-555555555555\",\"stage\":\"ResponseComplete\",\
        \"requestURI\":\"/api/v1/namespaces/a/configmaps\",\"verb\":\"create\",\"user\":{\"username\":\"admin\"},\
        \"objectRef\":{\"resource\":\"configmaps\",\"namespace\":\"a\",\"name\":\"big\",\"apiVersion\":\"v1\"},\
        \"responseStatus\":{\"metadata\":{},\"code\":201},\"requestObject\":{\"kind\":\"ConfigMap\"},\
        \"responseObject\":{\"kind\":\"ConfigMap\",\"data\":{\"big\":\"";
    let end = "\"}},\"requestReceivedTimestamp\":\"2026-11-23T06:10:38.000000Z\",\
        \"stageTimestamp\":\"2026-11-23T06:10:38.100000Z\",\"annotations\":{\"authorization.k8s.io/decision\":\"allow\"}}";
    [start.as_bytes(), &vec![b'x'; bytes], end.as_bytes()].concat()
}
