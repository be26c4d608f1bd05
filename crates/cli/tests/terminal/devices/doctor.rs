//! `lanline doctor`, as somebody runs it whose devices do not find each other. What it finds of this machine's own network
//! and firewall is not for a test to expect.

use std::{net::TcpListener, process::Output};

use serde_json::Value;

use super::device::Device;
use crate::process::{assert_failed, run};

fn doctor(device: &Device, args: &[&str]) -> Output {
    run(device.home.path(), &[&["doctor"], args].concat())
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The first line, which fails, and what to do.
#[track_caller]
fn cause(output: &Output) -> (String, String) {
    let told = printed(output);
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}{said}");
    assert!(said.ends_with(".\n") && said.lines().count() == 1, "not one sentence: {said}");
    let mut lines = told.lines();
    let (finding, remedy) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(finding.starts_with("failure  "), "{told}");
    assert!(remedy.starts_with("         ") && remedy.ends_with('.'), "{told}");
    (finding.to_owned(), remedy.trim().to_owned())
}

#[test]
fn a_device_that_is_reached_is_told_from_one_that_does_not_listen_and_from_another_program() {
    let (alice, bob) = (Device::start_server("Alice"), Device::start_server("Bob"));
    let output = doctor(&alice, &[&bob.address(), "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = told["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 13, "{told}");
    for name in ["server", "port", "remote_firewall", "isolation", "subnet", "permission", "version"] {
        assert!(checks.iter().any(|check| check["name"] == name && check["state"] == "ok"), "{name}: {told}");
    }
    for secret in ["Alice", "Bob", &alice.id, &bob.id] {
        assert!(!told.to_string().contains(secret), "{told}");
    }
    // For people, each check has its line.
    let text = printed(&doctor(&bob, &[]));
    for check in checks {
        let name = check["name"].as_str().unwrap();
        assert!(text.lines().any(|line| line.split_whitespace().nth(1) == Some(name)), "{name}: {text}");
    }

    // What is to be passed on, alone.
    assert!(text.contains("lanline doctor --report"), "{text}");
    let report = printed(&doctor(&bob, &["--report"]));
    assert!(report.starts_with("Lanline ") && !report.contains("lanline doctor --report"), "{report}");

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let (finding, remedy) = cause(&doctor(&alice, &[&address]));
    assert!(finding.contains("server") && finding.contains(&address) && finding.contains("said nothing"), "{finding}");
    assert!(remedy.contains("lanline status"), "{remedy}");
    drop(other);
    let (finding, remedy) = cause(&doctor(&alice, &[&address]));
    assert!(finding.contains("server") && finding.contains("nothing listens"), "{finding}");
    assert!(remedy.contains("lanline serve"), "{remedy}");

    assert_failed(&doctor(&alice, &["1.2.3"]), 2, &["1.2.3"]);
}
