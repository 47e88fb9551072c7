//! One file with a mistake of every kind, and what is said of it, word for word.

use super::*;

#[test]
fn a_mistake_of_every_kind_is_told_at_once_with_its_line_column_and_path() {
    let said = mistakes(include_str!("every_mistake/emulator.yaml")) + "\n";
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/config/tests/every_mistake/said.txt"
    );
    if std::env::var_os("UPDATE_SAID").is_some() {
        fs::write(file, &said).expect("the source tree is writable");
    }
    let expected = fs::read_to_string(file).expect("it is there");
    assert_eq!(
        said, expected,
        "write it anew with UPDATE_SAID=1, and read the difference"
    );
}
