use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::{
    Node,
    api::{ApiError, ErrorCode, ExportIdentity, ImportIdentity, Nothing, Passphrase},
    core::DATABASE,
    moving, turn,
};

impl Node {
    /// Writes this device's key and rooms to a new file.
    pub async fn export_identity(&self, params: ExportIdentity) -> Result<Nothing, ApiError> {
        let (path, passphrase) = checked(params.path, params.passphrase)?;
        let alone = self.moving().lock_owned().await;
        let (folder, identity) = (self.folder()?, self.identity());
        // Only where the core still works.
        self.core().read(|_| Ok(())).await?;
        self.blocking(move |stop| {
            let _alone = alone;
            let folder = folder.path();
            moving::export(folder, &folder.join(DATABASE), &identity.seed, &path, passphrase.as_str(), stop)
        })
        .await
    }

    /// Makes this device the one that was exported.
    pub async fn import_identity(&self, params: ImportIdentity) -> Result<Nothing, ApiError> {
        let (path, passphrase) = checked(params.path, params.passphrase)?;
        // Not waited for: all that is asked after this would wait as well.
        let Ok(_alone) = self.moving().try_lock_owned() else {
            let sentence = "This device is being exported: import once that is done.";
            return Err(ApiError::new(ErrorCode::Refused, sentence));
        };
        // Before anything is read, and once more when what is there is put aside.
        if !self.core().read(|machine| machine.replica.rooms()).await?.is_empty() {
            return Err(has_rooms());
        }
        let folder = self.folder()?;
        let stage = move |stop: &_| moving::stage(folder, DATABASE, &path, passphrase.as_str(), stop);
        let staged = self.blocking(stage).await?;
        if self.begin_anew(staged).await? { Ok(()) } else { Err(has_rooms()) }
    }

    /// Works where it may block, for as long as the device is not to be closed.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancellationToken) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (closing, stop) = (self.closing(), self.closing());
        let done = tokio::task::spawn_blocking(move || work(&stop)).await.unwrap_or_else(|error| {
            let sentence = format!("This failed inside Lanline ({error}): try again, and report it if it fails again.");
            Err(ApiError::new(ErrorCode::Internal, sentence))
        });
        done.map_err(|error| if closing.is_cancelled() { turn::closed().into() } else { error })
    }
}

/// What is imported takes the place of all that is there.
fn has_rooms() -> ApiError {
    ApiError::new(
        ErrorCode::Exists,
        "This device has rooms, which an import would take the place of: import into a new data folder.",
    )
}

fn checked(path: String, passphrase: Passphrase) -> Result<(PathBuf, Passphrase), ApiError> {
    if passphrase.as_str().is_empty() {
        return Err(ApiError::invalid("An export needs a passphrase: choose a handful of words."));
    }
    Ok((path.into(), passphrase))
}
