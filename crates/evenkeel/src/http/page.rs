//! The page: three files and an icon, built into the program. What it shows comes from `/v1/status`.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Source;

const FILES: [(&str, &str, &str); 4] = [
    ("/", "text/html; charset=utf-8", include_str!("page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page.js")),
    ("/icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

/// The routes of the page.
pub fn routes() -> Router<Source> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, body)| {
        // A new version of the program is a new page: asked for anew, and small.
        let answer = move || async move {
            ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], body).into_response()
        };
        router.route(path, get(answer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> &'static str {
        FILES.iter().find(|(name, ..)| *name == path).unwrap().2
    }

    /// What documents and AWS say is shown as text, never read as HTML.
    #[test]
    fn the_page_never_builds_html_from_text() {
        let script = file("/page.js");
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("] {
            assert!(!script.contains(way), "{way}");
        }
    }

    /// The content security policy lets nothing else through.
    #[test]
    fn the_page_loads_nothing_from_elsewhere_and_has_nothing_inline() {
        let page = file("/");
        assert!(!page.contains("style=") && !page.contains("<style") && !page.contains(" onclick"));
        let sources: Vec<&str> = page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1)).collect();
        assert!(sources.len() >= 3);
        assert!(sources.iter().all(|it| it.starts_with('/') || it.starts_with('#')), "{sources:?}");
        assert!(page.matches("<script").count() == 1 && page.contains("</script>"));
        assert!(!file("/page.css").contains("url("));
    }

    #[test]
    fn the_page_says_what_to_do_without_scripts() {
        assert!(file("/").contains("<noscript>"));
    }
}
