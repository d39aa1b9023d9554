//! DSSE envelopes outside a bundle, as other builders write them: one JSON object
//! after the other.

use super::bundle::{Envelope, PAYLOAD_TYPE, pre_authentication};
use super::{Error, PublicKey, Statement};

/// The payload type that builders of older versions write: the statement's own.
const OLD_PAYLOAD_TYPE: &str = "https://in-toto.io/Statement/v1";

/// Verifies every envelope of a text by one key, and returns what they say.
///
/// # Errors
/// [`Error::Invalid`] where one does not hold: then none counts.
pub fn verify_envelopes(text: &str, key: &PublicKey) -> Result<Vec<Statement>, Error> {
    let invalid = |reason: String| Error::Invalid(reason);
    let mut statements = Vec::new();
    for envelope in serde_json::Deserializer::from_str(text).into_iter::<Envelope>() {
        let envelope = envelope.map_err(|error| invalid(error.to_string()))?;
        if ![PAYLOAD_TYPE, OLD_PAYLOAD_TYPE].contains(&envelope.payload_type.as_str()) {
            let kind = envelope.payload_type;
            return Err(invalid(format!("`{kind}` is no in-toto statement")));
        }
        let (payload, signature) = envelope.open()?;
        let message = pre_authentication(&envelope.payload_type, &payload);
        if !key.verifies(&message, &signature) {
            return Err(invalid(format!(
                "an envelope is not signed by the key {}",
                key.id()
            )));
        }
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|error| invalid(error.to_string()))?;
        if !statement.is_v1() {
            return Err(invalid("it holds no in-toto Statement v1".into()));
        }
        statements.push(statement);
    }
    if statements.is_empty() {
        return Err(invalid("it holds no envelope".into()));
    }
    Ok(statements)
}
