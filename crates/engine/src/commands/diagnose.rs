use crate::{
    Node,
    api::{ApiError, Diagnose, Diagnosis},
    diagnosis,
    net::Address,
    settings::DEFAULT_PORT,
};

impl Node {
    /// Looks for why devices do not find or reach each other.
    pub async fn diagnose(&self, params: Diagnose) -> Result<Diagnosis, ApiError> {
        let address = params.address.as_deref().map(|text| Address::parse(text, DEFAULT_PORT));
        let address = address.transpose().map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(diagnosis::diagnose(self, address).await)
    }
}
