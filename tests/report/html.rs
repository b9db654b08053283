//! Pages: everything is escaped, closed, and comes from the page itself.

use super::fixtures::{png, tags};
use hullscope::report::html::{self, Table};
use hullscope::report::plot::{Chart, Figure};
use maud::{Markup, html};

fn page(below: &Markup) -> String {
    html::page(
        "A <title> & \"more\"",
        &html::section("<b>", below),
        "<date>",
    )
}

#[test]
fn every_part_is_escaped_and_closed() {
    let odd = "<script>\"'&";
    let figure = Figure {
        title: odd.into(),
        note: String::new(),
        panels: vec![Chart::default()],
    };
    let row = vec!["a|b@<c>".to_string(), "1".into()];
    let text = page(&html! {
        p { (odd) }
        (html::code(odd))
        (html::list(&[odd.into()]))
        (html::terms([(odd, odd)]))
        (html::table(&Table::new(odd, [odd, "n"], [row])))
        (html::figure(&figure, odd, odd))
        (html::sheet(&png(4, 2), odd))
        (html::details(odd, false, &html! { p { "inner" } }))
        (html::sources())
    });
    assert!(!text.contains("<script>\"'&"), "{text}");
    let tags = tags(&text);
    for tag in [
        "h1", "h2", "table", "th", "svg", "img", "details", "summary", "dl", "a",
    ] {
        assert!(tags.iter().any(|found| found == tag), "{tag}");
    }
    assert!(text.contains("<html lang=\"en\">") && text.contains("name=\"viewport\""));
    assert!(
        text.contains("<th scope=\"row\" class=\"name\">a|<wbr>b@<wbr>&lt;c&gt;</th><td>1</td>")
    );
    assert!(text.contains("alt=\"&lt;script&gt;&quot;'&amp;\" width=\"892\""));
    assert!(text.contains("role=\"img\" aria-label=\"&lt;script&gt;&quot;'&amp;\""));
    assert!(text.contains("px;max-width:min(100%,"));
}

#[test]
fn nothing_comes_from_elsewhere() {
    let text = page(&html! { p { "text" } });
    assert_eq!(text.matches("<script>").count(), 1);
    for outside in ["src=", "<link", "@import", "url(", "fetch", "http"] {
        assert!(!text.contains(outside), "{outside}");
    }
}
