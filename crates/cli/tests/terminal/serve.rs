//! The headless server.

#[cfg(unix)]
#[test]
fn it_listens_without_input_until_a_signal_comes() {
    use std::{
        io::{BufRead, BufReader, Read},
        process::Stdio,
    };

    use rustix::process::{Pid, Signal, kill_process};

    use crate::process::{ended, lanline};

    for signal in [Signal::TERM, Signal::INT] {
        let home = tempfile::tempdir().unwrap();
        let mut child = lanline(home.path(), &["serve", "--port", "0"]).stdin(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with("Listening on "), "{line:?}");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert!(ended(&mut child).success());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }
}
