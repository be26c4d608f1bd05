//! What Windows says of its firewall, through the interface that its own tools use (`INetFwPolicy2`). The words of `netsh`
//! are in the language of the system, and `Get-NetFirewallRule` takes longer than anybody waits.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::ruleset::{Protocol, port};

/// What PowerShell is asked: the profile in force, and what it lets in or blocks. Rules for apps of the store and for
/// services name no program, and are about none like this.
pub(crate) const QUESTION: &str = "\
$p = New-Object -ComObject HNetCfg.FwPolicy2; \
$t = $p.CurrentProfileTypes; \
$one = @(1, 2, 4) | Where-Object { $t -band $_ }; \
@{ profiles = @($one | ForEach-Object { @{ type = $_; on = $p.FirewallEnabled($_); \
blocks_in = ($p.DefaultInboundAction($_) -eq 0); blocks_all = $p.BlockAllInboundTraffic($_) } }); \
rules = @($p.Rules | Where-Object { $_.Enabled -and $_.Direction -eq 1 -and ($_.Profiles -band $t) \
-and -not $_.LocalAppPackageId -and -not $_.ServiceName } | ForEach-Object { \
@{ program = [Environment]::ExpandEnvironmentVariables($_.ApplicationName); protocol = $_.Protocol; ports = $_.LocalPorts; allows = ($_.Action -eq 1); \
profiles = $_.Profiles } }) } | ConvertTo-Json -Depth 4 -Compress";

/// What the firewall does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    profiles: Vec<Profile>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Profile {
    /// 1: of a domain, 2: private, 4: public.
    kind: u64,
    on: bool,
    blocks_in: bool,
    blocks_all: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// `None`: any.
    program: Option<String>,
    /// `None`: any.
    protocol: Option<Option<Protocol>>,
    /// `None`: any.
    ports: Option<Vec<RangeInclusive<u16>>>,
    allows: bool,
    profiles: u64,
}

impl Policy {
    /// Whether packets to a port of this program get in, in every profile that is in force; a block outweighs.
    pub(crate) fn lets_in(&self, program: &str, protocol: Protocol, port: u16) -> bool {
        self.profiles.iter().all(|profile| {
            if !profile.on {
                return true;
            }
            let of_it = |rule: &&Rule| rule.profiles & profile.kind != 0 && rule.is_about(program, protocol, port);
            let mut rules = self.rules.iter().filter(of_it).peekable();
            let named = rules.peek().is_some();
            let allowed = rules.all(|rule| rule.allows);
            !profile.blocks_all && if named { allowed } else { !profile.blocks_in }
        })
    }

    /// Whether the network counts as a public one, where Windows lets in least.
    pub(crate) fn is_public(&self) -> bool {
        self.profiles.iter().any(|profile| profile.kind == 4)
    }
}

impl Rule {
    fn is_about(&self, program: &str, protocol: Protocol, port: u16) -> bool {
        let is_it = |of: &String| of.eq_ignore_ascii_case(program);
        self.program.as_ref().is_none_or(is_it)
            && self.protocol.is_none_or(|of| of == Some(protocol))
            && self.ports.as_ref().is_none_or(|ranges| ranges.iter().any(|range| range.contains(&port)))
    }
}

/// The policy in what PowerShell answers to [`QUESTION`]; `None` where it is no such answer.
pub(crate) fn parse(text: &str) -> Option<Policy> {
    let answer: Value = serde_json::from_str(text.trim_start_matches('\u{feff}').trim()).ok()?;
    // One thing alone is no list there.
    let list = |key: &str| match answer.get(key) {
        Some(Value::Array(list)) => list.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    };
    let profile = |profile: &Value| {
        let is = |key: &str| profile.get(key).and_then(Value::as_bool);
        let kind = profile.get("type")?.as_u64()?;
        Some(Profile { kind, on: is("on")?, blocks_in: is("blocks_in")?, blocks_all: is("blocks_all")? })
    };
    let profiles: Vec<Profile> = list("profiles").iter().map(profile).collect::<Option<_>>()?;
    let rules = list("rules").iter().map(read_rule).collect::<Option<_>>()?;
    (!profiles.is_empty()).then_some(Policy { profiles, rules })
}

fn read_rule(rule: &Value) -> Option<Rule> {
    let text = |key: &str| rule.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && *text != "*");
    let protocol = match rule.get("protocol")?.as_i64()? {
        256 => None,
        6 => Some(Some(Protocol::Tcp)),
        17 => Some(Some(Protocol::Udp)),
        _ => Some(None),
    };
    let range = |given: &str| {
        let (from, to) = given.trim().split_once('-').unwrap_or((given.trim(), given.trim()));
        Some(port(from)?..=port(to)?)
    };
    // Words such as RPC stand for ports that are not this program's.
    let ports = text("ports").map(|given| given.split(',').filter_map(range).collect());
    Some(Rule {
        program: text("program").map(str::to_owned),
        protocol,
        ports,
        allows: rule.get("allows")?.as_bool()?,
        profiles: rule.get("profiles")?.as_u64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANLINE: &str = r"C:\Program Files\Lanline\lanline.exe";

    /// Written by hand, after Microsoft's documentation of `INetFwPolicy2`, `INetFwRule` and `ConvertTo-Json`.
    fn policy(kind: u64, rules: &str) -> Policy {
        let profiles = format!(r#"[{{"type":{kind},"on":true,"blocks_in":true,"blocks_all":false}}]"#);
        parse(&format!(r#"{{"rules":{rules},"profiles":{profiles}}}"#)).unwrap()
    }

    #[test]
    fn a_profile_that_blocks_lets_in_what_a_rule_names() {
        let core = r#"{"profiles":2147483647,"allows":true,"protocol":17,"ports":"5353","program":"%SystemRoot%\\system32\\svchost.exe"}"#;
        let any = r#"{"profiles":6,"allows":true,"protocol":6,"ports":"80,12000-12999","program":null}"#;
        let own = r#"{"profiles":2,"allows":true,"protocol":256,"ports":"*","program":"c:\\program files\\lanline\\LANLINE.exe"}"#;
        let block = r#"{"profiles":7,"allows":false,"protocol":6,"ports":"12345","program":null}"#;
        let private = policy(2, &format!("[{core},{any}]"));
        assert!(private.lets_in(LANLINE, Protocol::Tcp, 12345) && !private.lets_in(LANLINE, Protocol::Tcp, 443));
        assert!(!private.lets_in(LANLINE, Protocol::Udp, 12345) && !private.is_public());
        assert!(policy(2, &format!("[{own}]")).lets_in(LANLINE, Protocol::Udp, 12345));
        let public = policy(4, &format!("[{own}]"));
        assert!(!public.lets_in(LANLINE, Protocol::Tcp, 12345) && public.is_public());
        assert!(!policy(2, &format!("[{any},{block}]")).lets_in(LANLINE, Protocol::Tcp, 12345));
        // One rule alone, as PowerShell writes it.
        assert!(policy(2, any).lets_in(LANLINE, Protocol::Tcp, 12345));
        assert!(!policy(2, "null").lets_in(LANLINE, Protocol::Tcp, 12345));
    }

    #[test]
    fn rules_of_apps_and_services_are_not_asked_for() {
        for word in ["-not $_.LocalAppPackageId", "-not $_.ServiceName", "ExpandEnvironmentVariables"] {
            assert!(QUESTION.contains(word), "{word}");
        }
        // A program that is none, once it is expanded.
        let any = r#"{"profiles":2,"allows":true,"protocol":6,"ports":"12345","program":""}"#;
        assert!(policy(2, any).lets_in(LANLINE, Protocol::Tcp, 12345));
    }

    #[test]
    fn one_that_is_off_lets_in_everything_and_what_is_no_answer_is_none() {
        let off = r#"{"rules":null,"profiles":{"type":2,"on":false,"blocks_in":true,"blocks_all":false}}"#;
        assert!(parse(off).unwrap().lets_in(LANLINE, Protocol::Tcp, 12345));
        assert_eq!(parse("New-Object : Retrieving the COM class factory failed"), None);
        assert_eq!(parse("{}"), None);
    }
}
