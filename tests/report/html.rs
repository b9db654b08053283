//! Pages: everything is escaped, closed, and comes from the page itself.

use super::fixtures::{png, tags};
use hullscope::report::html::{self, PageFigure, Picture, Section, SectionPart, Table};

fn page(parts: Vec<SectionPart>) -> String {
    let sections = vec![Section::new("<b>", parts)];
    html::page("A <title> & \"more\"", sections, "<date>")
}

#[test]
fn every_part_is_escaped_and_closed() {
    let odd = || "<script>\"'&".to_string();
    let png = png(4, 2);
    let figure = |picture| {
        SectionPart::Figure(PageFigure {
            alt: odd(),
            caption: odd(),
            picture,
        })
    };
    let text = page(vec![
        SectionPart::Text(odd()),
        SectionPart::Code(odd()),
        SectionPart::List(vec![odd()]),
        SectionPart::Terms(vec![(odd(), odd())]),
        SectionPart::Links(vec![(odd(), "https://example.org/?a=1&b=\"".into())]),
        SectionPart::Table(Table {
            caption: odd(),
            head: vec![odd(), "n".into()],
            rows: vec![vec!["a|b@<c>".into(), "1".into()]],
            names: 1,
        }),
        figure(Picture::Svg {
            wide: "<svg width=\"100\"><text>x</text></svg>".into(),
            narrow: Some("<svg width=\"50\"><text>x</text></svg>".into()),
        }),
        figure(Picture::Png(png)),
        SectionPart::Details {
            summary: odd(),
            open: false,
            parts: vec![SectionPart::Text("inner".into())],
        },
    ]);
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
    assert!(text.contains("alt=\"&lt;script&gt;&quot;'&amp;\" width=\"2\" height=\"1\""));
    assert!(
        text.contains(
            "<svg role=\"img\" aria-label=\"&lt;script&gt;&quot;'&amp;\" style=\"min-width:75px;max-width:min(100%,130px)\" width=\"100\">"
        )
    );
    assert!(text.contains("href=\"https://example.org/?a=1&amp;b=&quot;\""));
}

#[test]
fn nothing_comes_from_elsewhere() {
    let text = page(vec![SectionPart::Text("text".into())]);
    assert_eq!(text.matches("<script>").count(), 1);
    for outside in ["src=", "<link", "@import", "url(", "fetch", "http"] {
        assert!(!text.contains(outside), "{outside}");
    }
}
