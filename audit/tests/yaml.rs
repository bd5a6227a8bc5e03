//! Where YAML 1.1, as the API server reads it, is not what a reader of YAML 1.2 would make of it. Every answer here
//! was given by sigs.k8s.io/yaml itself.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

use audit::Policy;

const HEAD: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n";

fn load(rest: &str) -> Result<Vec<String>, String> {
    Policy::load(&format!("{HEAD}{rest}")).map(|loaded| loaded.warnings).map_err(|error| error.message)
}

#[test]
fn what_the_server_takes_is_taken() {
    for rest in [
        "  users: [a,\nb]\n",
        "  users: [a, b,]\n",
        "  users: ['x'#c\n  ]\n",
        "  users: [a b, c  d, a:b, -a, a-]\n",
        "  level2: x\n",
        "  users:\t[a]\t\n",
        "  users: [\"a\\x41\\u00e9\\e\\_\"]\n",
        "...\n%FOO\n",
        "---\n&&&\n",
        "  << : {users: [a]}\n",
        "  omitManagedFields: !!bool 'yes'\n",
        "  users: [&a b, *a]\n",
        "  .nan: 1\n",
    ] {
        assert!(load(rest).is_ok(), "{rest:?}: {:?}", load(rest));
    }
}

#[test]
fn what_the_server_refuses_is_refused_in_its_words() {
    for (rest, message) in [
        ("-\tlevel: None\n", "yaml: line 5: found character that cannot start any token"),
        ("\t\n", "yaml: line 5: found a tab character that violates indentation"),
        ("\t# c\n", "yaml: line 5: found a tab character that violates indentation"),
        ("  users: [\"a\\/\"]\n", "yaml: line 5: found unknown escape character"),
        ("  users: [\"\\ud83d\\ude00\"]\n", "yaml: line 5: found invalid Unicode character escape code"),
        ("  users: [a?b]\n", "yaml: line 4: did not find expected ',' or ']'"),
        ("  users: [:a]\n", "yaml: line 4: did not find expected node content"),
        ("- {le\n  vel: None}\n", "yaml: line 5: did not find expected ',' or '}'"),
        ("  users: [*x]\n", "yaml: unknown anchor 'x' referenced"),
        ("  users: [a,,b]\n", "yaml: line 4: did not find expected node content"),
        ("  users: [a\n", "yaml: line 5: did not find expected ',' or ']'"),
        ("  users: [a] b\n", "yaml: line 4: did not find expected key"),
        ("  users: [`a]\n", "yaml: line 5: found character that cannot start any token"),
        (" users: [a]\n", "yaml: line 4: did not find expected key"),
        ("   users: [a]\n", "yaml: line 5: mapping values are not allowed in this context"),
        ("foo\n", "yaml: line 6: could not find expected ':'"),
        ("  users: [a\u{7f}b]\n", "yaml: control characters are not allowed"),
        ("  x: .nan\n", "json: unsupported value: NaN"),
        ("  <<: x\n", "yaml: map merge requires map or sequence of maps as the value"),
    ] {
        assert_eq!(load(rest), Err(format!("failed decoding: {message}")), "{rest:?}");
    }
}

#[test]
fn a_text_of_a_few_lines_cannot_grow_without_end() {
    let mut bomb = String::from("  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("  a{level}: &a{level} [{before}]\n"));
    }
    assert_eq!(load(&bomb), Err("failed decoding: yaml: document contains excessive aliasing".to_owned()));
    let chain: String = (1..2000).map(|n| format!("  b{n}: &b{n} [*b{}]\n", n - 1)).collect();
    assert!(load(&format!("  b0: &b0 []\n{chain}")).is_err());
    assert!(load(&format!("  c: {}\n", "[".repeat(100_000))).is_err());
}
