//! The manifests of an overlay, read: objects by kind and name, and workloads with what they are started with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::Value;

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The objects of an overlay.
#[derive(Clone)]
pub(crate) struct Rendered(Rc<Vec<Value>>);

/// What starts a service.
pub(crate) struct Workload {
    pub(crate) rendered: Rendered,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) object: Value,
    /// Its `auditrail.yaml`.
    pub(crate) configuration: Value,
}

impl Rendered {
    pub(crate) fn of(overlay: &str) -> Rendered {
        let path = root().join(format!("k8s/rendered/{overlay}.yaml"));
        let yaml = std::fs::read_to_string(&path).unwrap();
        let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).unwrap();
        assert!(objects.len() > 10, "{}: {} objects", path.display(), objects.len());
        Rendered(Rc::new(objects))
    }

    pub(crate) fn objects<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    pub(crate) fn object(&self, kind: &str, name: &str) -> &Value {
        let mut named = self.objects(kind).filter(|object| object["metadata"]["name"] == name);
        named.next().unwrap_or_else(|| panic!("there is no {kind} `{name}`"))
    }

    pub(crate) fn workload(&self, name: &str) -> Workload {
        let named = |workload: &Workload| workload.name == name;
        self.workloads().into_iter().find(named).unwrap_or_else(|| panic!("nothing starts `{name}`"))
    }

    pub(crate) fn workloads(&self) -> Vec<Workload> {
        let objects = self.0.iter().filter(|object| !object["spec"]["template"].is_null());
        objects.map(|object| Workload::of(self.clone(), object.clone())).collect()
    }
}

impl Workload {
    fn of(rendered: Rendered, object: Value) -> Workload {
        let (name, kind) = (text(&object, "/metadata/name"), text(&object, "/kind"));
        let mut workload = Workload { rendered, name, kind, object, configuration: Value::Null };
        let files = workload.files();
        let main = files.iter().find(|(path, _)| path == "/etc/auditrail/auditrail.yaml");
        let main = &main.expect("a service has a configuration").1;
        workload.configuration = serde_saphyr::from_str(main).unwrap();
        workload
    }

    pub(crate) fn pod(&self) -> &Value {
        &self.object["spec"]["template"]["spec"]
    }

    pub(crate) fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }

    /// Its ports by name, as `key` says them.
    pub(crate) fn ports(&self, at: &str, key: &str) -> Vec<(String, String)> {
        ports(self.container().pointer(at).unwrap(), key)
    }

    /// Where what is mounted.
    pub(crate) fn mounts(&self) -> impl Iterator<Item = (&str, &Value)> {
        let mounts = self.container()["volumeMounts"].as_array().unwrap();
        mounts.iter().map(|mount| (mount["mountPath"].as_str().unwrap(), mount))
    }

    pub(crate) fn volumes(&self) -> impl Iterator<Item = &Value> {
        self.pod()["volumes"].as_array().unwrap().iter()
    }

    pub(crate) fn volume(&self, name: &str) -> &Value {
        self.volumes().find(|volume| volume["name"] == name).unwrap_or_else(|| panic!("no volume `{name}`"))
    }

    /// The files that its container finds of ConfigMaps, with their texts.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for (path, mount) in self.mounts() {
            let claimed = self.object.pointer("/spec/volumeClaimTemplates").into_iter();
            let mut claimed = claimed.flat_map(|all| all.as_array().unwrap());
            if claimed.any(|claim| claim["metadata"]["name"] == mount["name"]) {
                continue;
            }
            let volume = self.volume(mount["name"].as_str().unwrap());
            let Some(map) = volume["configMap"]["name"].as_str() else { continue };
            let data = self.rendered.object("ConfigMap", map)["data"].as_object().unwrap();
            match mount["subPath"].as_str() {
                Some(key) => files.push((path.to_owned(), data[key].as_str().unwrap().to_owned())),
                None => files.extend(
                    data.iter()
                        .map(|(key, text)| (format!("{path}/{key}"), text.as_str().unwrap().to_owned())),
                ),
            }
        }
        files
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// Ports by name, as `key` says them.
pub(crate) fn ports(list: &Value, key: &str) -> Vec<(String, String)> {
    list.as_array().unwrap().iter().map(|port| (text(port, "/name"), port[key].to_string())).collect()
}

/// The text at a place.
pub(crate) fn text(value: &Value, at: &str) -> String {
    let found = value.pointer(at).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {at} of {value}")).to_owned()
}

/// The texts of a list; none where there is no list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}
