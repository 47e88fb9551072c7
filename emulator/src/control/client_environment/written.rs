//! One change of the environment in the words of a shell or of another program.

use serde_json::{Value, json};

use super::{Change, Format};

pub(super) fn json_member(change: &Change) -> (String, Value) {
    match change {
        Change::Set(name, value) | Change::Append(name, _, value) => ((*name).to_owned(), json!(value)),
        Change::Remove(name) => ((*name).to_owned(), Value::Null),
    }
}

/// One change as one line; nothing stands behind it, because zsh reads a comment there as words
pub(super) fn line(change: &Change, format: Format) -> String {
    use Change::{Append, Remove, Set};
    match (format, change) {
        (Format::Sh, Set(name, value)) => format!("export {name}={}\n", quoted(value)),
        (Format::Sh, Append(name, separator, value)) => {
            let (value, end) = (quoted(value), quoted(&separator.to_string()));
            // Pasted twice, it adds nothing: a list that has the value already matches the pattern.
            format!(
                "export {name}; case {end}\"${{{name}-}}\"{end} in *{end}{value}{end}*) ;; *) \
                 {name}=\"${{{name}:+${name}{separator}}}\"{value};; esac\n"
            )
        }
        (Format::Sh, Remove(name)) => format!("unset {name}\n"),
        (Format::Fish, Set(name, value)) => format!("set -gx {name} {}\n", fish_quoted(value)),
        (Format::Fish, Append(name, separator, value)) => {
            let pattern = fish_quoted(&format!("*{separator}{value}{separator}*"));
            let value = fish_quoted(value);
            format!(
                "string match -q -- {pattern} \"{separator}${name}{separator}\"; or set -gx {name} (string join -- \
                 '{separator}' ${name} {value})\n"
            )
        }
        (Format::Fish, Remove(name)) => format!("set -e {name}\n"),
        (Format::Powershell, Set(name, value)) => format!("$env:{name} = {}\n", powershell_quoted(value)),
        (Format::Powershell, Append(name, separator, value)) => {
            let listed = powershell_quoted(&format!("{separator}{value}{separator}"));
            let value = powershell_quoted(value);
            format!(
                "if (-not \"{separator}$env:{name}{separator}\".Contains({listed})) {{ $env:{name} = if ($env:{name}) {{ \
                 $env:{name} + '{separator}' + {value} }} else {{ {value} }} }}\n"
            )
        }
        (Format::Powershell, Remove(name)) => {
            format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue\n")
        }
        (Format::Dotenv, Set(name, value) | Append(name, _, value)) => {
            format!("{name}=\"{}\"\n", value.replace('\\', r"\\").replace('"', "\\\""))
        }
        (Format::Github, Set(name, value) | Append(name, _, value)) => format!("{name}={value}\n"),
        // Such a file cannot take a variable away, so it says which ones must not be there.
        (Format::Dotenv, Remove(name)) => format!("# {name} must not be set\n"),
        // Nor can this one, and a comment in it is an error to the runner. `env` tells it beside the file.
        (Format::Github, Remove(_)) | (Format::Json, _) => String::new(),
    }
}

/// A word as sh, bash and zsh read it back
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:@%,=".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn fish_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

fn powershell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
