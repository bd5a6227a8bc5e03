//! How an engine calls the place of a lake.
//!
//! Promise: an address that the engine would read as another place, or not at all, is refused.

use lake::{Bucket, Location, Place, Service};

use super::{DdlError, Engine};

/// The lake's place in the engine's words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// ClickHouse reads with a function of its own for each kind of storage; what goes before the files' address, and
    /// between that and the format.
    pub(super) function: &'static str,
    /// Address of the lake, without a slash at its end. Not quoted.
    pub(super) root: String,
    /// Of Azure with ClickHouse: the account's address and the container, which are arguments of their own.
    pub(super) container: Option<(String, String)>,
    /// What the engine has to be told besides, a line each.
    pub(super) notes: Vec<String>,
}

/// The address of a lake for the engine.
pub(super) fn of(engine: Engine, location: &Location, place: Place) -> Result<Address, DdlError> {
    let address = match place {
        Place::Directory(directory) => directory_for(engine, &directory)?,
        Place::Bucket(bucket) => bucket_for(engine, location, &bucket)?,
    };
    match address.root.chars().find(|letter| patterns(engine).contains(*letter)) {
        Some(letter) => Err(DdlError::Pattern { engine: engine.name(), letter, place: address.root }),
        None => Ok(address),
    }
}

/// Letters that have a meaning in the addresses of files.
fn patterns(engine: Engine) -> &'static str {
    match engine {
        Engine::Duckdb => "*?[",
        Engine::Clickhouse => "*?{",
        Engine::Trino | Engine::Spark | Engine::Athena => "*?[{",
    }
}

fn directory_for(engine: Engine, directory: &std::path::Path) -> Result<Address, DdlError> {
    let refused = |what: String, advice| DdlError::Place { engine: engine.name(), what, advice };
    let shown = directory.display().to_string();
    let Ok(absolute) = std::path::absolute(directory) else {
        return Err(refused(shown, "the working directory cannot be found"));
    };
    let Some(path) = absolute.to_str() else {
        return Err(refused(shown, "its path is no UTF-8 text"));
    };
    let slashes = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    let path = slashes.trim_end_matches('/');
    let below_root = path.trim_start_matches('/');
    let (root, note) = match engine {
        Engine::Athena => {
            let advice = "it reads S3 alone; name a lake there with --lake s3://bucket/prefix";
            return Err(refused(format!("a directory ({path})"), advice));
        }
        Engine::Duckdb => (path.to_owned(), None),
        Engine::Spark => (format!("file:///{below_root}"), None),
        Engine::Trino => (
            format!("local:///{below_root}"),
            Some("The catalog needs fs.native-local.enabled=true and local.location=/."),
        ),
        Engine::Clickhouse => (
            path.to_owned(),
            Some("A server reads files below its user_files_path only; clickhouse-local reads all."),
        ),
    };
    Ok(Address {
        function: "file(",
        root,
        container: None,
        notes: note.into_iter().map(str::to_owned).collect(),
    })
}

fn bucket_for(engine: Engine, location: &Location, bucket: &Bucket) -> Result<Address, DdlError> {
    match (engine, bucket.service) {
        (Engine::Athena, Service::Google | Service::Azure) => Err(DdlError::Place {
            engine: engine.name(),
            what: location.url.clone(),
            advice: "it reads S3 alone",
        }),
        (Engine::Clickhouse, _) => for_clickhouse(location, bucket),
        (_, Service::S3) => {
            let scheme = if engine == Engine::Spark { "s3a" } else { "s3" };
            Ok(plain(
                format!("{scheme}://{}", within(&bucket.name, &bucket.prefix)),
                s3_notes(engine, location),
            ))
        }
        (_, Service::Google) => {
            let note = "Secrets: CREATE SECRET (TYPE gcs, KEY_ID '...', SECRET '...');".to_owned();
            let notes = if engine == Engine::Duckdb { vec![note] } else { Vec::new() };
            Ok(plain(format!("gs://{}", within(&bucket.name, &bucket.prefix)), notes))
        }
        (_, Service::Azure) => azure(engine, location, bucket),
    }
}

fn s3_notes(engine: Engine, location: &Location) -> Vec<String> {
    let endpoint = location.endpoint.as_deref();
    let region = location.region.as_deref();
    match engine {
        Engine::Duckdb => {
            let region = region.map(|region| format!(", REGION '{}'", region.replace('\'', "''")));
            let endpoint = endpoint.map(|endpoint| {
                let (scheme, host) = endpoint.split_once("://").unwrap_or(("https", endpoint));
                let host = host.trim_end_matches('/').replace('\'', "''");
                format!(
                    ", ENDPOINT '{host}', URL_STYLE 'path', USE_SSL {}",
                    scheme.eq_ignore_ascii_case("https")
                )
            });
            let more = region.into_iter().chain(endpoint).collect::<String>();
            vec![format!("Secrets: CREATE SECRET (TYPE s3, PROVIDER credential_chain{more});")]
        }
        Engine::Trino => {
            endpoint.map(|at| format!("The catalog needs s3.endpoint={at}.")).into_iter().collect()
        }
        Engine::Spark => endpoint
            .map(|at| format!("The session needs spark.hadoop.fs.s3a.endpoint={at}."))
            .into_iter()
            .collect(),
        Engine::Clickhouse | Engine::Athena => Vec::new(),
    }
}

fn azure(engine: Engine, location: &Location, bucket: &Bucket) -> Result<Address, DdlError> {
    match (engine, &bucket.account) {
        (Engine::Duckdb, None) => Ok(plain(
            format!("az://{}", within(&bucket.name, &bucket.prefix)),
            vec![
                "Secrets: CREATE SECRET (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME '...');".into(),
            ],
        )),
        (Engine::Duckdb, Some(account)) => Ok(plain(
            format!("abfss://{account}.dfs.core.windows.net/{}", within(&bucket.name, &bucket.prefix)),
            vec!["Secrets: CREATE SECRET (TYPE azure, PROVIDER credential_chain);".into()],
        )),
        (_, None) => Err(no_account(engine, location)),
        (_, Some(account)) => {
            let host = format!("{}@{account}.dfs.core.windows.net", bucket.name);
            Ok(plain(format!("abfss://{}", within(&host, &bucket.prefix)), Vec::new()))
        }
    }
}

fn for_clickhouse(location: &Location, bucket: &Bucket) -> Result<Address, DdlError> {
    let endpoint = location.endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/'));
    let key = within(&bucket.name, &bucket.prefix);
    Ok(match (bucket.service, endpoint, &location.region) {
        (Service::Azure, endpoint, _) => {
            let of_account = |account: &String| format!("https://{account}.blob.core.windows.net");
            let server = endpoint.map(str::to_owned).or_else(|| bucket.account.as_ref().map(of_account));
            let server = server.ok_or_else(|| no_account(Engine::Clickhouse, location))?;
            let container = Some((server, bucket.name.clone()));
            let root = bucket.prefix.clone();
            Address { function: "azureBlobStorage(", root, container, notes: Vec::new() }
        }
        (Service::S3, Some(endpoint), _) => at("s3(", format!("{endpoint}/{key}")),
        (Service::S3, None, Some(region)) => {
            let host = format!("https://{}.s3.{region}.amazonaws.com", bucket.name);
            at("s3(", within(&host, &bucket.prefix))
        }
        (Service::S3, None, None) => {
            at("s3(", within(&format!("https://{}.s3.amazonaws.com", bucket.name), &bucket.prefix))
        }
        (Service::Google, endpoint, _) => {
            at("gcs(", format!("{}/{key}", endpoint.unwrap_or("https://storage.googleapis.com")))
        }
    })
}

fn no_account(engine: Engine, location: &Location) -> DdlError {
    DdlError::Place {
        engine: engine.name(),
        what: location.url.clone(),
        advice: "it does not name the account; write abfss://container@account.dfs.core.windows.net/prefix",
    }
}

fn plain(root: String, notes: Vec<String>) -> Address {
    Address { function: "", root, container: None, notes }
}

fn at(function: &'static str, root: String) -> Address {
    Address { function, root, container: None, notes: Vec::new() }
}

fn within(root: &str, prefix: &str) -> String {
    if prefix.is_empty() { root.to_owned() } else { format!("{root}/{prefix}") }
}
