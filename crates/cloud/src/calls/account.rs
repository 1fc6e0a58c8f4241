//! Whose AWS account we work in, asked of STS.

use aws_config::SdkConfig;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{Jitter, Pace, chain, settings};

/// Who we are to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account's twelve digits.
    pub id: String,
    /// The ARN of the user or role whose credentials we use.
    pub caller: String,
}

/// The account could not be found out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("AWS does not say whose account this is (sts:GetCallerIdentity): {0}")]
pub struct AccountError(String);

/// Asks STS whose credentials we use; it needs no permission. Tries up to four times.
pub async fn account(sdk: &SdkConfig, pace: Pace) -> Result<Account, AccountError> {
    let client = aws_sdk_sts::Client::new(&settings(sdk, pace));
    let attempt = || async {
        let answer = client.get_caller_identity().send().await.map_err(|error| {
            let again = error.as_service_error().is_none();
            let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
            let text = match meta.and_then(|meta| Some((meta.code()?, meta.message()?))) {
                Some((code, message)) => format!("{code}: {message}"),
                None => chain(&error),
            };
            (again, AccountError(text))
        })?;
        match (answer.account, answer.arn) {
            (Some(id), Some(caller)) => Ok(Account { id, caller }),
            _ => Err((false, AccountError("the answer names none".to_owned()))),
        }
    };
    Jitter::new(0)
        .retry("get-caller-identity", pace, |(again, _)| *again, attempt)
        .await
        .map_err(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Canned, answer};

    #[tokio::test]
    async fn the_account_is_read_from_the_answer() {
        let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/evenkeel/i-1</Arn><UserId>AR:1</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let aws = Canned::turns([answer(200, body)]);
        let account = account(&aws.sdk(), Pace::REAL).await.unwrap();
        assert_eq!(account.id, "123456789012");
    }

    #[tokio::test]
    async fn an_expired_token_is_named() {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error><RequestId>r</RequestId></ErrorResponse>";
        let aws = Canned::turns([answer(403, body)]);
        let error = account(&aws.sdk(), Pace::REAL).await.unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("ExpiredToken: The security token included in the request is expired"),
            "{error}"
        );
    }
}
