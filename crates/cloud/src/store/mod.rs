//! What is read from and kept in S3.
