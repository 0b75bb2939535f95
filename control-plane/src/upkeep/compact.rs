//! Gives the vector store time for what it wants to do now and then: merging, indexing, giving space back.

use super::{Upkeep, UpkeepError};

impl Upkeep {
    /// Lets the vector store do its upkeep. Meant for quiet moments; searches go on.
    ///
    /// # Errors
    /// When the vector store fails.
    pub async fn vectors_upkeep(&self) -> Result<(), UpkeepError> {
        Ok(self.vectors.maintain().await?)
    }
}
