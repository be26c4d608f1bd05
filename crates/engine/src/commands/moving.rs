use std::path::PathBuf;

use crate::{
    Node,
    api::{ApiError, ErrorCode, ExportIdentity, ImportIdentity, Nothing, Passphrase},
    core::DATABASE,
    moving,
    platform::SystemKeyStore,
};

impl Node {
    /// Writes this device's key and rooms to a new file.
    pub async fn export_identity(&self, params: ExportIdentity) -> Result<Nothing, ApiError> {
        let (path, passphrase) = checked(params.path, params.passphrase)?;
        let (folder, identity) = (self.setup().data_dir.clone(), self.identity());
        // Only where the core still holds the folder.
        self.core().read(|_| Ok(())).await?;
        let _alone = self.exporting().lock().await;
        blocking(move || moving::export(&folder, &folder.join(DATABASE), &identity.seed, &path, passphrase.as_str()))
            .await
    }

    /// Makes this device the one that was exported.
    pub async fn import_identity(&self, params: ImportIdentity) -> Result<Nothing, ApiError> {
        let (path, passphrase) = checked(params.path, params.passphrase)?;
        self.without_rooms().await?;
        let (folder, choice) = (self.setup().data_dir.clone(), self.setup().key_store);
        blocking(move || moving::stage(&folder, DATABASE, &SystemKeyStore, choice, &path, passphrase.as_str())).await?;
        self.begin_anew().await
    }

    /// What is imported takes the place of all that is there.
    async fn without_rooms(&self) -> Result<(), ApiError> {
        let rooms = self.core().read(|machine| machine.replica.rooms()).await?;
        if rooms.is_empty() {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::Exists,
            "This device has rooms, which an import would take the place of: import into a new data folder.",
        ))
    }
}

fn checked(path: String, passphrase: Passphrase) -> Result<(PathBuf, Passphrase), ApiError> {
    if passphrase.as_str().is_empty() {
        return Err(ApiError::invalid("An export needs a passphrase: choose a handful of words."));
    }
    Ok((path.into(), passphrase))
}

async fn blocking(work: impl FnOnce() -> Result<(), ApiError> + Send + 'static) -> Result<(), ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ApiError::new(
            ErrorCode::Internal,
            format!("This failed inside Lanline ({error}): try again, and report it if it fails again."),
        )),
    }
}
