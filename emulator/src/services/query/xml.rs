//! XML as the query protocols answer with it: elements and text, no attributes but the root's namespace.

use std::fmt::Write;

/// A document that is being written
#[derive(Debug)]
pub(crate) struct Xml(String);

impl Xml {
    /// A document with its declaration
    pub(crate) fn with_declaration() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// A document without one, as STS answers
    pub(crate) fn bare() -> Self {
        Self(String::new())
    }

    /// The outermost element, with the namespace of everything in it
    pub(crate) fn root(&mut self, name: &str, namespace: &str, content: impl FnOnce(&mut Self)) {
        write!(self.0, "<{name} xmlns=\"{namespace}\">").expect(TAKES_EVERYTHING);
        content(self);
        write!(self.0, "</{name}>").expect(TAKES_EVERYTHING);
    }

    /// An element with elements in it
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        write!(self.0, "<{name}>").expect(TAKES_EVERYTHING);
        content(self);
        write!(self.0, "</{name}>").expect(TAKES_EVERYTHING);
    }

    /// An element with a text in it
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.element(name, |xml| text.chars().for_each(|c| xml.character(c)));
    }

    /// An element with `true` or `false` in it
    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.text(name, if flag { "true" } else { "false" });
    }

    /// A list: `item` for each of its elements
    pub(crate) fn items<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for item in items {
                xml.element("item", |xml| write(xml, item));
            }
        });
    }

    /// A list of texts
    pub(crate) fn texts<T: AsRef<str>>(&mut self, name: &str, texts: impl IntoIterator<Item = T>) {
        self.element(name, |xml| {
            for text in texts {
                xml.text("item", text.as_ref());
            }
        });
    }

    /// The whole document
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn character(&mut self, character: char) {
        match character {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            // A parser turns a bare one into a line feed (XML 1.0, section 2.11).
            '\r' => self.0.push_str("&#xD;"),
            '\t' | '\n' => self.0.push(character),
            // XML 1.0, section 2.2: these cannot be written at all, not even as a reference.
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => self.0.push(char::REPLACEMENT_CHARACTER),
            _ => self.0.push(character),
        }
    }
}

const TAKES_EVERYTHING: &str = "a String takes everything";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_bring_cannot_break_out_of_its_element() {
        let mut xml = Xml::bare();
        xml.text("a", "</a><b c=\"&\">\r\n\u{0}\u{1b}é");
        assert_eq!(
            xml.into_string(),
            "<a>&lt;/a&gt;&lt;b c=&quot;&amp;&quot;&gt;&#xD;\n\u{fffd}\u{fffd}é</a>"
        );
    }

    #[test]
    fn a_document_is_a_root_with_a_namespace_and_lists_of_items() {
        let mut xml = Xml::with_declaration();
        xml.root("R", "http://n/", |xml| {
            xml.texts("set", ["x", "y"]);
            xml.items("pairs", [("k", true)], |xml, (key, flag)| xml.flag(key, flag));
        });
        assert_eq!(
            xml.into_string(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://n/\"><set><item>x</item><item>y</item></set>\
             <pairs><item><k>true</k></item></pairs></R>"
        );
    }
}
