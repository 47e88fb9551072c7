//! `cargo xtask docs`: the documents as a site, by mdBook.
//!
//! The documents link to each other and to files of this checkout by relative paths. So they are copied together with
//! the folders that they are in, and the table of contents, which is beside the pages, is rewritten for the top of that
//! copy.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::step::{Skipped, TaskError, cargo, output, run};

/// Makes `target/docs/index.html`
pub(crate) fn site() -> Result<Skipped, TaskError> {
    let mdbook = mdbook()?;
    let root = xtask::workspace_root();
    let target = xtask::target_directory();
    let source = target.join("docs-source");
    if source.exists() {
        fs::remove_dir_all(&source)?;
    }
    for folder in FOLDERS {
        copy_documents(&root.join(folder), &source.join(folder))?;
    }
    let summary = fs::read_to_string(root.join(PAGES).join("SUMMARY.md"))?;
    fs::write(source.join("SUMMARY.md"), from_the_top(&summary))?;
    fs::write(
        source.join("book.toml"),
        format!(
            "[book]\ntitle = \"lookoutvision-emulator\"\nlanguage = \"en\"\nsrc = \".\"\n\n\
             [build]\nbuild-dir = {:?}\ncreate-missing = false\n",
            std::path::absolute(target.join("docs"))?
        ),
    )?;
    run("the site", Command::new(mdbook).arg("build").arg(&source))?;
    let site = std::path::absolute(target.join("docs/index.html"))?;
    println!("{}", site.display());
    Ok(Skipped::new())
}

/// mdBook, from the path or installed for this checkout
fn mdbook() -> Result<PathBuf, TaskError> {
    let own = xtask::target_directory().join("tools");
    let installed = own.join("bin/mdbook");
    for program in [installed.clone(), "mdbook".into()] {
        if output(Command::new(&program).arg("--version")).is_some() {
            return Ok(program);
        }
    }
    run(
        "mdBook",
        cargo()
            .args([
                "install",
                "--locked",
                "mdbook",
                "--version",
                MDBOOK_VERSION,
                "--root",
            ])
            .arg(&own),
    )?;
    Ok(installed)
}

/// Copies the documents of one folder, and the files beside them that they may show or link to
fn copy_documents(from: &Path, to: &Path) -> Result<(), TaskError> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let is_document = path.extension().is_some_and(|extension| {
            ["md", "json", "yml", "yaml", "png", "svg"]
                .iter()
                .any(|known| extension == *known)
        });
        if let (true, Some(name)) = (is_document && path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// The table of contents with paths relative to the top
fn from_the_top(summary: &str) -> String {
    let mut parts = summary.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (path, rest) = part.split_once(')').unwrap_or((part, ""));
        let path = normal(&Path::new(PAGES).join(path));
        text += &format!("]({}){rest}", path.display());
    }
    text
}

/// A path without `..`
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            component => normal.push(component),
        }
    }
    normal
}

/// The folder of the pages
const PAGES: &str = "emulator/docs";
/// The folders of the documents, and of what they link to
const FOLDERS: [&str; 8] = [
    "",
    "certs",
    "client-tests",
    "client-tests/compose",
    "emulator",
    PAGES,
    "emulator/docs/images",
    "emulator/examples",
];
const MDBOOK_VERSION: &str = "0.5.4";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_contents_leads_to_the_same_documents_from_the_top() {
        assert_eq!(
            from_the_top("- [A](sdks.md)\n- [B](../SEMANTICS.md)\n- [C](../../certs/README.md)\n"),
            "- [A](emulator/docs/sdks.md)\n- [B](emulator/SEMANTICS.md)\n- [C](certs/README.md)\n"
        );
    }
}
