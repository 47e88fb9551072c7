//! A record as it is in the file: after a checksum of itself and of its place.

use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

use super::Table;

/// A record with its checksum before it
pub(super) fn with_checksum(table: Table, key: &str, record: &[u8]) -> Vec<u8> {
    let mut bytes = checksum(table, key, record);
    bytes.extend_from_slice(record);
    bytes
}

/// The record, if it is what was put under this key of this table
pub(super) fn checked<'b>(table: Table, key: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    let (found, record) = bytes.split_at_checked(SHA256_OUTPUT_LEN)?;
    (found == checksum(table, key, record)).then_some(record)
}

fn checksum(table: Table, key: &str, record: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for part in [table.name(), key] {
        // With its length, so that no two places give the same bytes.
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    context.update(record);
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_good_where_it_was_put_and_as_it_was_put() {
        let bytes = with_checksum(Table::Projects, "ab", b"c");
        assert_eq!(checked(Table::Projects, "ab", &bytes), Some(&b"c"[..]));
        assert_eq!(checked(Table::Datasets, "ab", &bytes), None);
        assert_eq!(checked(Table::Projects, "a", &bytes), None);
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[index] ^= 1 << bit;
                assert_eq!(checked(Table::Projects, "ab", &damaged), None, "{index}.{bit}");
            }
            assert_eq!(checked(Table::Projects, "ab", &bytes[..index]), None, "{index}");
        }
    }
}
