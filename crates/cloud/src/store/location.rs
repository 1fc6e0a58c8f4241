//! Where a document or the state lies: `s3://bucket/key`, a path, or `-`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where something is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An object, or all below a prefix where the key is empty or ends with `/`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key, without a leading slash.
        key: String,
    },
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

/// Text that is no [`Location`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Nothing.
    #[error("the location is empty: write s3://BUCKET/KEY, a path, or - for standard input")]
    Empty,
    /// Another scheme.
    #[error("`{0}` is no location: write s3://BUCKET/KEY, a path, or - for standard input")]
    Scheme(String),
    /// Not what S3 allows as the name of a bucket.
    #[error(
        "`{0}` is no bucket: its name has 3 to 63 lower-case letters, digits, dots and hyphens (s3://BUCKET/KEY)"
    )]
    Bucket(String),
    /// Longer than S3's keys are.
    #[error("the key has {0} bytes, and S3's keys have at most 1024")]
    Key(usize),
}

impl Location {
    /// True where it stands for everything below it.
    pub fn is_prefix(&self) -> bool {
        matches!(self, Location::S3 { key, .. } if key.is_empty() || key.ends_with('/'))
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return match text {
                "" => Err(LocationError::Empty),
                "-" => Ok(Location::Stdin),
                path => Ok(Location::File(path.into())),
            };
        };
        if scheme != "s3" {
            return Err(LocationError::Scheme(text.to_owned()));
        }
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(fits) {
            return Err(LocationError::Bucket(bucket.to_owned()));
        }
        if key.len() > 1024 {
            return Err(LocationError::Key(key.len()));
        }
        Ok(Location::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
            Location::File(path) => write!(f, "{}", path.display()),
            Location::Stdin => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_every_kind() {
        for text in ["s3://my.bucket-1/a/b.json", "s3://bucket/", "services.json", "/etc/x.yaml", "-"] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
        assert!("s3://bucket/teams/".parse::<Location>().unwrap().is_prefix());
        assert!("s3://bucket".parse::<Location>().unwrap().is_prefix());
        assert!(!"s3://bucket/a.json".parse::<Location>().unwrap().is_prefix());
    }

    #[test]
    fn says_what_is_wrong() {
        let error = |text: &str| text.parse::<Location>().unwrap_err();
        assert_eq!(error(""), LocationError::Empty);
        assert_eq!(error("https://x/y"), LocationError::Scheme("https://x/y".into()));
        assert_eq!(error("s3://My_Bucket/x"), LocationError::Bucket("My_Bucket".into()));
        assert_eq!(error("s3:///x"), LocationError::Bucket(String::new()));
    }
}
