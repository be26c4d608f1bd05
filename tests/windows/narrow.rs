//! The narrowest window there can be.

use anyhow::Result;

use crate::meeting::in_a_room;

#[tokio::test]
async fn everything_fits_into_320_pixels() -> Result<()> {
    let (alice, bob) = in_a_room().await?;
    bob.resize(320, 568).await?;
    alice.fill("composer-input", "A message that is somewhat longer than one line of a narrow window").await?;
    alice.click("composer-send").await?;
    bob.visible("[data-testid=\"message\"]").await?;
    bob.fits().await?;
    bob.picture("conversation-320")?;
    for (open, dialog) in [("people-open", "people-dialog"), ("invite-open", "invite-dialog")] {
        bob.click(open).await?;
        bob.sees(dialog).await?;
        bob.fits().await?;
        bob.comes_to_rest().await?;
        bob.picture(&format!("{dialog}-320"))?;
        bob.close_dialog().await?;
    }
    bob.click("back").await?;
    bob.fits().await?;
    bob.comes_to_rest().await?;
    bob.picture("rooms-320")?;
    for (open, dialog) in
        [("device-open", "device-dialog"), ("room-create-open", "create-dialog"), ("join-open", "join-dialog")]
    {
        bob.click(open).await?;
        bob.sees(dialog).await?;
        bob.fits().await?;
        bob.comes_to_rest().await?;
        bob.picture(&format!("{dialog}-320"))?;
        bob.close_dialog().await?;
    }
    Ok(())
}
