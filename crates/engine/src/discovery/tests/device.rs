//! A device's transports, and what they heard.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::announcement::{Announcement, Instance, Tag};
use super::super::message::Message;
use super::super::transports::{Ports, Transports};
use super::super::{Heard, Via};
use crate::net::{Link, links};

pub(super) const PORTS: Ports = Ports { datagrams: 12345, mdns: 5353 };
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Device {
    pub(super) transports: Transports,
    heard: mpsc::Receiver<Heard>,
    kept: VecDeque<Heard>,
}

impl Device {
    pub(super) fn start() -> Self {
        Self::start_on(PORTS, links().unwrap())
    }

    pub(super) fn start_on(ports: Ports, links: Vec<Link>) -> Self {
        let (sender, heard) = mpsc::channel(1024);
        let transports = Transports::start_on(sender, ports);
        transports.set_interfaces(links);
        Self { transports, heard, kept: VecDeque::new() }
    }

    /// The first that is so, of what was heard and is not yet taken.
    pub(super) async fn hears(&mut self, what: &str, is_so: impl Fn(&Heard) -> bool) -> Heard {
        if let Some(position) = self.kept.iter().position(&is_so) {
            return self.kept.remove(position).unwrap();
        }
        let heard = async {
            loop {
                let heard = self.heard.recv().await.unwrap();
                if is_so(&heard) {
                    return heard;
                }
                self.kept.push_back(heard);
            }
        };
        match tokio::time::timeout(PATIENCE, heard).await {
            Ok(heard) => heard,
            Err(_) => {
                self.kept.truncate(4);
                panic!("not heard: {what}; first {:#?}; {:#?}", self.kept, self.transports.traffic())
            }
        }
    }

    /// An announcement, by a way.
    pub(super) async fn finds(&mut self, announcement: &Announcement, via: Via) -> Heard {
        let what = Message::Announce(announcement.clone());
        self.hears(&format!("{announcement:?} by {via:?}"), |heard| heard.what == what && heard.via == via).await
    }

    /// Nothing of the kind, of all that was heard until now.
    pub(super) fn has_not_heard(&mut self, is_so: impl Fn(&Heard) -> bool) {
        while let Ok(heard) = self.heard.try_recv() {
            self.kept.push_back(heard);
        }
        assert!(!self.kept.iter().any(is_so), "{:?}", self.kept);
    }
}

/// Waits until it is so.
pub(super) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

pub(super) fn announcement(number: u8) -> Announcement {
    let tags = vec![Tag([number; 8]), Tag([0xaa; 8])];
    Announcement { instance: Instance([number; 8]), port: 4000 + u16::from(number), protocol: 1, tags, name: None }
}

pub(super) fn announcement_named(number: u8, name: &str) -> Announcement {
    Announcement { name: Some(name.into()), ..announcement(number) }
}

pub(super) fn is_ask(heard: &Heard) -> bool {
    heard.what == Message::Ask
}
