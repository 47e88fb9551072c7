//! The dashboard: pages for people, over the same routes that programs use.
//!
//! Each page is a shell with its own middle part, static, and a module of JavaScript that asks the control API and follows
//! `GET /events`. All of it is in the binary, and a strict Content-Security-Policy keeps a browser from taking anything
//! from elsewhere, from running what stands in a page's text, and from reading a text as markup.

use std::sync::Arc;

use axum::{Extension, response::Redirect};
use http::{HeaderName, HeaderValue, StatusCode, header};
use hyper::body::Bytes;
use utoipa::openapi::OpenApi;

use super::{
    ControlError,
    answer::{Answer, bytes_answer},
    path::PathText,
};

/// A page of the dashboard
struct Page {
    /// What stands behind `/dashboard/`; empty for the first page
    name: &'static str,
    title: &'static str,
    /// The route that it shows; without this route there is no page
    route: &'static str,
    /// The module that fills it
    script: &'static str,
    /// What stands between its head and its foot
    main: &'static str,
}

/// A file that pages load
struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

/// The pages whose routes exist, and the files that they load, ready to be answered
pub(super) struct Dashboard {
    pages: Vec<&'static Page>,
    ready: Vec<Ready>,
}

/// What is answered for a page or a file
struct Ready {
    name: &'static str,
    content_type: &'static str,
    bytes: Bytes,
}

/// The first page of the dashboard, for a browser: the requests
#[utoipa::path(
    get, path = "/dashboard", tag = "dashboard",
    responses((status = 200, body = String, content_type = "text/html"))
)]
pub(super) async fn start(Extension(dashboard): Extension<Arc<Dashboard>>) -> Answer {
    dashboard.answer("")
}

/// Leads to `/dashboard`, for those who write a slash behind it
#[utoipa::path(
    get, path = "/dashboard/", tag = "dashboard",
    responses((status = 308, description = "to `/dashboard`"))
)]
pub(super) async fn with_slash() -> Redirect {
    Redirect::permanent("/dashboard")
}

/// Another page of the dashboard, or a file that its pages load
#[utoipa::path(
    get, path = "/dashboard/{name}", tag = "dashboard",
    params(("name" = String, Path, description = "`policies`, `coverage`, `setup`, …; `style.css`, `requests.js`, …")),
    responses(
        (status = 200, content((String = "text/html"), (String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml"))),
        (status = 404, description = "no such page or file"),
    )
)]
pub(super) async fn show(
    Extension(dashboard): Extension<Arc<Dashboard>>,
    PathText(name): PathText,
) -> Answer {
    dashboard.answer(&name)
}

impl Dashboard {
    pub(super) fn of(document: &OpenApi) -> Self {
        let is_there = |page: &&Page| document.paths.paths.contains_key(page.route);
        let pages: Vec<&Page> = PAGES.iter().filter(is_there).collect();
        let shown = pages.iter().map(|page| Ready {
            name: page.name,
            content_type: "text/html; charset=utf-8",
            bytes: page.html(&pages).into(),
        });
        let assets = ASSETS.iter().map(|asset| Ready {
            name: asset.name,
            content_type: asset.content_type,
            bytes: Bytes::from_static(asset.text.as_bytes()),
        });
        let ready = shown.chain(assets).collect();
        Self { pages, ready }
    }

    fn answer(&self, name: &str) -> Answer {
        let found = self.ready.iter().find(|ready| ready.name == name);
        let ready = found.ok_or_else(|| self.not_found(name))?;
        let mut response = bytes_answer(ready.content_type, ready.bytes.clone())?;
        let fields = response.headers_mut();
        for (name, value) in HEADERS {
            fields.insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }

    fn not_found(&self, name: &str) -> ControlError {
        let names: Vec<&str> = self.pages.iter().skip(1).map(|page| page.name).collect();
        ControlError::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            format!(
                "the dashboard has no `{}`; its pages are `/dashboard` and, below it, {}",
                client_text::Shown(name),
                client_text::spelling::quoted(&names)
            ),
        )
    }
}

impl Page {
    fn path(&self) -> String {
        match self.name {
            "" => "/dashboard".to_owned(),
            name => format!("/dashboard/{name}"),
        }
    }

    fn html(&self, pages: &[&Self]) -> String {
        SHELL
            .replace("{title}", self.title)
            .replace("{script}", self.script)
            .replace("{navigation}", &self.navigation(pages))
            .replace("{main}", self.main)
    }

    /// The links to all pages, this one marked
    fn navigation(&self, pages: &[&Self]) -> String {
        let link = |page: &&Self| {
            let here = match page.name == self.name {
                true => " aria-current=\"page\"",
                false => "",
            };
            format!("<a href=\"{}\"{here}>{}</a>", page.path(), page.title)
        };
        pages.iter().map(link).collect()
    }
}

const fn script(name: &'static str, text: &'static str) -> Asset {
    Asset {
        name,
        content_type: "text/javascript; charset=utf-8",
        text,
    }
}

/// The header fields of every page and file
///
/// No text becomes markup or a program: the Content-Security-Policy has neither `unsafe-inline` nor `unsafe-eval`, and a
/// browser that knows Trusted Types refuses every `innerHTML`.
const HEADERS: [(HeaderName, &str); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    // The next version of the emulator has other files under the same names.
    (header::CACHE_CONTROL, "no-cache"),
];

const SHELL: &str = include_str!("dashboard/shell.html");

/// In the order of the navigation
static PAGES: [Page; 7] = [
    Page {
        name: "",
        title: "Requests",
        route: "/requests",
        script: "requests.js",
        main: include_str!("dashboard/requests.html"),
    },
    Page {
        name: "policies",
        title: "Policies",
        route: "/vpc-endpoints/{vpc_endpoint_id}/policy",
        script: "policies.js",
        main: include_str!("dashboard/policies.html"),
    },
    Page {
        name: "matrix",
        title: "Matrix",
        route: "/matrix",
        script: "matrix.js",
        main: include_str!("dashboard/matrix.html"),
    },
    Page {
        name: "project",
        title: "Project",
        route: "/projects",
        script: "project.js",
        main: include_str!("dashboard/project.html"),
    },
    Page {
        name: "faults",
        title: "Faults",
        route: "/faults",
        script: "faults.js",
        main: include_str!("dashboard/faults.html"),
    },
    Page {
        name: "coverage",
        title: "Coverage",
        route: "/coverage",
        script: "coverage.js",
        main: include_str!("dashboard/coverage.html"),
    },
    Page {
        name: "setup",
        title: "Set-up",
        route: "/env",
        script: "setup.js",
        main: include_str!("dashboard/setup.html"),
    },
];

static ASSETS: [Asset; 21] = [
    Asset {
        name: "style.css",
        content_type: "text/css; charset=utf-8",
        text: include_str!("dashboard/style.css"),
    },
    Asset {
        name: "icon.svg",
        content_type: "image/svg+xml",
        text: include_str!("dashboard/icon.svg"),
    },
    script("base.js", include_str!("dashboard/base.js")),
    script("charts.js", include_str!("dashboard/charts.js")),
    script("copies.js", include_str!("dashboard/copies.js")),
    script("coverage.js", include_str!("dashboard/coverage.js")),
    script("coverage_lines.js", include_str!("dashboard/coverage_lines.js")),
    script("editor.js", include_str!("dashboard/editor.js")),
    script("edits.js", include_str!("dashboard/edits.js")),
    script("explain.js", include_str!("dashboard/explain.js")),
    script("faults.js", include_str!("dashboard/faults.js")),
    script("live.js", include_str!("dashboard/live.js")),
    script("matrix.js", include_str!("dashboard/matrix.js")),
    script("pictures.js", include_str!("dashboard/pictures.js")),
    script("policies.js", include_str!("dashboard/policies.js")),
    script("policy_text.js", include_str!("dashboard/policy_text.js")),
    script("project.js", include_str!("dashboard/project.js")),
    script("requests.js", include_str!("dashboard/requests.js")),
    script("setup.js", include_str!("dashboard/setup.js")),
    script("whatif.js", include_str!("dashboard/whatif.js")),
    script("yaml.js", include_str!("dashboard/yaml.js")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_pages_and_modules_name_is_there_and_all_of_it_is_small() {
        let names: Vec<&str> = ASSETS.iter().map(|asset| asset.name).collect();
        let pages: Vec<&Page> = PAGES.iter().collect();
        for page in &PAGES {
            assert!(names.contains(&page.script), "{}", page.script);
            let html = page.html(&pages);
            assert!(!html.contains(['{', '}']), "{}: {html}", page.name);
        }
        for asset in &ASSETS {
            for rest in asset.text.split(" from './").skip(1) {
                let name = rest.split('\'').next().unwrap_or_default();
                assert!(names.contains(&name), "{} loads {name}", asset.name);
            }
        }
        let texts = ASSETS.iter().map(|asset| asset.text);
        let bytes: usize = texts
            .chain(PAGES.iter().map(|page| page.main))
            .map(str::len)
            .sum();
        assert!(bytes + SHELL.len() <= 250 * 1024, "{bytes} bytes");
    }

    #[test]
    fn nothing_is_taken_from_elsewhere_and_no_text_is_read_as_markup() {
        for text in ASSETS
            .iter()
            .map(|asset| asset.text)
            .chain(PAGES.iter().map(|page| page.main))
        {
            let addresses = text.replace("http://www.w3.org/", "").replace("https://${", "");
            assert!(!addresses.contains("://"), "{addresses}");
            assert!(
                !text.contains("innerHTML") && !text.contains("insertAdjacentHTML"),
                "{text}"
            );
        }
    }
}
