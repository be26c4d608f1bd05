use crate::{
    Node,
    api::{ApiError, NoParams, Preferences, SetSettings},
    core::Machine,
};

impl Node {
    /// What the person of this device chose.
    pub async fn settings(&self, _: NoParams) -> Result<Preferences, ApiError> {
        self.core().read(|machine| Ok(chosen(machine))).await
    }

    /// Changes what the person of this device chose.
    pub async fn set_settings(&self, params: SetSettings) -> Result<Preferences, ApiError> {
        let changed = self.core().write(move |machine, now| {
            if let Some(tell_read) = params.tell_read {
                machine.replica.set_tells_read(now, tell_read)?;
            }
            Ok(chosen(machine))
        });
        changed.await
    }
}

fn chosen(machine: &Machine) -> Preferences {
    Preferences { tell_read: machine.replica.tells_read() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Flags, Node, Settings};

    #[tokio::test]
    async fn what_was_chosen_is_kept_and_what_is_not_named_stays() {
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags { data_dir: Some(folder.path().into()), ..Flags::default() };
        let settings = Settings::load(flags).unwrap();
        let alice = Node::open(settings.clone()).await.unwrap();
        assert_eq!(alice.call("settings", json!({})).await.unwrap(), json!({"tell_read": true}));
        let chosen = alice.call("set_settings", json!({"tell_read": false})).await.unwrap();
        assert_eq!(chosen, json!({"tell_read": false}));
        assert_eq!(alice.call("set_settings", json!({})).await.unwrap(), chosen);
        assert!(alice.call("set_settings", json!({"tell_write": true})).await.is_err());
        alice.close().await;

        let alice = Node::open(settings).await.unwrap();
        assert_eq!(alice.call("settings", json!({})).await.unwrap(), chosen);
        alice.close().await;
    }
}
