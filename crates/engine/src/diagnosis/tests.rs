//! What is told of what was found, and whole devices that look over loopback.

use lanline_peer::{ALPN as SPOKEN, Shows};
use lanline_protocol::frame::ReachOutcome;
use tokio::net::TcpListener;

use super::{link, neighbour::Neighbour, route::Route, vpn::Held, *};
use crate::net::ALPN;
use crate::{
    Flags, Settings,
    api::{ApiError, Diagnose, ErrorCode, ServerState, StartServer},
};

const BESIDE: &str = "192.168.1.7:12345";
const FAR: &str = "10.9.9.9:12345";

/// The first check, where it failed.
fn cause(facts: &Facts) -> Option<CheckName> {
    let diagnosis = tell(facts);
    assert_eq!(diagnosis.checks.len(), 13);
    diagnosis.checks.first().filter(|check| check.state == CheckState::Fail).map(|check| check.name)
}

fn failed(facts: &Facts) -> Vec<CheckName> {
    tell(facts).checks.into_iter().filter(|check| check.state == CheckState::Fail).map(|check| check.name).collect()
}

fn state(facts: &Facts, name: CheckName) -> CheckState {
    tell(facts).checks.into_iter().find(|check| check.name == name).unwrap().state
}

fn with_neighbour(neighbour: Neighbour, outcome: Outcome) -> Facts {
    let mut facts = Facts::dialled(BESIDE, outcome);
    facts.attempt.as_mut().unwrap().neighbour = Some(neighbour);
    facts
}

#[test]
fn where_all_is_well_nothing_fails() {
    let facts = Facts::well().seen(ReachOutcome::Open, "192.168.1.5");
    assert_eq!(failed(&facts), []);
    for check in tell(&facts).checks {
        assert!(check.finding.ends_with('.') && check.remedy.is_none_or(|remedy| remedy.ends_with('.')));
    }
    let device = lanline_protocol::identity::DeviceKey::from_seed(&[1; 32]).public().device_id();
    assert_eq!(failed(&Facts::dialled(BESIDE, Outcome::Answers(device))), []);
}

#[test]
fn each_way_to_fail_has_its_cause() {
    use CheckName as C;
    use Outcome as O;
    for (outcome, name) in [
        (O::Refused, C::Server),
        (O::HungUp, C::Server),
        (O::SaidNothing, C::Server),
        (O::Itself, C::Server),
        (O::NotLanline, C::Port),
        (O::OtherVersion, C::Version),
        (O::NotPermitted, C::Permission),
    ] {
        assert_eq!(cause(&Facts::dialled(BESIDE, outcome)), Some(name), "{outcome:?}");
    }
    for outcome in [O::Silent, O::NoDevice] {
        assert_eq!(cause(&with_neighbour(Neighbour::There, outcome)), Some(C::RemoteFirewall));
        let mut apart = with_neighbour(Neighbour::Silent, outcome);
        assert_eq!(cause(&apart), Some(C::Isolation));
        apart.router_is = Some(Neighbour::There);
        assert_eq!(cause(&apart), Some(C::Isolation));
        assert!(tell(&apart).checks[0].finding.contains("keeps its devices apart"));
        apart.router_is = Some(Neighbour::Silent);
        assert_eq!(cause(&apart), Some(C::Interface));
        apart.links[1].up = false;
        assert_eq!(cause(&apart), Some(C::Interface));
        assert_eq!(cause(&Facts::dialled(FAR, outcome)), Some(C::Subnet));
    }
    assert_eq!(cause(&Facts::dialled(FAR, O::NoWay)), Some(C::Subnet));
    // Systems that do not tell whether it is there leave two causes, and what is to be done about both.
    for outcome in [O::Silent, O::NoDevice, O::NoWay] {
        let unknown = Facts::dialled(BESIDE, outcome);
        assert_eq!(cause(&unknown), Some(C::RemoteFirewall), "{outcome:?}");
        assert!(tell(&unknown).checks[0].finding.contains("or no device is there"));
    }
    let doubted = with_neighbour(Neighbour::Doubted, O::Silent);
    assert_eq!((cause(&doubted), state(&doubted, C::RemoteFirewall)), (None, CheckState::Warn));
    let mut nobody = Facts::well();
    nobody.attempt = Some(attempt::Attempt { address: None, outcome: O::UnknownName, route: None, neighbour: None });
    assert_eq!(cause(&nobody), Some(C::Server));
}

#[test]
fn a_tunnel_that_holds_the_way_is_the_cause_before_the_network() {
    let mut facts = Facts::dialled(FAR, Outcome::Silent);
    facts.links.push(link::of("tun0", "10.8.0.2/24"));
    assert_eq!(cause(&facts), Some(CheckName::Subnet));
    facts.attempt.as_mut().unwrap().route = Some(Route { interface: Some("tun0".into()), source: None, router: None });
    assert_eq!(cause(&facts), Some(CheckName::Vpn));
    assert_eq!(state(&facts, CheckName::Subnet), CheckState::Skipped);
    // What macOS has without any VPN, and Windows, which names tunnels as it likes.
    let mut own = Facts::well();
    own.links.push(link::of("tun3", "fe80::1/64"));
    let finding = |facts: &Facts| tell(facts).checks.into_iter().find(|check| check.name == CheckName::Vpn).unwrap();
    assert!(finding(&own).finding.contains("No VPN is on"));
    let windows = Facts { tells_tunnels: false, ..Facts::well() };
    assert_eq!(finding(&windows).state, CheckState::Skipped);
    let mut held = Facts::well();
    held.held.push(Held { network: "192.168.1.0/24".into(), by: "tun0".into() });
    assert_eq!(failed(&held), [CheckName::Vpn]);
}

#[test]
fn networks_that_do_not_work_are_told() {
    let mut facts = Facts::well();
    facts.links[1].up = false;
    assert_eq!(failed(&facts), [CheckName::Interface]);
    facts.links.truncate(1);
    assert_eq!(failed(&facts), [CheckName::Interface]);
    facts.links.push(link::of("eth0", "169.254.3.4/16"));
    assert_eq!(state(&facts, CheckName::Interface), CheckState::Warn);
    // One dead beside one that works.
    let mut two = Facts::well();
    two.links.push(link::of("wlan0", "192.168.9.5/24"));
    two.links[2].up = false;
    assert_eq!(failed(&two), []);
    two.attempt = Some(attempt::of("192.168.9.7:12345", Outcome::Silent));
    assert_eq!(cause(&two), Some(CheckName::Interface));
    // What leads to containers alone is no network.
    let mut inside = Facts::well();
    inside.links[1] = link::of("docker0", "172.17.0.1/16");
    assert_eq!((failed(&inside), inside.main_link()), (vec![CheckName::Interface], None));
    // IPv6 alone.
    let mut six = Facts::well();
    six.links[1] = link::of("eth0", "2001:db8::5/64");
    assert_eq!(failed(&six), []);
}

#[test]
fn what_others_see_of_the_server_is_told() {
    use CheckName as C;
    let unreached = Facts::well().seen(ReachOutcome::Silent, "192.168.1.5");
    assert_eq!(failed(&unreached), [C::RemoteFirewall]);
    let refused = Facts::well().seen(ReachOutcome::Refused, "192.168.1.5");
    assert_eq!(failed(&refused), [C::Server]);
    let hidden = Facts::well().seen(ReachOutcome::Refused, "172.16.0.1");
    assert_eq!(state(&hidden, C::Server), CheckState::Warn);
    let one_of_two = Facts::well().seen(ReachOutcome::Silent, "192.168.1.5").seen(ReachOutcome::Open, "192.168.1.5");
    assert_eq!(failed(&one_of_two), []);
    let untried = Facts::well().seen(ReachOutcome::Untried, "");
    assert_eq!(failed(&untried), []);
    let mut taken = Facts::well();
    taken.server = ServerState {
        failure: Some(ApiError::new(ErrorCode::PortInUse, "Port 12345 is already in use; choose another one.")),
        ..ServerState::default()
    };
    assert_eq!(failed(&taken), [C::Port]);
    taken.server.failure = None;
    assert_eq!((failed(&taken), state(&taken, C::Server)), (vec![], CheckState::Warn));
    taken.port_is = port::Port::Forbidden;
    assert_eq!(failed(&taken), [C::Port]);
    taken.port_is = port::Port::Unknown;
    assert_eq!((failed(&taken), state(&taken, C::Port)), (vec![], CheckState::Skipped));
    taken.port_is = port::Port::Taken;
    assert_eq!(failed(&taken), [C::Port]);
}

/// What a device says that is at `from` and sees this one as `address`.
fn seen_by(facts: Facts, from: &str, outcome: ReachOutcome, address: &str) -> Facts {
    let mut facts = facts.seen(outcome, address);
    facts.views.last_mut().unwrap().from = from.into();
    facts
}

#[test]
fn who_is_on_this_machine_or_behind_a_router_says_nothing_of_the_way_in() {
    use CheckName as C;
    // Hidden rules: only who came from outside shows that they let it in.
    let hidden = || Facts { firewall: local_firewall::Firewall::hidden(), ..Facts::well() };
    for (from, address) in [("127.0.0.1", "127.0.0.1"), ("192.168.1.5", "192.168.1.5"), ("192.168.1.7", "172.16.0.1")] {
        let open = seen_by(hidden(), from, ReachOutcome::Open, address);
        assert_eq!(open.reached_by(), None, "{from}");
        assert_eq!(state(&open, C::LocalFirewall), CheckState::Skipped, "{from}");
        assert_eq!(state(&open, C::RemoteFirewall), CheckState::Skipped, "{from}");
        // One of them that is reached does not outweigh one outside that is not, and its failure is nobody's.
        let both = seen_by(open, "192.168.1.8", ReachOutcome::Silent, "192.168.1.5");
        assert_eq!(both.unreached(), Some(ReachOutcome::Silent), "{from}");
        let silent = seen_by(Facts::well(), from, ReachOutcome::Silent, address);
        assert_eq!((silent.unreached(), failed(&silent)), (None, vec![]), "{from}");
    }
    let reached = seen_by(hidden(), "192.168.1.7", ReachOutcome::Open, "192.168.1.5");
    assert_eq!(state(&reached, C::LocalFirewall), CheckState::Ok);
    assert_eq!(state(&reached, C::RemoteFirewall), CheckState::Ok);
    let finding = |facts: &Facts| tell(facts).checks.into_iter().find(|check| check.name == C::Server).unwrap().finding;
    assert!(finding(&Facts::well()).contains("no other device is connected"));
    assert!(finding(&Facts::well().seen(ReachOutcome::Untried, "192.168.1.5")).contains("no device could say"));
    let mut older = Facts::well().seen(ReachOutcome::Open, "");
    older.views[0].said = None;
    assert!(finding(&older).contains("no device could say"));
}

#[test]
fn a_server_for_this_machine_alone_is_told() {
    let alone = Facts { listens_to_itself: true, ..Facts::well() };
    assert_eq!(failed(&alone), [CheckName::Server]);
    // Who is asked about this machine itself may be meant to.
    let here = Facts { listens_to_itself: true, ..Facts::dialled("127.0.0.1:12346", Outcome::NotLanline) };
    assert_eq!(failed(&here), [CheckName::Port]);
}

#[test]
fn nothing_is_said_to_be_well_that_was_not_tried() {
    use CheckName as C;
    use CheckState as S;
    use Outcome as O;
    let states = |outcome| {
        let facts = Facts::dialled(BESIDE, outcome);
        [C::RemoteFirewall, C::Isolation, C::Permission].map(|name| state(&facts, name))
    };
    assert_eq!(states(O::Refused), [S::Skipped, S::Ok, S::Ok]);
    assert_eq!(states(O::Itself), [S::Skipped, S::Skipped, S::Ok]);
    assert_eq!(states(O::Failed), [S::Skipped, S::Skipped, S::Ok]);
    assert_eq!(states(O::NotPermitted), [S::Skipped, S::Skipped, S::Fail]);
    assert_eq!(states(O::UnknownName), [S::Skipped, S::Skipped, S::Skipped]);
    assert_eq!(states(O::NotLanline), [S::Ok, S::Ok, S::Ok]);
    assert_eq!(state(&Facts::dialled(FAR, O::NotPermitted), C::Subnet), S::Skipped);
    assert_eq!(state(&Facts::dialled(FAR, O::Refused), C::Subnet), S::Ok);
    assert_eq!(state(&Facts::well(), C::Permission), S::Skipped);
}

#[test]
fn a_system_that_hides_what_it_forbids_is_suspected() {
    for outcome in [Outcome::NoDevice, Outcome::NoWay] {
        let facts = Facts { hides_refusals: true, ..Facts::dialled(BESIDE, outcome) };
        assert_eq!(state(&facts, CheckName::Permission), CheckState::Warn);
        assert_eq!(cause(&facts), Some(CheckName::RemoteFirewall));
        let far = Facts { hides_refusals: true, ..Facts::dialled(FAR, outcome) };
        assert_eq!(state(&far, CheckName::Permission), CheckState::Ok);
    }
}

#[test]
fn what_is_wrong_with_this_devices_own_server_does_not_explain_that_another_is_silent() {
    use CheckName as C;
    let silent = || Facts { port_is: port::Port::Taken, ..with_neighbour(Neighbour::Doubted, Outcome::Silent) };
    let mut facts = silent();
    facts.server = ServerState::default();
    // Both are told, and the failing port does not come first as if it were the cause.
    assert_eq!(failed(&facts), [C::Port]);
    assert_ne!(tell(&facts).checks[0].name, C::Port);
    let mut facts = silent();
    facts.server = ServerState {
        failure: Some(ApiError::new(ErrorCode::Internal, "The server did not start.")),
        ..ServerState::default()
    };
    facts.port_is = port::Port::Free;
    assert_eq!(failed(&facts), [C::Server]);
    assert_eq!(tell(&facts).checks[0].name, C::Interface);
}

#[test]
fn a_clock_that_is_off_is_told_and_by_one_other_doubted() {
    let ahead = |facts: Facts, minutes: i64| {
        let mut facts = facts.seen(ReachOutcome::Open, "192.168.1.5");
        let said = facts.views.last_mut().unwrap().said.as_mut().unwrap();
        said.ahead_us = Some(minutes * 60_000_000);
        facts
    };
    let clock = |facts: &Facts| state(facts, CheckName::Clock);
    assert_eq!(clock(&ahead(Facts::well(), 4)), CheckState::Ok);
    assert_eq!(clock(&ahead(Facts::well(), 6)), CheckState::Warn);
    assert_eq!(clock(&ahead(ahead(Facts::well(), 60), 61)), CheckState::Fail);
    assert_eq!(clock(&ahead(ahead(ahead(Facts::well(), 0), 0), -600)), CheckState::Ok);
    let mut ancient = Facts::well();
    ancient.now_ms = 1_000;
    assert_eq!(clock(&ancient), CheckState::Fail);
}

fn with_rules(facts: Facts, rules: &str) -> Facts {
    Facts { firewall: local_firewall::Firewall::with_nft(rules), ..facts }
}

/// A table with one chain for each way, each with these expressions.
fn rules(input: &str, output: &str) -> String {
    let chain = |hook: &str, rule: &str| {
        format!(
            r#"{{"chain":{{"family":"inet","table":"filter","name":"{hook}","type":"filter","hook":"{hook}","prio":0,"policy":"accept"}}}},
               {{"rule":{{"family":"inet","table":"filter","chain":"{hook}","expr":[{rule}]}}}}"#
        )
    };
    format!(r#"{{"nftables":[{},{}]}}"#, chain("input", input), chain("output", output))
}

const UDP: &str = r#"{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"udp"}},{"drop":null}"#;
const TCP: &str =
    r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":12345}},{"drop":null}"#;
const ALL: &str = r#"{"match":{"op":"!=","left":{"meta":{"key":"iifname"}},"right":"lo"}},{"drop":null}"#;
const PASS: &str = r#"{"counter":null}"#;

#[test]
fn a_rule_of_this_device_is_the_cause_with_its_command() {
    use CheckName as C;
    let shut = with_rules(Facts::well(), &rules(TCP, PASS));
    assert_eq!(failed(&shut), [C::LocalFirewall]);
    let remedy = tell(&shut).checks.into_iter().find_map(|check| check.remedy).unwrap();
    assert_eq!(remedy, "Allow it: `sudo nft insert rule inet filter input tcp dport 12345 accept`.");
    // Others did not reach it: once it is known why, that is told once.
    let seen = with_rules(Facts::well().seen(ReachOutcome::Silent, "192.168.1.5"), &rules(TCP, PASS));
    assert_eq!(failed(&seen), [C::LocalFirewall]);
    assert_eq!(state(&seen, C::Server), CheckState::Warn);

    let deaf = with_rules(Facts::well(), &rules(UDP, PASS));
    assert_eq!(failed(&deaf), [C::Multicast]);
    let remedy = tell(&deaf).checks.into_iter().find_map(|check| check.remedy).unwrap();
    assert!(remedy.contains("udp dport 12345 accept") && remedy.contains("udp dport 5353 accept"), "{remedy}");
    assert_eq!(failed(&with_rules(Facts::well(), &rules(PASS, UDP))), [C::Multicast]);

    // The other device is not reached: what goes out is dropped, or what comes back is.
    let mute = with_rules(Facts::dialled(BESIDE, Outcome::Silent), &rules(PASS, TCP));
    assert_eq!(cause(&mute), Some(C::LocalFirewall));
    let all = with_rules(with_neighbour(Neighbour::There, Outcome::Silent), &rules(ALL, PASS));
    assert_eq!(cause(&all), Some(C::LocalFirewall));
    // What this device itself rejects is no word of the other's.
    let rejected = with_rules(Facts::dialled(BESIDE, Outcome::Refused), &rules(PASS, TCP));
    assert_eq!(failed(&rejected), [C::LocalFirewall]);
    for name in [C::Isolation, C::RemoteFirewall, C::Permission] {
        assert_eq!(state(&rejected, name), CheckState::Skipped, "{name:?}");
    }
    assert_eq!(
        state(&with_rules(Facts::dialled(FAR, Outcome::Refused), &rules(PASS, TCP)), C::Subnet),
        CheckState::Skipped
    );
    // A rule that has nothing to do with it comes later.
    let both = with_rules(with_neighbour(Neighbour::There, Outcome::Silent), &rules(TCP, PASS));
    assert_eq!(cause(&both), Some(C::RemoteFirewall));
    assert_eq!(state(&both, C::LocalFirewall), CheckState::Fail);
}

#[test]
fn the_report_has_addresses_and_no_names() {
    let report = tell(&Facts::dialled(BESIDE, Outcome::Refused)).report;
    assert!(
        report.starts_with("Lanline ") && report.contains("failure server: ") && report.contains("192.168.1.7"),
        "{report}"
    );
    let mut named = Facts::well();
    named.attempt =
        Some(attempt::Attempt { address: None, outcome: Outcome::UnknownName, route: None, neighbour: None });
    assert!(tell(&named).report.contains("looking for the name that was given"));
}

async fn device(folder: &std::path::Path) -> Node {
    let flags = Flags { data_dir: Some(folder.into()), ..Flags::default() };
    let mut settings = Settings::load(flags).unwrap();
    // Whatever the environment says: nobody else's network is spoken to here.
    settings.discovery = false;
    settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
    Node::open(settings).await.unwrap()
}

async fn first(node: &Node, address: Option<String>) -> Check {
    let diagnosis = node.diagnose(Diagnose { address }).await.unwrap();
    diagnosis.checks.into_iter().next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_at_an_address_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let alice = device(folder.path()).await;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let strange = tokio::spawn(async move {
        // Kept: who hangs up at once may be cut off before it is heard.
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail\r\n").await;
            held.push(stream);
        }
    });
    let told = first(&alice, Some(address.to_string())).await;
    assert_eq!((told.name, told.state), (CheckName::Port, CheckState::Fail), "{told:?}");
    strange.abort();
    let _ = strange.await;
    let told = first(&alice, Some(address.to_string())).await;
    assert_eq!((told.name, told.state), (CheckName::Server, CheckState::Fail), "{told:?}");

    // One of a later version.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let acceptor = Shows::Key(9).server(&[b"lanline/9"]);
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let told = first(&alice, Some(address.to_string())).await;
    assert_eq!((told.name, told.state), (CheckName::Version, CheckState::Fail), "{told:?}");
    assert_eq!(SPOKEN, ALPN);

    let port = alice.start_server(StartServer { port: Some(0) }).await.unwrap().port;
    let told = first(&alice, Some(format!("127.0.0.1:{port}"))).await;
    assert_eq!((told.name, told.state), (CheckName::Server, CheckState::Fail), "{told:?}");
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_answers_says_whether_it_reaches_back() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (alice, bob) = (device(folders[0].path()).await, device(folders[1].path()).await);
    let bobs = bob.start_server(StartServer { port: Some(0) }).await.unwrap().port;
    alice.start_server(StartServer { port: Some(0) }).await.unwrap();
    let asked = Diagnose { address: Some(format!("127.0.0.1:{bobs}")) };
    let diagnosis = alice.diagnose(asked.clone()).await.unwrap();
    let check = |name| diagnosis.checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(check(CheckName::Server).state, CheckState::Ok);
    assert!(check(CheckName::Server).finding.contains("reached from this machine"), "{diagnosis:?}");
    assert_eq!(check(CheckName::Version).state, CheckState::Ok);
    // Its settings say so.
    assert_eq!(check(CheckName::Multicast).state, CheckState::Warn);
    assert_eq!(check(CheckName::RemoteFirewall).state, CheckState::Ok);
    for id in [alice.device_id(), bob.device_id()] {
        assert!(!diagnosis.report.contains(&id.to_string()));
    }
    // And bob, who asks about others and listens on loopback.
    let told = bob.diagnose(Diagnose::default()).await.unwrap();
    let server = told.checks.into_iter().find(|check| check.name == CheckName::Server).unwrap();
    assert!(server.state == CheckState::Fail && server.finding.contains("for this machine only"), "{server:?}");
    alice.close().await;
    bob.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let alice = device(folder.path()).await;
    let refused = alice.diagnose(Diagnose { address: Some("1.2.3".into()) }).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument);
    alice.close().await;
}
